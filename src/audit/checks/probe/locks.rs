//! What somebody else holds locked: it is waited for once in an audit, and then no more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::refusal::Refusal;
use crate::audit::catalog::Oid;

/// What a lock is needed for: who holds one against writing may let others read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Access {
    Read,
    Write,
}

/// The objects that were waited for in vain. All connections of an attack share it.
#[derive(Debug, Default)]
pub(super) struct Locks {
    refusals: Mutex<BTreeMap<(Oid, Access), Refusal>>,
}

impl Locks {
    /// Remembers a refusal, where it is for a lock or a statement went on and on.
    pub(super) fn remember(&self, object: Oid, access: Access, refusal: &Refusal) {
        if refusal.is_locked() || refusal.is_unanswered() {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals
                .entry((object, access))
                .or_insert_with(|| refusal.clone());
        }
    }

    /// The refusal that would come again. What cannot be read cannot be written either.
    pub(super) fn refusal(&self, object: Oid, access: Access) -> Option<Refusal> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let to_read = refusals.get(&(object, Access::Read));
        let found = match access {
            Access::Read => to_read,
            Access::Write => to_read.or_else(|| refusals.get(&(object, Access::Write))),
        };
        found.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_against_writing_is_still_read() {
        let locks = Locks::default();
        let waited = Refusal::made_up("55P03", "canceling statement due to lock timeout", None);
        locks.remember(Oid(1), Access::Write, &waited);
        locks.remember(Oid(2), Access::Read, &waited);
        locks.remember(Oid(3), Access::Read, &Refusal::made_up("42501", "no", None));
        let skipped = |oid, access| locks.refusal(Oid(oid), access).is_some();
        assert!(skipped(1, Access::Write) && !skipped(1, Access::Read));
        assert!(skipped(2, Access::Write) && skipped(2, Access::Read));
        assert!(!skipped(3, Access::Read));
    }
}
