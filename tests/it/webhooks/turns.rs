//! Who waits for the database, and who does not have to.

use std::{net::SocketAddr, thread::JoinHandle, time::Duration};

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tenantctl::domain::{ChannelKind, webhook::Scheme};

use super::{
    ask::Ask,
    house::{Endpoint, House, SECRET},
    sign,
};
use crate::serve::{PATIENCE, Serving};

/// More than there are connections.
const REQUESTS: usize = 8;

/// Requests that wait for a lock in the database.
const LOCKED: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// A call of that number is over.
fn ended(house: &House, of: &Endpoint, call: usize) -> Ask {
    let call = json!({"call_id": format!("call {call}")});
    let body = json!({"event": "call_ended", "call": call}).to_string();
    sign::retell(SECRET, &of.path, house.session.now(), body)
}

fn send(asks: impl Iterator<Item = Ask>, address: SocketAddr) -> Vec<JoinHandle<u16>> {
    asks.map(|ask| std::thread::spawn(move || ask.over(address).status))
        .collect()
}

/// An event refers to its endpoint, so whoever has the row of that one keeps its events waiting.
async fn lock(house: &House, endpoint: &Endpoint) -> PgConnection {
    let mut connection = house.db.raw().await;
    let id = endpoint.id;
    let sql = format!("BEGIN; SELECT FROM webhook_endpoints WHERE id = '{id}' FOR UPDATE");
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection
}

async fn until_locked(house: &House, requests: i64) {
    let begun = std::time::Instant::now();
    while house.count(LOCKED).await != requests {
        assert!(begun.elapsed() < PATIENCE, "{requests} wait for the lock");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn answered(waiting: Vec<JoinHandle<u16>>) -> Vec<u16> {
    let begun = std::time::Instant::now();
    while !waiting.iter().all(JoinHandle::is_finished) {
        assert!(begun.elapsed() < PATIENCE, "nobody waits for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    waiting.into_iter().map(|one| one.join().unwrap()).collect()
}

struct Two {
    house: House,
    kept: Endpoint,
    other: Endpoint,
    serving: Serving,
}

/// Two organizations whose endpoints the server knows.
async fn two(section: &str) -> Two {
    let house = House::new().await;
    let kept = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    let other = house
        .endpoint(&house.b, ChannelKind::Retell, Scheme::Retell)
        .await;
    let cli = house.cli();
    let section = format!("database_connections = 4\nrequest_seconds = 3\n{section}");
    let serving = house.serve(&cli, &section, &["--no-worker"]);
    for endpoint in [&kept, &other] {
        let told = ended(&house, endpoint, 1_000).over(serving.address());
        assert_eq!(told.status, 200, "{told:?}");
    }
    Two {
        house,
        kept,
        other,
        serving,
    }
}

#[tokio::test]
async fn requests_that_the_database_keeps_waiting_leave_connections_to_other_organizations() {
    let section = "database_wait_seconds = 1\n[database]\nstatement_timeout_seconds = 60";
    let Two {
        house,
        kept,
        other,
        serving,
    } = two(section).await;
    let address = serving.address();
    let mut lock = lock(&house, &kept).await;
    // The second time those of the first were cut off, and what they left is still waiting.
    for wave in 0..2 {
        let calls = (0..REQUESTS).map(|call| wave * REQUESTS + call);
        let asks = calls.clone().map(|call| ended(&house, &kept, call));
        let waiting = send(asks.collect::<Vec<_>>().into_iter(), address);
        until_locked(&house, 2).await;
        for call in calls {
            let told = ended(&house, &other, call).over(address);
            assert_eq!(told.status, 200, "{told:?}");
        }
        assert_eq!(answered(waiting).await, [503; REQUESTS]);
        assert_eq!(house.count(LOCKED).await, 2, "the others waited here");
    }
    lock.execute("ROLLBACK").await.unwrap();
    until_locked(&house, 0).await;
    let told = ended(&house, &kept, 1_001).over(address);
    assert_eq!(told.status, 200, "{told:?}");
    let stored = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM
        (SELECT count(*) AS n FROM webhook_events GROUP BY organization_id) AS counted";
    let all = format!("{} {}", 2, 1 + 2 * REQUESTS);
    assert_eq!(
        house.text(stored).await,
        all,
        "what was refused is not stored"
    );
}

#[tokio::test]
async fn what_a_request_left_behind_ends_soon_after_it() {
    let Two {
        house,
        kept,
        serving,
        ..
    } = two("").await;
    let lock = lock(&house, &kept).await;
    let waiting = send([ended(&house, &kept, 0)].into_iter(), serving.address());
    until_locked(&house, 1).await;
    assert_eq!(answered(waiting).await, [503]);
    until_locked(&house, 0).await;
    drop(lock);
}
