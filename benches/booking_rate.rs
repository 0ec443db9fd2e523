//! How often a booking function is called in a second: `benches/booking` sets it beside pgbench.
//!
//! Usage: booking_rate FUNCTION URL ORGANIZATION CLIENTS SECONDS PARAMETERS...
//!
//! The parameters are JSON; a client takes them in turn. `"RANDOM"` in them becomes a random minute
//! of the years 2100 to 2999.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tenantctl::{
    db::{Authority, ConnectSettings, Database},
    domain::{Actor, OrganizationId, booking::Function, channel::identity::ClaimPolicy},
    error::ErrorKind,
    services::{Session, booking},
    system::{Clock, new_id, random_secret},
};

/// Minutes of nine hundred years.
const MINUTES: u64 = 900 * 365 * 24 * 60;

fn main() {
    // cargo bench adds --bench.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|one| one != "--bench")
        .collect();
    let [
        function,
        url,
        organization,
        clients,
        seconds,
        parameters @ ..,
    ] = arguments.as_slice()
    else {
        // Without arguments, as under `cargo test --benches`: nothing to measure.
        return;
    };
    let function: Function = function.parse().unwrap();
    let organization: OrganizationId = organization.parse().unwrap();
    let (clients, seconds): (usize, u64) = (clients.parse().unwrap(), seconds.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let calls = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..clients {
            let session = session(url).await;
            let parameters = parameters.to_vec();
            tasks.spawn(async move {
                let mut calls = 0_u64;
                let end = Instant::now() + Duration::from_secs(seconds);
                while Instant::now() < end {
                    let turn = client + usize::try_from(calls).unwrap();
                    let text = parameters[turn % parameters.len()].replace("RANDOM", &moment());
                    let parameters = serde_json::from_str(&text).unwrap();
                    let called = booking::call(&session, organization, function, parameters, None);
                    match called.await {
                        Ok(_) => calls += 1,
                        // Two clients drew the same minute.
                        Err(error) if error.kind() == ErrorKind::Conflict => {}
                        Err(error) => panic!("{error} {:?}", error.hints()),
                    }
                }
                calls
            });
        }
        tasks.join_all().await.into_iter().sum::<u64>()
    });
    println!("{}", calls as f64 / seconds as f64);
}

async fn session(url: &str) -> Session {
    let settings = ConnectSettings {
        url: url.to_owned().into(),
        authority: Authority::Owner,
        connect_timeout: Duration::from_secs(10),
        statement_timeout: None,
        pooled: Some(false),
    };
    Session {
        db: Database::connect(&settings).await.unwrap(),
        actor: Actor::Operator {
            name: "bench".to_owned(),
        },
        clock: Clock::System,
        request_id: new_id(),
        mail: None,
        claims: ClaimPolicy::default(),
    }
}

fn moment() -> String {
    let random = random_secret().unwrap();
    let number = u64::from_le_bytes(random[..8].try_into().unwrap()) % MINUTES;
    let start: DateTime<Utc> = "2100-01-01T00:00:00Z".parse().unwrap();
    let at = start + TimeDelta::minutes(i64::try_from(number).unwrap());
    at.to_rfc3339()
}
