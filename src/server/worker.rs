//! Background workers: started, supervised, and stopped with the server.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{state::ServerState, throttled_log::ThrottledLog};
use crate::{
    domain::OrganizationId,
    error::Result,
    services::{
        outbox,
        webhooks::{self, Worked, sign_ups},
    },
    system::new_id,
};

/// Delay before a worker that panicked is restarted: a repeated panic must not use a whole core.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);
/// Poll interval of an idle worker: other servers accept requests, too.
const IDLE: Duration = Duration::from_millis(500);
/// Delay after the database could not be reached.
const WITHOUT_DATABASE: Duration = Duration::from_secs(1);
/// Number of events after which a worker checks for a sign-up: otherwise a constant stream of
/// events would starve sign-ups.
const EVENTS_IN_A_ROW: u8 = 8;
/// Interval at which the queue depth is reported.
const GAUGE: Duration = Duration::from_secs(5);

/// Runs the workers until the server is asked to stop and they have finished what they took.
pub(super) async fn run(state: ServerState, mail_workers: Vec<outbox::Worker>) {
    let log = Arc::new(ThrottledLog::new("cannot process the queue"));
    let workers = (0..state.settings.workers).map(|_| watched(state.clone(), &log));
    let mailing = mail_workers.into_iter().map(|worker| mail(&state, worker));
    tokio::join!(join_all(workers), join_all(mailing), gauge(&state));
}

/// Runs one worker, and restarts it after a panic.
async fn watched(state: ServerState, log: &Arc<ThrottledLog>) {
    while !state.stop.is_asked() {
        match tokio::spawn(work(state.clone(), Arc::clone(log))).await {
            Ok(()) => return,
            Err(_panicked) => tokio::time::sleep(AFTER_A_PANIC).await,
        }
    }
}

/// The loop of one worker: takes a job, runs it, and polls for the next, until the server stops.
async fn work(state: ServerState, log: Arc<ThrottledLog>) {
    let mut turn = Turn::default();
    while !state.stop.is_asked() {
        let rest = match step(&state, &mut turn).await {
            Ok(worked) => {
                log.ended();
                if worked {
                    continue;
                }
                IDLE
            }
            Err(error) => {
                log.failed(&error);
                WITHOUT_DATABASE
            }
        };
        tokio::select! {
            () = state.work.notified() => {}
            () = tokio::time::sleep(rest) => {}
            () = state.stop.asked() => {}
        }
    }
}

/// Scheduling state of one worker.
#[derive(Debug, Default)]
struct Turn {
    /// The organization of the last job.
    after: Option<OrganizationId>,
    /// Events since the last sign-up.
    events: u8,
}

/// Runs one due job, if there is one.
async fn step(state: &ServerState, turn: &mut Turn) -> Result<bool> {
    if turn.events >= EVENTS_IN_A_ROW {
        turn.events = 0;
        if sign_up(state).await? {
            return Ok(true);
        }
    }
    let session = state.session(new_id()).await?;
    let worked = webhooks::work_once(&session.db, state.clock, turn.after).await?;
    let (organization, result) = match worked {
        Worked::Nothing => {
            drop(session);
            return sign_up(state).await;
        }
        Worked::Done(organization) => (organization, "done"),
        Worked::Failed(organization) => (organization, "failed"),
        Worked::Dead(organization) => (organization, "dead"),
    };
    turn.after = Some(organization);
    turn.events += 1;
    state.metrics.processed(result);
    Ok(true)
}

/// Processes a waiting sign-up, if this server may: organizations are created with the owner's rights.
async fn sign_up(state: &ServerState) -> Result<bool> {
    match state.owner_session(new_id()).await? {
        Some(session) => sign_ups::work_once(&session).await,
        None => Ok(false),
    }
}

async fn mail(state: &ServerState, worker: outbox::Worker) {
    let open = || state.session(new_id());
    outbox::run(worker, open, state.stop.asked()).await;
}

/// Reports the queue depth.
async fn gauge(state: &ServerState) {
    while !state.stop.is_asked() {
        if let Ok(session) = state.session(new_id()).await
            && let Ok(due) = webhooks::backlog(&session.db, state.clock.now()).await
        {
            state.metrics.queue_depth("webhooks", "due", due);
        }
        tokio::select! {
            () = tokio::time::sleep(GAUGE) => {}
            () = state.stop.asked() => {}
        }
    }
}
