//! Fair sharing of the database connections.
//!
//! A pool serves requests in order of arrival: thousands of requests for one organization, or by
//! strangers who invent names, would be served before the next request of another. So the requests
//! for one organization use at most half of the connections not reserved for background work, and
//! the same limit applies to all lookups of unknown names, per group of endpoints. Further requests
//! wait in their own queue. A permit is released with the connection, not when the request ends:
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
pub enum EntryPoint {
    /// The public API.
    Public,
    /// The webhook receivers and the endpoint of the media streams.
    Webhooks,
}

/// Limits the number of connections in use at the same time.
#[derive(Debug)]
pub struct ConnectionLimiter {
    each: usize,
    public: Arc<Semaphore>,
    webhooks: Arc<Semaphore>,
    organizations: Mutex<Organizations>,
}

/// The permits of organizations with current or recent requests.
#[derive(Debug)]
struct Organizations {
    permits: HashMap<OrganizationId, Weak<Semaphore>>,
    /// Idle organizations are dropped at this size.
    most: usize,
}

impl ConnectionLimiter {
    /// Creates a limiter of `each` connections per organization and per entry point.
    pub(super) fn new(each: usize) -> Self {
        let each = each.max(1);
        Self {
            each,
            public: Arc::new(Semaphore::new(each)),
            webhooks: Arc::new(Semaphore::new(each)),
            organizations: Mutex::new(Organizations {
                permits: HashMap::new(),
                most: REMEMBERED,
            }),
        }
    }

    /// Returns the permits of lookups of unknown names.
    pub(super) fn for_entry_point(&self, entry_point: EntryPoint) -> Arc<Semaphore> {
        Arc::clone(match entry_point {
            EntryPoint::Public => &self.public,
            EntryPoint::Webhooks => &self.webhooks,
        })
    }

    /// Returns the permits of requests for an organization.
    pub(super) fn for_organization(&self, organization: OrganizationId) -> Arc<Semaphore> {
        // No panic can leave the data half-changed.
        let organizations = self.organizations.lock();
        let mut organizations = organizations.unwrap_or_else(PoisonError::into_inner);
        let known = organizations.permits.get(&organization);
        if let Some(permits) = known.and_then(Weak::upgrade) {
            return permits;
        }
        if organizations.permits.len() >= organizations.most {
            // An organization that holds a permit, or waits for one, is kept alive by its references.
            organizations
                .permits
                .retain(|_, permits| permits.strong_count() > 0);
            organizations.most = REMEMBERED.max(organizations.permits.len() * 2);
        }
        let permits = Arc::new(Semaphore::new(self.each));
        let weak = Arc::downgrade(&permits);
        organizations.permits.insert(organization, weak);
        permits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(number: u128) -> OrganizationId {
        uuid::Uuid::from_u128(number).into()
    }

    #[test]
    fn an_organization_at_its_limit_does_not_block_others() {
        let limiter = ConnectionLimiter::new(2);
        let take = |of: u128| {
            limiter
                .for_organization(organization(of))
                .try_acquire_owned()
        };
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert!(take(1).is_err());
        let _other = take(2).unwrap();
        let _public = Arc::clone(&limiter.public).try_acquire_owned().unwrap();
        drop(first);
        let _third = take(1).unwrap();
    }

    #[test]
    fn idle_organizations_are_dropped() {
        let limiter = ConnectionLimiter::new(1);
        let take = |of: u128| {
            limiter
                .for_organization(organization(of))
                .try_acquire_owned()
        };
        let kept = take(0).unwrap();
        for number in 1..10_000 {
            let _taken = take(number).unwrap();
        }
        let remembered = limiter.organizations.lock().unwrap().permits.len();
        assert!(remembered <= REMEMBERED, "{remembered}");
        assert!(take(0).is_err());
        drop(kept);
    }
}
