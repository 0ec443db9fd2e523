//! Connections to the database in turns, so that nobody has them all.
//!
//! A pool serves whoever comes first: thousands of requests for one organization, or by strangers
//! who invent names, would be served before the next one of another. So the requests for one
//! organization have half of the connections at most, of those that the work behind the requests
//! leaves; and so have all that look up what the server does not know yet, at each door. Further
//! requests wait for their own. A turn ends when the connection is back, not when a request is: one
//! that was cut off leaves a statement behind.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use super::{Roles, Server, ServerState};
use crate::{
    db::Database,
    domain::OrganizationId,
    error::{Error, Result},
};

/// How many organizations are remembered before those with nothing under way are forgotten.
const REMEMBERED: usize = 1_024;

/// Where things are asked for that anybody may have made up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Door {
    /// The public API.
    Public,
    /// The receivers, and the door of the media streams.
    Webhooks,
}

/// Who may have how many connections at once.
#[derive(Debug)]
pub struct Turns {
    each: usize,
    public: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
    organizations: Mutex<Organizations>,
}

/// The turns of those who have requests under way, or had.
#[derive(Debug)]
struct Organizations {
    turns: HashMap<OrganizationId, Weak<Semaphore>>,
    /// Looked through at this size.
    most: usize,
}

impl Turns {
    /// The turns at the connections of a server.
    pub(super) fn of(server: &Server) -> Self {
        let workers = usize::try_from(server.settings.workers).unwrap_or(usize::MAX);
        let background = match server.roles {
            Roles { work: true, .. } => workers.saturating_add(server.mail_workers.len()),
            Roles { work: false, .. } => 0,
        };
        Self::new(server.pool.most().saturating_sub(background) / 2)
    }

    fn new(each: usize) -> Self {
        let each = each.max(1);
        Self {
            each,
            public: Arc::new(Semaphore::new(each)),
            webhooks: Arc::new(Semaphore::new(each)),
            organizations: Mutex::new(Organizations {
                turns: HashMap::new(),
                most: REMEMBERED,
            }),
        }
    }

    fn of_organization(&self, organization: OrganizationId) -> Arc<Semaphore> {
        // Nothing is half-done where a panic could come from.
        let organizations = self.organizations.lock();
        let mut organizations = organizations.unwrap_or_else(PoisonError::into_inner);
        let known = organizations.turns.get(&organization);
        if let Some(turns) = known.and_then(Weak::upgrade) {
            return turns;
        }
        if organizations.turns.len() >= organizations.most {
            // Who has a turn, or waits for one, keeps them alive.
            organizations
                .turns
                .retain(|_, turns| turns.strong_count() > 0);
            organizations.most = REMEMBERED.max(organizations.turns.len() * 2);
        }
        let turns = Arc::new(Semaphore::new(self.each));
        let weak = Arc::downgrade(&turns);
        organizations.turns.insert(organization, weak);
        turns
    }
}

impl ServerState {
    /// A connection for a request that is proven to be for an organization.
    ///
    /// # Errors
    /// `Unavailable` when none is to be had in time.
    pub async fn connection_for(&self, organization: OrganizationId) -> Result<Database> {
        let turns = self.turns.of_organization(organization);
        let who = || format!("requests of the organization {organization}");
        self.connect_in_turn(turns, who).await
    }

    /// A connection for looking up what is asked for at a door and not known yet.
    ///
    /// # Errors
    /// `Unavailable` when none is to be had in time.
    pub async fn connection_for_look_up(&self, door: Door) -> Result<Database> {
        let (turns, who) = match door {
            Door::Public => (&self.turns.public, "look-ups of the public API"),
            Door::Webhooks => (&self.turns.webhooks, "look-ups of endpoints and tokens"),
        };
        self.connect_in_turn(Arc::clone(turns), || who.to_owned())
            .await
    }

    async fn connect_in_turn(
        &self,
        turns: Arc<Semaphore>,
        who: impl FnOnce() -> String,
    ) -> Result<Database> {
        let connecting = async {
            // Nobody closes it.
            let turn = turns.acquire_owned().await;
            let turn = turn.map_err(|_| Error::unavailable("the server is stopping"))?;
            self.pool.get_in_turn(turn).await
        };
        match tokio::time::timeout(self.pool.wait(), connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(self.pool.none_in_time(&who())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(number: u128) -> OrganizationId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn who_has_all_turns_of_its_own_leaves_those_of_others() {
        let turns = Turns::new(2);
        let take = |of: u128| turns.of_organization(organization(of)).try_acquire_owned();
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert!(take(1).is_err());
        let _other = take(2).unwrap();
        let _public = Arc::clone(&turns.public).try_acquire_owned().unwrap();
        drop(first);
        let _third = take(1).unwrap();
    }

    #[test]
    fn who_has_nothing_under_way_is_forgotten() {
        let turns = Turns::new(1);
        let take = |of: u128| turns.of_organization(organization(of)).try_acquire_owned();
        let kept = take(0).unwrap();
        for number in 1..10_000 {
            let _taken = take(number).unwrap();
        }
        let remembered = turns.organizations.lock().unwrap().turns.len();
        assert!(remembered <= REMEMBERED, "{remembered}");
        assert!(take(0).is_err());
        drop(kept);
    }
}
