//! Fair sharing of the database connections.
//!
//! A pool serves requests in order of arrival: thousands of requests for one organization, or by
//! strangers who invent names, would be served before the next request of another. So the requests
//! for one organization use at most half of the connections not reserved for background work, and
//! the same limit applies to all lookups of unknown names, per group of endpoints. Further requests
//! wait in their own queue. A turn ends when the connection is returned, not when the request ends:
//! a canceled request may leave a statement running.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::Semaphore;

use crate::domain::OrganizationId;

/// Number of organizations remembered before idle ones are dropped.
const REMEMBERED: usize = 1_024;

/// A group of endpoints that accept names from unauthenticated clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Door {
    /// The public API.
    Public,
    /// The webhook receivers and the endpoint of the media streams.
    Webhooks,
}

/// Limits on the number of connections in use at the same time.
#[derive(Debug)]
pub struct Turns {
    each: usize,
    public: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
    organizations: Mutex<Organizations>,
}

/// The turns of organizations with current or recent requests.
#[derive(Debug)]
struct Organizations {
    turns: HashMap<OrganizationId, Weak<Semaphore>>,
    /// Idle organizations are dropped at this size.
    most: usize,
}

impl Turns {
    /// Creates limits of `each` connections.
    pub(super) fn new(each: usize) -> Self {
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

    /// Returns the turns of lookups of unknown names.
    pub(super) fn of_look_ups(&self, door: Door) -> Arc<Semaphore> {
        Arc::clone(match door {
            Door::Public => &self.public,
            Door::Webhooks => &self.webhooks,
        })
    }

    /// Returns the turns of requests for an organization.
    pub(super) fn of_organization(&self, organization: OrganizationId) -> Arc<Semaphore> {
        // No panic can leave the data half-changed.
        let organizations = self.organizations.lock();
        let mut organizations = organizations.unwrap_or_else(PoisonError::into_inner);
        let known = organizations.turns.get(&organization);
        if let Some(turns) = known.and_then(Weak::upgrade) {
            return turns;
        }
        if organizations.turns.len() >= organizations.most {
            // An organization with a turn, or waiting for one, is kept alive by its references.
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
