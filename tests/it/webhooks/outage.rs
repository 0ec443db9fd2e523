//! The database goes away under load, and comes back: 503 meanwhile, and nothing lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tenantctl::{
    local::{EphemeralCluster, EphemeralOptions},
    system::Clock,
};

use super::{
    PUBLIC_URL,
    ask::Ask,
    house::{SECRET, SIGN_UP_SECRET},
    sign,
};
use crate::{
    common::{Cli, SECRET_KEYS, block_on, cluster_options},
    serve::{PATIENCE, Serving},
};

/// A cluster that keeps what it said it has committed: also the server's own death loses nothing.
fn cluster() -> EphemeralCluster {
    let mut options: EphemeralOptions = cluster_options();
    for setting in ["synchronous_commit", "full_page_writes"] {
        options.settings.push((setting.to_owned(), "on".to_owned()));
    }
    block_on(|| async {
        let cluster = EphemeralCluster::start_with(options).await.unwrap();
        // Such a cluster is durable once it has ended in order.
        cluster.stop().await.unwrap();
        cluster.restart().await.unwrap();
        cluster
    })
}

fn ids(url: &str, sql: &str) -> BTreeSet<String> {
    let found: Vec<String> = block_on(|| async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut connection)
            .await
            .unwrap()
    });
    found.into_iter().collect()
}

/// What was answered, by the number of the event.
#[derive(Default)]
struct Answers(Mutex<BTreeMap<usize, u16>>);

impl Answers {
    fn count(&self, status: u16) -> usize {
        let answers = self.0.lock().unwrap();
        answers.values().filter(|told| **told == status).count()
    }

    #[track_caller]
    fn wait_for_more(&self, status: u16) {
        let (before, begun) = (self.count(status), Instant::now());
        while self.count(status) <= before + 5 {
            assert!(begun.elapsed() < PATIENCE, "no more {status}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_with_the_database() {
    let cluster = cluster();
    let url = cluster.admin_url("postgres");
    let cli = Cli::new()
        .env("TENANTCTL_DATABASE_URL", &url)
        .env("TENANTCTL_SECRET_KEYS", SECRET_KEYS)
        .env("PROVIDER_SECRET", SECRET);
    cli.ok(&["db", "migrate"]);
    cli.ok(&["org", "create", "Harbor", "--slug", "harbor"]);
    let create = |channel, more: &[&str]| {
        let create = ["webhook", "endpoint", "create", channel, "--org", "harbor"];
        let made = cli.json(&[&create[..], &["--secret-env", "PROVIDER_SECRET"], more].concat());
        made["url"].as_str().unwrap().to_owned()
    };
    let (retell, evolution) = (
        create("retell", &[]),
        create("whatsapp", &["--scheme", "evolution"]),
    );
    std::fs::write(cli.home().join("sign-up"), SIGN_UP_SECRET).unwrap();
    let section = format!(
        "public_url = '{PUBLIC_URL}'\ndatabase_wait_seconds = 1\nunnamed_identities = 'accept'\n\
         sign_up_secret_file = '{}'",
        cli.home().join("sign-up").display()
    );
    let serving = Serving::with(&cli, &section);
    let address = serving.address();
    serving.wait_for("/readyz", 200);

    let send = |number: usize| -> Ask {
        let now = Clock::System.now();
        if number.is_multiple_of(3) {
            let key = json!({"remoteJid": "1@s.whatsapp.net", "fromMe": false, "id": format!("m{number}")});
            let body = json!({"event": "messages.upsert", "instance": "i", "data": {"key": key}});
            return sign::evolution(SECRET, &evolution, now, body.to_string());
        }
        let body = json!({"event": "call_ended", "call": {"call_id": format!("c{number}")}});
        sign::retell(SECRET, &retell, now, body.to_string())
    };
    let (answers, next, over) = (
        Answers::default(),
        AtomicUsize::new(0),
        AtomicBool::new(false),
    );
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let told = send(number).over(address);
                    answers.0.lock().unwrap().insert(number, told.status);
                }
            });
        }
        let outages = || {
            answers.wait_for_more(200);
            for crash in [false, true, false] {
                block_on(|| async {
                    match crash {
                        true => cluster.crash().await.unwrap(),
                        false => cluster.stop().await.unwrap(),
                    };
                });
                answers.wait_for_more(503);
                let user = json!({"metadata": {"name": "after-user-created"}, "user": {
                    "id": uuid::Uuid::from_u128(7), "email": "a@b.example",
                    "email_confirmed_at": "2025-04-29T20:13:24Z"}});
                let now = Clock::System.now();
                let sign_up = sign::standard(SIGN_UP_SECRET, "m", now, user.to_string());
                assert_eq!(sign_up.over(address).status, 503);
                block_on(|| cluster.restart()).unwrap();
                answers.wait_for_more(200);
            }
        };
        // Also where something is not as expected, the senders come to an end.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(outages));
        over.store(true, Ordering::SeqCst);
        ended.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked));
    });

    let answers = answers.0.into_inner().unwrap();
    let statuses: BTreeSet<u16> = answers.values().copied().collect();
    assert_eq!(statuses, BTreeSet::from([200, 503]), "{}", serving.log());
    let begun = Instant::now();
    while !ids(&url, "SELECT event_id::text FROM webhook_jobs").is_empty() {
        assert!(begun.elapsed() < PATIENCE, "{}", serving.log());
        thread::sleep(Duration::from_millis(100));
    }
    let calls = ids(&url, "SELECT external_id FROM calls WHERE counted");
    let messages = ids(&url, "SELECT split_part(external_id, '/', 3) FROM messages");
    for (number, _) in answers.iter().filter(|(_, status)| **status == 200) {
        let (known, key) = match number.is_multiple_of(3) {
            true => (&messages, format!("m{number}")),
            false => (&calls, format!("c{number}")),
        };
        assert!(known.contains(&key), "{key} was acknowledged");
    }
    let once = "SELECT (sum(calls) = (SELECT count(*) FROM calls))::text || (sum(messages) = (SELECT count(*) FROM messages))::text
                  FROM channel_usage";
    assert_eq!(ids(&url, once), BTreeSet::from(["truetrue".to_owned()]));
    let (status, _, log) = serving.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("panic"), "{log}");
}
