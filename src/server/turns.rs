//! Connections to the database in turns, so that nobody has them all.
//!
//! A pool serves whoever comes first: thousands of requests for one organization, or by strangers
//! who invent names, would be served before the next one of another. So an organization has half of
//! the connections at most, and so have all strangers together; their further requests wait for
//! their own.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ServerState;
use crate::{
    db::{Database, Pool},
    domain::OrganizationId,
    error::{Error, Result},
};

/// How many organizations are remembered before those with nothing under way are forgotten.
const REMEMBERED: usize = 1_024;

/// Who may have how many connections at once.
#[derive(Debug)]
pub struct Turns {
    each: usize,
    wait: Duration,
    strangers: Arc<Semaphore>,
    organizations: Mutex<Organizations>,
}

/// The turns of those who have requests under way, or had.
#[derive(Debug)]
struct Organizations {
    turns: HashMap<OrganizationId, Weak<Semaphore>>,
    /// Looked through at this size.
    most: usize,
}

/// A connection that comes back when it is dropped, and with it the turn.
#[derive(Debug)]
pub struct Turn {
    // In this order: whose turn it is next finds a connection.
    db: Database,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Turn {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.db
    }
}

impl Turns {
    /// The turns at the connections of a pool.
    pub(super) fn of(pool: &Pool) -> Self {
        Self::new(pool.most() / 2, pool.wait())
    }

    fn new(each: usize, wait: Duration) -> Self {
        let each = each.max(1);
        Self {
            each,
            wait,
            strangers: Arc::new(Semaphore::new(each)),
            organizations: Mutex::new(Organizations {
                turns: HashMap::new(),
                most: REMEMBERED,
            }),
        }
    }

    async fn of_organization(&self, organization: OrganizationId) -> Result<OwnedSemaphorePermit> {
        let turns = self.turns_of(organization);
        self.take(turns, "this organization").await
    }

    async fn of_strangers(&self) -> Result<OwnedSemaphorePermit> {
        let turns = Arc::clone(&self.strangers);
        self.take(turns, "what is not known").await
    }

    fn turns_of(&self, organization: OrganizationId) -> Arc<Semaphore> {
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

    async fn take(&self, turns: Arc<Semaphore>, whose: &str) -> Result<OwnedSemaphorePermit> {
        let taken = tokio::time::timeout(self.wait, turns.acquire_owned()).await;
        // Nobody closes them.
        taken.ok().and_then(std::result::Result::ok).ok_or_else(|| {
            Error::unavailable(format!(
                "too many requests for {whose}: no turn at the database in {} seconds",
                self.wait.as_secs_f32()
            ))
        })
    }
}

impl ServerState {
    /// A connection for a request that is proven to be for an organization.
    ///
    /// # Errors
    /// `Unavailable` when the organization has too many under way, or no connection is free in time.
    pub async fn connection_for(&self, organization: OrganizationId) -> Result<Turn> {
        let permit = self.turns.of_organization(organization).await?;
        self.connect(permit).await
    }

    /// A connection for looking up what anybody may have made up.
    ///
    /// # Errors
    /// `Unavailable` when too many look for such things, or no connection is free in time.
    pub async fn connection_for_stranger(&self) -> Result<Turn> {
        let permit = self.turns.of_strangers().await?;
        self.connect(permit).await
    }

    async fn connect(&self, permit: OwnedSemaphorePermit) -> Result<Turn> {
        Ok(Turn {
            db: self.pool.get().await?,
            _permit: permit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_millis(20);

    fn organization(number: u128) -> OrganizationId {
        uuid::Uuid::from_u128(number).into()
    }

    #[tokio::test]
    async fn who_has_all_turns_of_its_own_leaves_those_of_others() {
        let turns = Turns::new(2, MOMENT);
        let first = turns.of_organization(organization(1)).await.unwrap();
        let _second = turns.of_organization(organization(1)).await.unwrap();
        let refused = turns.of_organization(organization(1)).await.unwrap_err();
        assert_eq!(refused.kind(), crate::error::ErrorKind::Unavailable);
        let _other = turns.of_organization(organization(2)).await.unwrap();
        let _stranger = turns.of_strangers().await.unwrap();
        drop(first);
        let _third = turns.of_organization(organization(1)).await.unwrap();
    }

    #[tokio::test]
    async fn who_has_nothing_under_way_is_forgotten() {
        let turns = Turns::new(1, MOMENT);
        let kept = turns.of_organization(organization(0)).await.unwrap();
        for number in 1..10_000 {
            let _taken = turns.of_organization(organization(number)).await.unwrap();
        }
        let remembered = turns.organizations.lock().unwrap().turns.len();
        assert!(remembered <= REMEMBERED, "{remembered}");
        assert!(turns.of_organization(organization(0)).await.is_err());
        drop(kept);
    }
}
