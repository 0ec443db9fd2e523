//! Copies of the configuration are dropped as soon as it is another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tenantctl::{
    config::ServerSection,
    db::{Pool, PoolSettings},
    domain::{Actor, OrganizationId},
    server::{
        Roles, Server, ServerState, Settings,
        cache::{Cache, OfOrganization, listening::follow},
    },
    stop::{Stop, Stopper},
    system::Clock,
};

use crate::common::{Fixture, TestDb, settings};

#[derive(Debug)]
struct Numbered(OrganizationId, usize);

impl OfOrganization for Numbered {
    fn organization(&self) -> Option<OrganizationId> {
        Some(self.0)
    }
}

struct Copies {
    state: ServerState,
    cache: Arc<Cache<OrganizationId, Numbered>>,
    loads: AtomicUsize,
    _stopper: Stopper,
}

impl Copies {
    fn of(db: &TestDb) -> Self {
        let (stopper, stop): (Stopper, Stop) = Stopper::new();
        let pool = Pool::new(PoolSettings {
            connect: settings(&db.url),
            max_connections: 2,
            wait: Duration::from_secs(5),
        });
        let actor = Actor::Operator {
            name: "test".to_owned(),
        };
        let settings = Settings::of(&ServerSection::default()).unwrap();
        let state = ServerState::new(
            &Server {
                settings,
                roles: Roles {
                    requests: true,
                    work: false,
                },
                pool: pool.unwrap(),
                owner: None,
                tenant_url: None,
                clock: Clock::System,
                actor,
                keys: None,
                sign_up_secrets: Vec::new(),
                mail_workers: Vec::new(),
            },
            stop,
        );
        Self {
            cache: state.caches.cache("test", 100),
            state,
            loads: AtomicUsize::new(0),
            _stopper: stopper,
        }
    }

    async fn get(&self, organization: OrganizationId) -> usize {
        let load = || async {
            let number = self.loads.fetch_add(1, Ordering::SeqCst);
            Ok(Numbered(organization, number))
        };
        let got = self.cache.get_or(&self.state.metrics, &organization, load);
        got.await.unwrap().1
    }

    /// Waits until a copy outlives the time for which one is believed unheard.
    async fn wait_until_kept(&self, organization: OrganizationId) {
        for _ in 0..20 {
            let first = self.get(organization).await;
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            if self.get(organization).await == first {
                return;
            }
        }
        panic!("no copy is kept");
    }

    /// Waits until the copy is another one than that.
    async fn wait_until_dropped(&self, organization: OrganizationId, copy: usize) {
        for _ in 0..1_000 {
            if self.get(organization).await != copy {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the old copy is kept");
    }
}

#[tokio::test]
async fn an_edit_drops_the_copies_of_its_organization_whatever_breaks() {
    let fixture = Fixture::new().await;
    let copies = Copies::of(&fixture.db);
    tokio::spawn(follow(copies.state.clone()));
    let (a, b) = (fixture.a.id, fixture.b.id);
    copies.wait_until_kept(a).await;
    let (of_a, of_b) = (copies.get(a).await, copies.get(b).await);

    let slug = fixture.a.slug.to_string();
    let cli = fixture.db.cli();
    cli.ok(&["channel", "set", "web", "greeting=Hello", "--org", &slug]);
    copies.wait_until_dropped(a, of_a).await;
    assert_eq!(copies.get(b).await, of_b);

    cli.ok(&[
        "agent",
        "system",
        "set",
        "manual_ai_instructions",
        "Be kind",
    ]);
    copies.wait_until_dropped(b, of_b).await;

    // What is sent while nobody listens is lost: nothing older is believed.
    let of_b = copies.get(b).await;
    fixture
        .db
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'tenantctl'",
        )
        .await;
    copies.wait_until_dropped(b, of_b).await;
    copies.wait_until_kept(b).await;
}
