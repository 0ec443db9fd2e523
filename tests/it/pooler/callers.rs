//! Many callers on few connections: nobody gets an error, or what another asked for.

use std::time::{Duration, Instant};

use tenantctl::{
    db::{self, Database, PlatformConn, TenantTx},
    domain::Slug,
    services::organizations::{self, NewOrganization},
    system::Environment,
};
use tokio::task::JoinSet;

use crate::common::{Bouncer, TestDb, settings};

const CALLERS: usize = 60;

/// For how long they call: a second, unless this says otherwise.
const SECONDS_VARIABLE: &str = "TENANTCTL_POOLER_SECONDS";

fn duration() -> Duration {
    let seconds = Environment::from_process()
        .get(SECONDS_VARIABLE)
        .and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_callers_get_no_error_and_no_answer_of_another() {
    let db = TestDb::new();
    let bouncer = Bouncer::start(&db, 4, "");
    let session = db.session().await;
    let mut callers = JoinSet::new();
    let until = duration();
    for number in 0..CALLERS {
        let new = NewOrganization {
            name: format!("Caller {number}"),
            slug: Some(Slug::parse(&format!("caller-{number}")).unwrap()),
            time_zone: "UTC".parse().unwrap(),
            locale: "en".parse().unwrap(),
            owner: None,
        };
        let own = organizations::create(&session, &new).await.unwrap();
        let own = own.organization;
        let settings = settings(&bouncer.url());
        callers.spawn(async move {
            let database = Database::connect(&settings).await.unwrap();
            assert!(database.is_pooled());
            let mut asked = 0_u32;
            let begun = Instant::now();
            while asked < 20 || begun.elapsed() < until {
                // Outside of a transaction, of two shapes.
                let mut conn = PlatformConn::open(&database).unwrap();
                let found = db::organizations::find_by_slug(&mut conn, own.slug.as_str())
                    .await
                    .unwrap();
                assert_eq!(found.unwrap().id, own.id);
                let slugs = db::organizations::slugs(&mut conn, own.slug.as_str(), 1)
                    .await
                    .unwrap();
                assert_eq!(slugs, [own.slug.to_string()]);
                drop(conn);
                // In one, sometimes dropped, sometimes committed.
                let mut tx = TenantTx::begin(&database, own.id).await.unwrap();
                let current = db::organizations::current(&mut tx).await.unwrap();
                assert_eq!(current.unwrap().slug, own.slug);
                match asked % 3 {
                    0 => drop(tx),
                    1 => tx.rollback().await.unwrap(),
                    _ => {
                        let mut renamed = db::organizations::lock_current(&mut tx)
                            .await
                            .unwrap()
                            .unwrap();
                        renamed.name = format!("{} for the {asked}th time", own.slug);
                        db::organizations::update(&mut tx, &renamed).await.unwrap();
                        tx.commit().await.unwrap();
                    }
                }
                asked += 1;
            }
            asked
        });
    }
    let mut asked = 0;
    while let Some(ended) = callers.join_next().await {
        asked += ended.expect("no error, and no answer of another");
    }
    assert!(asked >= 20 * 60);
    let foreign = "SELECT count(*) FROM organizations WHERE name NOT LIKE slug || ' for the %'";
    assert_eq!(db.scalar::<i64>(foreign).await, 0);
    let left = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
    assert_eq!(db.scalar::<i64>(left).await, 0);
}
