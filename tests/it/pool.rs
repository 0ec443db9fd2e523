//! Pooled connections: what one request leaves behind, the next must not find.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use futures_util::FutureExt;
use tenantctl::{
    db::{self, Database, PlatformConn, Pool, PoolSettings, TenantTx},
    domain::{OrganizationId, UserId},
    error::ErrorKind,
};

use crate::common::{Fixture, settings, user};

/// A pool of one connection, so that whoever comes next has the same one, unless it was closed.
fn pool_of_one(url: &str) -> Pool {
    Pool::new(PoolSettings {
        connect: settings(url),
        max_connections: 1,
        wait: Duration::from_secs(60),
    })
    .unwrap()
}

/// As the next request would ask: across tenants, then within one.
async fn assert_clean(fixture: &Fixture, pool: &Pool, after: &str) {
    let next = pool.get().await.unwrap();
    let mut conn = PlatformConn::open(&next).unwrap();
    for organization in [&fixture.a, &fixture.b] {
        let found = db::organizations::find(&mut conn, organization.id).await;
        assert!(
            matches!(found, Ok(Some(_))),
            "{after}: still in the scope of one tenant"
        );
    }
    drop(conn);
    let in_transaction = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let left: i64 = fixture.db.scalar(in_transaction).await;
    assert_eq!(left, 0, "{after}: a transaction was left open");
    for organization in [&fixture.b, &fixture.a] {
        let mut tx = TenantTx::begin(&next, organization.id).await.unwrap();
        let current = db::organizations::current(&mut tx).await.unwrap();
        assert_eq!(current.unwrap().id, organization.id, "{after}");
        tx.rollback().await.unwrap();
    }
}

async fn open(pool: &Pool, organization: OrganizationId) -> (Database, TenantTx) {
    let db = pool.get().await.unwrap();
    let tx = TenantTx::begin(&db, organization).await.unwrap();
    (db, tx)
}

#[tokio::test]
async fn a_handle_dropped_in_mid_transaction_comes_back_clean() {
    let fixture = Fixture::new().await;
    let pool = pool_of_one(&fixture.db.url);
    let (db, mut tx) = open(&pool, fixture.a.id).await;
    let mut renamed = fixture.a.clone();
    renamed.name = "Renamed".to_owned();
    db::organizations::update(&mut tx, &renamed).await.unwrap();
    drop(tx);
    drop(db);
    assert_clean(&fixture, &pool, "dropped").await;
    let id = fixture.a.id;
    let name: String = fixture
        .db
        .scalar(&format!("SELECT name FROM organizations WHERE id = '{id}'"))
        .await;
    assert_eq!(name, fixture.a.name);
}

/// Its locks would be in the way of others until somebody happened to need that connection.
#[tokio::test]
async fn a_transaction_that_was_dropped_ends_at_once() {
    let fixture = Fixture::new().await;
    let pool = pool_of_one(&fixture.db.url);
    let (db, mut tx) = open(&pool, fixture.a.id).await;
    db::organizations::lock_current(&mut tx).await.unwrap();
    drop((tx, db));
    let left = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let ended = async {
        while fixture.db.scalar::<i64>(left).await > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended)
        .await
        .expect("nobody asked for the connection");
}

/// A request that is cut off at its time limit, while it waits for an answer of the server.
#[tokio::test]
async fn a_handle_cut_off_while_it_waits_comes_back_clean() {
    let fixture = Fixture::new().await;
    let pool = pool_of_one(&fixture.db.url);

    let db = pool.get().await.unwrap();
    // Dropped, not kept: the server may have been quicker, and a transaction keeps the connection.
    drop(TenantTx::begin(&db, fixture.a.id).now_or_never());
    drop(db);
    assert_clean(&fixture, &pool, "BEGIN").await;

    // Somebody else has what it waits for: the answer cannot be there already.
    let other = fixture.db.database().await;
    let mut holding = TenantTx::begin(&other, fixture.a.id).await.unwrap();
    db::organizations::lock_current(&mut holding).await.unwrap();
    let (db, mut tx) = open(&pool, fixture.a.id).await;
    let waiting = db::organizations::lock_current(&mut tx).now_or_never();
    assert!(waiting.is_none());
    drop((tx, db));
    holding.rollback().await.unwrap();
    assert_clean(&fixture, &pool, "a statement").await;

    let (db, tx) = open(&pool, fixture.a.id).await;
    // The server may have been quicker, which is no fault.
    let _cut = tx.commit().now_or_never();
    drop(db);
    assert_clean(&fixture, &pool, "COMMIT").await;

    let (db, tx) = open(&pool, fixture.a.id).await;
    let _cut = tx.rollback().now_or_never();
    drop(db);
    assert_clean(&fixture, &pool, "ROLLBACK").await;
}

/// Drops the work when it has waited that often.
async fn cut_after<F: Future>(waits: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut waited = 0;
    poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if waited == waits => Poll::Ready(None),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

/// At whatever moment it is.
#[tokio::test]
async fn a_request_cut_off_at_any_moment_leaves_nothing_to_the_next() {
    let fixture = Fixture::new().await;
    let pool = pool_of_one(&fixture.db.url);
    let mut cut_off = 0;
    // How often it waits differs from run to run; no way has more than a dozen.
    for waits in 0..12 {
        let work = async {
            let (_db, mut tx) = open(&pool, fixture.a.id).await;
            db::organizations::lock_current(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        let done = cut_after(waits, work).await;
        assert_clean(&fixture, &pool, &format!("cut off after {waits} waits")).await;
        cut_off += usize::from(done.is_none());
    }
    assert!(cut_off > 0, "it was never cut off");
}

/// BEGIN itself can fail half-way: the role is not to be had.
#[tokio::test]
async fn a_scope_that_cannot_be_entered_spoils_no_connection() {
    let fixture = Fixture::new().await;
    let role = crate::common::unique("outsider");
    fixture
        .db
        .execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON organizations TO {role}"
        ))
        .await;
    let url = fixture
        .db
        .url
        .replacen("//postgres@", &format!("//{role}@"), 1);
    let pool = pool_of_one(&url);
    let db = pool.get().await.unwrap();
    let refused = TenantTx::begin(&db, fixture.a.id).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    drop(db);
    let db = pool.get().await.unwrap();
    let mut conn = PlatformConn::open(&db).unwrap();
    let found = db::organizations::find(&mut conn, fixture.a.id).await;
    assert!(found.is_ok(), "{found:?}");
}

/// Returned to the pool with its lock, nobody could sign up any more.
#[tokio::test]
async fn the_lock_of_a_sign_up_ends_with_the_request() {
    let fixture = Fixture::new().await;
    let pool = pool_of_one(&fixture.db.url);
    let user: UserId = user(&fixture.session, "fay@f.example").await.id;
    let db = pool.get().await.unwrap();
    let mut conn = PlatformConn::begin(&db).await.unwrap();
    db::users::lock_sign_up(&mut conn, user).await.unwrap();
    drop((conn, db));
    let other = fixture.db.database().await;
    let mut conn = PlatformConn::begin(&other).await.unwrap();
    let begun = db::users::lock_sign_up(&mut conn, user);
    tokio::time::timeout(Duration::from_secs(20), begun)
        .await
        .expect("the lock is free")
        .unwrap();
}

#[tokio::test]
async fn a_connection_that_is_not_to_be_had_is_unavailable() {
    let fixture = Fixture::new().await;
    let pool = Pool::new(PoolSettings {
        connect: settings(&fixture.db.url),
        max_connections: 1,
        wait: Duration::from_millis(200),
    })
    .unwrap();
    let held = pool.get().await.unwrap();
    let error = pool.get().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(pool.size().used, 1);
    drop(held);
    pool.get().await.unwrap();

    for nobody in [
        "postgres://u@127.0.0.1:1/db",
        "postgres://u@localhost/db?host=/nonexistent",
    ] {
        let pool = Pool::new(PoolSettings {
            connect: settings(nobody),
            max_connections: 1,
            wait: Duration::from_millis(200),
        })
        .unwrap();
        let error = pool.get().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{nobody}");
    }
}

#[tokio::test]
async fn a_listener_hears_what_is_sent_and_notices_that_it_was_cut_off() {
    let fixture = Fixture::new().await;
    let channels = [db::CONFIGURATION_CHANNEL];
    let mut listener = db::Listener::connect(&settings(&fixture.db.url), &channels)
        .await
        .unwrap()
        .expect("nothing stands before the server");
    let patience = Duration::from_secs(5);
    let id = fixture.a.id;
    fixture
        .db
        .execute(&format!("NOTIFY tenantctl_configuration, '{id}:web'"))
        .await;
    let heard = listener.next(patience).await.unwrap().unwrap();
    assert_eq!(
        db::Changed::parse(&heard.payload),
        db::Changed::Organization(id)
    );
    let nothing = listener.next(Duration::from_millis(300)).await.unwrap();
    assert_eq!(nothing, None);
    fixture
        .db
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'tenantctl'
                AND query NOT LIKE '%pg_terminate_backend%'",
        )
        .await;
    let lost = listener.next(patience).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
}
