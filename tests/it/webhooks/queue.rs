//! The queue: turns, several servers, events that fail.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::Executor;
use tenantctl::{
    domain::{ChannelKind, Organization, webhook::Scheme},
    error::ErrorKind,
    services::webhooks::{self, MOST_ATTEMPTS, Worked, events},
};
use uuid::Uuid;

use super::{
    house::{House, SECRET, SIGN_UP_SECRET},
    sign,
};
use crate::serve::{PATIENCE, Serving};

const FLOOD: i64 = 2_000;

/// Calls that are over, stored as a receiver stores them.
async fn flood(house: &House, of: &Organization, endpoint: Uuid, number: i64) {
    let sql = format!(
        "WITH stored AS (
             INSERT INTO webhook_events (organization_id, id, channel, endpoint_id, idempotency_key, kind, method,
                                         query, headers, body, status, received_at)
             SELECT '{}', gen_random_uuid(), 'retell', '{endpoint}', 'k' || n, 'call_ended', 'POST', '', '{{}}',
                    convert_to('{{\"event\":\"call_ended\",\"call\":{{\"call_id\":\"c' || n || '\"}}}}', 'UTF8'),
                    'pending', clock_timestamp()
               FROM generate_series(1, {number}) AS n
             RETURNING organization_id, id, received_at)
         INSERT INTO webhook_jobs SELECT * FROM stored",
        of.id
    );
    house.db.execute(&sql).await;
}

/// One server is flooded by one organization, another helps; whoever comes later is not behind it.
async fn others_have_their_turn(house: &House, flooding: &Organization, other: &Organization) {
    let endpoint = house
        .endpoint(flooding, ChannelKind::Retell, Scheme::Retell)
        .await;
    let theirs = house
        .endpoint(other, ChannelKind::Retell, Scheme::Retell)
        .await;
    flood(house, flooding, endpoint.id, FLOOD).await;
    let cli = house.cli();
    let serving = house.serve(&cli, "", &[]);
    let helper_cli = house.cli();
    let helper = Serving::start(&helper_cli, &["--worker-only"]);
    while house.events("done").await < 20 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let now = house.session.now();
    let body = json!({"event": "call_ended", "call": {"call_id": "late"}}).to_string();
    let told = sign::retell(SECRET, &theirs.path, now, body).over(serving.address());
    assert_eq!(told.status, 200);
    let user = json!({"metadata": {"name": "after-user-created"}, "user": {
        "id": Uuid::from_u128(7), "email": "late@x.example", "email_confirmed_at": "2025-04-29T20:13:24Z"}});
    let told = sign::standard(SIGN_UP_SECRET, "m", now, user.to_string()).over(serving.address());
    assert_eq!(told.status, 204);
    house.wait_until_done().await;
    drop((serving, helper));

    let passed = |moment: &str| {
        format!(
            "SELECT count(*) FROM webhook_events e, {moment} AS late
              WHERE e.organization_id = '{}' AND e.finished_at BETWEEN late.received_at AND late.finished_at",
            flooding.id
        )
    };
    let late = format!(
        "(SELECT * FROM webhook_events WHERE organization_id = '{}')",
        other.id
    );
    // In the meantime each of eight workers did one more or so.
    let before = house.count(&passed(&late)).await;
    assert!(
        before < 100,
        "{before} of {FLOOD} were done before the other's one"
    );
    let before = house.count(&passed("(SELECT * FROM sign_up_events)")).await;
    assert!(
        before < FLOOD / 2,
        "{before} of {FLOOD} were done before the sign-up"
    );
    // Two servers shared them: each was done by one.
    let once = "SELECT count(*) FROM webhook_events WHERE status = 'done' AND attempts = 1";
    assert_eq!(house.count(once).await, FLOOD + 1);
    assert_eq!(
        house
            .count("SELECT sum(calls)::bigint FROM channel_usage")
            .await,
        FLOOD + 1
    );
}

#[tokio::test]
async fn a_flood_delays_nobody_who_comes_after_it_in_order() {
    let house = House::new().await;
    others_have_their_turn(&house, &house.a, &house.b).await;
}

#[tokio::test]
async fn a_flood_delays_nobody_who_comes_before_it_in_order() {
    let house = House::new().await;
    others_have_their_turn(&house, &house.b, &house.a).await;
}

struct State {
    status: String,
    attempts: i32,
    reason: Option<String>,
    run_at: Option<DateTime<Utc>>,
}

async fn state(house: &House, id: Uuid) -> State {
    use sqlx::Row;
    let row = sqlx::query(
        "SELECT status, attempts, reason, run_at FROM webhook_events e
           LEFT JOIN webhook_jobs j ON j.event_id = e.id WHERE e.id = $1",
    )
    .bind(id)
    .fetch_one(&mut house.db.raw().await)
    .await
    .unwrap();
    State {
        status: row.get(0),
        attempts: row.get(1),
        reason: row.get(2),
        run_at: row.get(3),
    }
}

/// A house with one event that waits; its call cannot be stored.
async fn poisoned() -> (House, Uuid) {
    let house = House::new().await;
    let endpoint = house
        .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
        .await;
    flood(&house, &house.a, endpoint.id, 1).await;
    house
        .db
        .execute("ALTER TABLE calls ADD CONSTRAINT poison CHECK (external_id <> 'c1')")
        .await;
    let id: Uuid = house.db.scalar("SELECT id FROM webhook_events").await;
    (house, id)
}

#[tokio::test]
async fn what_fails_is_tried_again_later_and_later_and_then_given_up() {
    let (house, id) = poisoned().await;
    for attempt in 1..=MOST_ATTEMPTS {
        let before = house.session.now();
        let worked = webhooks::work_once(&house.session.db, house.session.clock, None).await;
        let now = state(&house, id).await;
        assert_eq!(now.attempts, attempt);
        assert!(now.reason.unwrap().contains("poison"));
        if attempt == MOST_ATTEMPTS {
            assert_eq!(worked.unwrap(), Worked::Dead(house.a.id));
            assert_eq!((now.status.as_str(), now.run_at), ("dead", None));
            break;
        }
        assert_eq!(worked.unwrap(), Worked::Failed(house.a.id));
        assert_eq!(now.status, "pending");
        let least = TimeDelta::seconds(1 << (attempt - 1));
        let pause = now.run_at.unwrap() - before;
        assert!(pause >= least && pause <= least * 3, "{attempt}: {pause}");
        // Not before its time.
        let worked = webhooks::work_once(&house.session.db, house.session.clock, None).await;
        assert_eq!(worked.unwrap(), Worked::Nothing);
        house
            .db
            .execute("UPDATE webhook_jobs SET run_at = now()")
            .await;
    }
    // Nothing of an attempt is left.
    assert_eq!(house.count("SELECT count(*) FROM calls").await, 0);

    // Mended, it is replayed, from the first attempt.
    house
        .db
        .execute("ALTER TABLE calls DROP CONSTRAINT poison")
        .await;
    events::replay(&house.session, house.a.id, id)
        .await
        .unwrap();
    house.work().await;
    let now = state(&house, id).await;
    assert_eq!((now.status.as_str(), now.attempts), ("done", 1));
    // Again changes nothing.
    events::replay(&house.session, house.a.id, id)
        .await
        .unwrap();
    house.work().await;
    assert_eq!(
        house
            .count("SELECT sum(calls)::bigint FROM channel_usage")
            .await,
        1
    );
}

/// Of workers who look at once, one fails of it, and once: the others find nothing.
#[tokio::test]
async fn an_event_that_fails_is_one_workers_at_a_time() {
    let (house, id) = poisoned().await;
    let mut workers = Vec::new();
    for _ in 0..8 {
        workers.push(house.db.session().await);
    }
    let working = workers.iter().map(|session| async {
        for _ in 0..5 {
            webhooks::work_once(&session.db, session.clock, None)
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(working).await;
    assert_eq!(state(&house, id).await.attempts, 1);
}

#[tokio::test]
async fn what_fails_stands_in_nobodys_way() {
    let (house, id) = poisoned().await;
    let endpoint = house
        .endpoint(&house.b, ChannelKind::Retell, Scheme::Retell)
        .await;
    flood(&house, &house.b, endpoint.id, 3).await;
    // Unreadable is what is not the provider's any more.
    house
        .db
        .execute(&format!(
            "ALTER TABLE calls DROP CONSTRAINT poison;
             UPDATE webhook_events SET body = 'no JSON' WHERE id = '{id}';
             UPDATE webhook_events SET body = '{{\"event\":\"call_ended\"}}' WHERE idempotency_key = 'k2'"
        ))
        .await;
    let mut after = None;
    for _ in 0..4 {
        match webhooks::work_once(&house.session.db, house.session.clock, after)
            .await
            .unwrap()
        {
            Worked::Done(organization) | Worked::Failed(organization) => after = Some(organization),
            other => panic!("{other:?}"),
        }
    }
    let now = state(&house, id).await;
    assert_eq!((now.status.as_str(), now.attempts), ("pending", 1));
    assert_eq!(now.reason.unwrap(), "the payload cannot be parsed");
    assert_eq!(house.events("done").await, 3);
}

#[tokio::test]
async fn what_is_given_up_is_kept_and_never_done() {
    let (house, id) = poisoned().await;
    let organization = house.a.id;
    house.work().await;
    events::discard(&house.session, organization, id)
        .await
        .unwrap();
    let now = state(&house, id).await;
    assert_eq!((now.status.as_str(), now.run_at), ("discarded", None));
    assert!(now.reason.is_some(), "what it failed of stays");
    house.work().await;
    assert_eq!(state(&house, id).await.status, "discarded");
    let again = events::discard(&house.session, organization, id)
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    // Undone.
    events::replay(&house.session, organization, id)
        .await
        .unwrap();
    let waits = events::replay(&house.session, organization, id)
        .await
        .unwrap_err();
    assert_eq!(waits.kind(), ErrorKind::Conflict);
    assert_eq!(state(&house, id).await.status, "pending");
    let others = events::discard(&house.session, house.b.id, id)
        .await
        .unwrap_err();
    assert_eq!(others.kind(), ErrorKind::NotFound);
    assert_eq!(state(&house, id).await.status, "pending");
}

/// An operator gives up what a worker is about to process: they take turns, and do not wait for each
/// other in a circle.
#[tokio::test]
async fn an_event_is_given_up_after_the_worker_that_has_it() {
    let (house, id) = poisoned().await;
    let mut worker = house.db.raw().await;
    worker
        .execute("BEGIN; SELECT FROM webhook_jobs FOR UPDATE")
        .await
        .unwrap();
    let session = house.db.session().await;
    let organization = house.a.id;
    let discarding = tokio::spawn(async move { events::discard(&session, organization, id).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let begun = std::time::Instant::now();
    while house.count(waiting).await == 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", discarding.is_finished());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    worker
        .execute(
            "SELECT FROM webhook_events FOR NO KEY UPDATE;
             UPDATE webhook_events SET status = 'done'; DELETE FROM webhook_jobs; COMMIT",
        )
        .await
        .unwrap();
    let told = discarding.await.unwrap().unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Conflict);
    assert!(told.to_string().contains("it is done"), "{told}");
}
