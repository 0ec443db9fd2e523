//! Who waits for the database, and who does not have to.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    house::{House, SECRET},
    sign,
};
use crate::serve::PATIENCE;

/// As many as there are connections, and more.
const REQUESTS: usize = 8;

#[tokio::test]
async fn requests_that_the_database_keeps_waiting_leave_connections_to_other_organizations() {
    let house = House::new().await;
    let kept = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    let other = house
        .endpoint(&house.b, ChannelKind::Retell, Scheme::Retell)
        .await;
    let cli = house.cli();
    let section = "database_connections = 4\ndatabase_wait_seconds = 2";
    let serving = house.serve(&cli, section, &["--no-worker"]);
    let address = serving.address();
    let now = house.session.now();
    let ended = |path: &str, call: usize| {
        let call = json!({"call_id": format!("call {call}")});
        let body = json!({"event": "call_ended", "call": call}).to_string();
        sign::retell(SECRET, path, now, body)
    };
    for endpoint in [&kept, &other] {
        let told = ended(&endpoint.path, REQUESTS).over(address);
        assert_eq!(told.status, 200, "{told:?}");
    }

    // An event refers to its endpoint, so the row of that one keeps its events waiting.
    let mut lock = house.db.raw().await;
    let sql = format!(
        "BEGIN; SELECT FROM webhook_endpoints WHERE id = '{}' FOR UPDATE",
        kept.id
    );
    lock.execute(AssertSqlSafe(sql)).await.unwrap();
    let waiting = (0..REQUESTS).map(|call| {
        let ask = ended(&kept.path, call);
        std::thread::spawn(move || ask.over(address).status)
    });
    let waiting: Vec<_> = waiting.collect();
    let at_the_database = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let begun = std::time::Instant::now();
    while house.count(at_the_database).await < 2 {
        assert!(begun.elapsed() < PATIENCE, "two of them wait there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for call in 0..REQUESTS {
        let told = ended(&other.path, call).over(address);
        assert_eq!(told.status, 200, "{told:?}");
    }
    assert_eq!(
        house.count(at_the_database).await,
        2,
        "the others wait here"
    );

    // Those that waited too long are told to come again; nothing of them is stored.
    let begun = std::time::Instant::now();
    while waiting.iter().filter(|one| one.is_finished()).count() < REQUESTS - 2 {
        assert!(begun.elapsed() < PATIENCE, "nobody waits for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    lock.execute("ROLLBACK").await.unwrap();
    let told: Vec<u16> = waiting.into_iter().map(|one| one.join().unwrap()).collect();
    let of = |status: u16| told.iter().filter(|one| **one == status).count();
    assert_eq!((of(200), of(503)), (2, REQUESTS - 2), "{told:?}");
    let stored = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM
        (SELECT count(*) AS n FROM webhook_events GROUP BY organization_id) AS counted";
    let all = format!("{} {}", 1 + 2, 1 + REQUESTS);
    assert_eq!(house.text(stored).await, all);
}
