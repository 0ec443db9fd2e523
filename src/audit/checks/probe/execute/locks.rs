//! Objects that other sessions hold locked: an audit waits for each only once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

pub(crate) use crate::audit::reach::Access;
use crate::audit::{catalog::Oid, checks::probe::judge::refusal::Refusal, reach::Guards};

/// Objects with locks that could not be acquired, and objects that the sessions must not access.
/// Shared by all connections of the probes.
#[derive(Debug)]
pub(crate) struct Locks {
    guards: Guards,
    refusals: Mutex<BTreeMap<(Oid, Access), Refusal>>,
}

impl Locks {
    pub(crate) fn new(guards: Guards) -> Self {
        Self {
            guards,
            refusals: Mutex::default(),
        }
    }

    /// Remembers a refusal caused by a lock, or by a statement that did not end.
    pub(crate) fn remember(&self, object: Oid, access: Access, refusal: &Refusal) {
        if refusal.is_locked() || refusal.is_unanswered() {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals
                .entry((object, needed(access)))
                .or_insert_with(|| refusal.clone());
        }
    }

    /// Returns the refusal that would occur again, or the audit's own. An object that cannot be
    /// read cannot be written either.
    pub(crate) fn refusal(&self, object: Oid, access: Access) -> Option<Refusal> {
        if let Some(objection) = self.guards.objection(object, access) {
            return Some(Refusal::of_audit(objection));
        }
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let to_read = refusals.get(&(object, Access::Read));
        let found = match access {
            Access::Scan | Access::Read => to_read,
            Access::Write => to_read.or_else(|| refusals.get(&(object, Access::Write))),
        };
        found.cloned()
    }
}

/// Returns the access that a lock blocks: a lock against writes may allow reads.
fn needed(access: Access) -> Access {
    match access {
        Access::Scan | Access::Read => Access::Read,
        Access::Write => Access::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::reach::Reach;

    #[test]
    fn what_is_locked_against_writing_is_still_read() {
        let open = Reach::open;
        let locks = Locks::new(Guards {
            reader: open(),
            probe: open(),
        });
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
