//! Listening for configuration changes while the server runs.

use std::time::Duration;

use super::freshness::PATIENCE;
use crate::{
    db::{CONFIGURATION_CHANNEL, Changed, Listener, Notification},
    error::Result,
    server::{state::ServerState, throttled_log::ThrottledLog},
};

/// Delay before the first reconnection attempt; doubled each time up to the maximum.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Keeps the caches up to date until the server stops.
pub async fn follow(state: ServerState) {
    let log = ThrottledLog::new(
        "not receiving change notifications; cache entries expire after one second",
    );
    let mut pause = FIRST_PAUSE;
    loop {
        let listened = tokio::select! {
            listened = listen(&state, &mut pause, &log) => listened,
            () = state.stop.asked() => return,
        };
        state.caches.freshness.lost();
        state.metrics.listening.set(0);
        match listened {
            // Cache entries expire after one second, which needs no listening.
            Ok(()) => return state.stop.asked().await,
            Err(error) => log.failed(&error),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = state.stop.asked() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens until the connection is lost, which is an error. Returns if listening is not possible.
async fn listen(state: &ServerState, pause: &mut Duration, log: &ThrottledLog) -> Result<()> {
    let settings = state.pool.connect_settings();
    let Some(mut listener) = Listener::connect(settings, &[CONFIGURATION_CHANNEL]).await? else {
        tracing::info!(
            "a connection pooler is in front of the database: configuration changes are polled \
             every second instead of being received as notifications"
        );
        return Ok(());
    };
    // Notifications sent before this point are lost.
    state.caches.drop_all();
    state.caches.freshness.heard();
    state.metrics.listening.set(1);
    *pause = FIRST_PAUSE;
    log.ended();
    loop {
        if let Some(notification) = listener.next(PATIENCE).await? {
            hear(state, &notification);
        }
        state.caches.freshness.heard();
    }
}

fn hear(state: &ServerState, notification: &Notification) {
    match Changed::parse(&notification.payload) {
        Changed::Organization(organization) => state.caches.drop_organization(organization),
        Changed::Everything => state.caches.drop_all(),
    }
}
