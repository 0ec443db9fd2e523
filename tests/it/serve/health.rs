//! The database goes away under the server, and comes back.

use tenantctl::local::EphemeralCluster;

use super::Serving;
use crate::common::{Cli, TestDb, cluster_options};

#[tokio::test]
async fn it_lives_without_a_database_and_is_ready_when_that_is_back() {
    let cluster = EphemeralCluster::start_with(cluster_options())
        .await
        .unwrap();
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &cluster.admin_url("postgres"));
    cli.ok(&["db", "migrate"]);
    let serving = Serving::start(&cli, &[]);
    serving.wait_for("/readyz", 200);
    for round in 0..2 {
        match round {
            // In order first: this cluster is not durable until it has once ended so.
            0 => cluster.stop().await.unwrap(),
            _ => cluster.crash().await.unwrap(),
        };
        serving.wait_for("/readyz", 503);
        let (_, problem) = serving.get("/readyz");
        assert!(problem.contains(r#""code":"unavailable""#), "{problem}");
        assert!(!problem.contains("postgres"), "{problem}");
        assert_eq!(serving.get("/healthz").0, 200);
        cluster.restart().await.unwrap();
        serving.wait_for("/readyz", 200);
    }
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("not ready"), "{log}");
}

#[test]
fn a_schema_of_another_release_is_not_ready() {
    let db = TestDb::new();
    let serving = Serving::start(&db.cli(), &[]);
    serving.wait_for("/readyz", 200);
    let newer = "INSERT INTO _sqlx_migrations
        SELECT 9999, 'tomorrow', now(), true, '', 1";
    crate::common::block_on(|| db.execute(newer));
    serving.wait_for("/readyz", 503);
    serving.wait_for_log("is newer than this tenantctl");
}
