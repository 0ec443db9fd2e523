//! kill -9 at whatever moment: what was acknowledged is done, once.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use serde_json::json;
use tenantctl::{
    domain::{ChannelKind, webhook::Scheme},
    system::Clock,
};

use super::{
    ask::Ask,
    house::{House, SECRET, SIGN_UP_SECRET},
    sign,
};
use crate::common::fuzz::Generator;

const SEED: u64 = 0x5EED_9999;
const ROUNDS: usize = 10;
const SENDERS: usize = 6;

/// The paths of the endpoints of two schemes.
struct Paths {
    retell: String,
    meta: String,
}

/// The event of that number: each sender's every tenth is somebody who signs up.
fn event(number: usize, paths: &Paths) -> Ask {
    let now = Clock::System.now();
    match number % 10 {
        0 => {
            let user = json!({
                "metadata": {"name": "after-user-created", "uuid": uuid::Uuid::from_u128(number as u128 + 1)},
                "user": {"id": uuid::Uuid::from_u128(number as u128 + 1), "email": format!("u{number}@x.example"),
                    "email_confirmed_at": "2025-04-29T20:13:24Z"}});
            sign::standard(
                SIGN_UP_SECRET,
                &format!("msg_{number}"),
                now,
                user.to_string(),
            )
        }
        1..=4 => {
            let message = json!({"id": format!("m{number}"), "from": "1", "type": "text"});
            let value = json!({"metadata": {"phone_number_id": "11111"}, "messages": [message]});
            let changes = json!([{"field": "messages", "value": value}]);
            let body =
                json!({"object": "whatsapp_business_account", "entry": [{"changes": changes}]});
            sign::meta(SECRET, &paths.meta, body.to_string())
        }
        _ => {
            let call = json!({"call_id": format!("c{number}"), "duration_ms": 1000});
            let body = json!({"event": "call_ended", "call": call});
            sign::retell(SECRET, &paths.retell, now, body.to_string())
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_done_once_however_often_the_server_dies() {
    let house = House::new().await;
    house
        .set(
            &house.a,
            ChannelKind::Whatsapp,
            json!({"phone_number_id": "11111"}),
        )
        .await;
    let paths = Paths {
        retell: house
            .endpoint(&house.a, ChannelKind::Retell, Scheme::Retell)
            .await
            .path,
        meta: house
            .endpoint(&house.a, ChannelKind::Whatsapp, Scheme::Meta)
            .await
            .path,
    };
    let mut generator = Generator::new(SEED, &[]);
    let (next, acknowledged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (mut left_undone, mut done_before) = (0, 0);
    let cli = house.cli();
    for round in 0..ROUNDS {
        let serving = house.serve(&cli, "workers = 1", &[]);
        let address = serving.address();
        thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        match event(number, &paths).over(address).status {
                            200 | 204 => acknowledged.lock().unwrap().push(number),
                            503 => {}
                            0 => return,
                            status => panic!("round {round}: {status}"),
                        }
                    }
                });
            }
            let moment = u64::try_from(generator.below(600)).unwrap();
            thread::sleep(Duration::from_millis(20 + moment));
            serving.signal(Signal::SIGKILL);
        });
        left_undone += house.count("SELECT count(*) FROM webhook_jobs").await;
        done_before += house.events("done").await;
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(
        left_undone > 0 && done_before > 0,
        "{left_undone} {done_before}"
    );
    assert!(acknowledged.len() > ROUNDS, "{}", acknowledged.len());

    // What a dead server had leased is another's when the lease is over.
    house
        .db
        .execute("UPDATE sign_up_events SET run_at = now() WHERE status = 'pending'")
        .await;
    let last = house.serve(&cli, "", &[]);
    house.wait_until_done().await;
    let known = house
        .text(
            "SELECT coalesce(string_agg(key, ' '), '') FROM (
                 SELECT external_id AS key FROM calls WHERE counted
                 UNION ALL SELECT split_part(external_id, '/', 2) FROM messages
                 UNION ALL SELECT split_part(email, '@', 1) FROM users) AS done",
        )
        .await;
    let known: Vec<&str> = known.split(' ').collect();
    for number in acknowledged {
        let letter = match number % 10 {
            0 => "u",
            1..=4 => "m",
            _ => "c",
        };
        let key = format!("{letter}{number}");
        let times = known.iter().filter(|known| **known == key).count();
        assert_eq!(times, 1, "{key} was acknowledged\n{}", last.log());
    }
    // Not only what was acknowledged: nothing is done twice, or half.
    for (one, other) in [
        (
            "SELECT sum(calls)::bigint FROM channel_usage",
            "SELECT count(*) FROM calls",
        ),
        (
            "SELECT sum(messages)::bigint FROM channel_usage",
            "SELECT count(*) FROM messages",
        ),
        (
            "SELECT count(*) FROM webhook_events WHERE status = 'done' AND attempts = 1",
            "SELECT (SELECT count(*) FROM calls) + (SELECT count(*) FROM messages)",
        ),
        (
            "SELECT count(*) FROM organizations",
            "SELECT count(*) + 2 FROM users",
        ),
        (
            "SELECT count(*) FROM users",
            "SELECT count(*) FROM sign_up_events WHERE status = 'done'",
        ),
    ] {
        assert_eq!(house.count(one).await, house.count(other).await, "{one}");
    }
}
