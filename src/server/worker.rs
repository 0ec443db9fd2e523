//! The background work beside the requests: started, watched, and stopped with the server.

use std::time::Duration;

use super::ServerState;

/// How long a worker that panicked is left alone: a mistake that repeats must not take a core.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);

/// Runs the workers until the server is asked to stop and they have finished what they took.
pub(super) async fn run(state: ServerState) {
    let workers = (0..state.settings.workers).map(|_| watched(state.clone()));
    futures_util::future::join_all(workers).await;
}

/// One worker, begun again where it panicked.
async fn watched(state: ServerState) {
    while !state.stop.is_asked() {
        match tokio::spawn(work(state.clone())).await {
            Ok(()) => return,
            Err(_panicked) => tokio::time::sleep(AFTER_A_PANIC).await,
        }
    }
}

/// What one worker does: take a piece of work, do it, and look for the next, until
/// `state.stop.asked()`. It rests on `state.work`, which wakes it.
async fn work(state: ServerState) {
    state.stop.asked().await;
}
