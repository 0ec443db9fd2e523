//! The background work beside the requests: started, watched, and stopped with the server.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{ServerState, outage::Outage};
use crate::{
    context::new_id,
    domain::OrganizationId,
    error::Result,
    services::{
        outbox,
        webhooks::{self, Worked, sign_ups},
    },
};

/// How long a worker that panicked is left alone: a mistake that repeats must not take a core.
const AFTER_A_PANIC: Duration = Duration::from_secs(1);
/// How long a worker rests where nothing is due and nobody wakes it: others take requests, too.
const IDLE: Duration = Duration::from_millis(500);
/// How long it rests where the database cannot be reached.
const WITHOUT_DATABASE: Duration = Duration::from_secs(1);
/// After so many events a worker looks for a sign-up: while events never end, sign-ups would never
/// begin.
const EVENTS_IN_A_ROW: u8 = 8;
/// How often the length of the queue is told.
const GAUGE: Duration = Duration::from_secs(5);

/// Runs the workers until the server is asked to stop and they have finished what they took.
pub(super) async fn run(state: ServerState, mail_workers: Vec<outbox::Worker>) {
    let outage = Arc::new(Outage::new("the queue cannot be worked on"));
    let workers = (0..state.settings.workers).map(|_| watched(state.clone(), &outage));
    let mailing = mail_workers.into_iter().map(|worker| mail(&state, worker));
    tokio::join!(join_all(workers), join_all(mailing), gauge(&state));
}

/// One worker, begun again where it panicked.
async fn watched(state: ServerState, outage: &Arc<Outage>) {
    while !state.stop.is_asked() {
        match tokio::spawn(work(state.clone(), Arc::clone(outage))).await {
            Ok(()) => return,
            Err(_panicked) => tokio::time::sleep(AFTER_A_PANIC).await,
        }
    }
}

/// What one worker does: take a piece of work, do it, and look for the next, until the server stops.
async fn work(state: ServerState, outage: Arc<Outage>) {
    let mut turn = Turn::default();
    while !state.stop.is_asked() {
        let rest = match step(&state, &mut turn).await {
            Ok(worked) => {
                outage.ended();
                if worked {
                    continue;
                }
                IDLE
            }
            Err(error) => {
                outage.failed(&error);
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

/// Whose turn it is with one worker.
#[derive(Debug, Default)]
struct Turn {
    /// The organization that had it last.
    after: Option<OrganizationId>,
    /// Events since sign-ups had theirs.
    events: u8,
}

/// Does one thing that is due, if there is one.
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

/// Signs up a user who waits, where this server may: organizations are made with the owner's rights.
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

/// Tells how much waits.
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
