//! An entry of the activity log, and its hash in the chain: `SHA-256(previous hash ‖ canonical JSON
//! of the row)`.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::canonical_json::canonical;
use super::chain::Link;
use super::ids::{ActivityId, OrganizationId};

/// One action in the activity log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The tenant; `None` for actions on the platform as a whole.
    pub organization_id: Option<OrganizationId>,
    /// Position in the chain, from 1, without gaps.
    pub sequence: i64,
    /// The id of the entry.
    pub id: ActivityId,
    /// The time of the action, in microseconds: see [`to_microseconds`].
    pub occurred_at: DateTime<Utc>,
    /// The actor: an e-mail address, or the operator's name.
    pub actor: String,
    /// The action, such as `member.role_changed`.
    pub action: String,
    /// The kind of object, such as `member`.
    pub object_type: String,
    /// The id of the object.
    pub object_id: String,
    /// The object before the action; `None` if it was created.
    pub before: Option<Value>,
    /// The object after the action; `None` if it was deleted.
    pub after: Option<Value>,
    /// The invocation or request; entries of one invocation share it.
    pub request_id: Uuid,
}

/// Truncates `at` to the precision of `timestamptz`: PostgreSQL stores microseconds (manual, 8.5).
pub fn to_microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

impl Entry {
    /// The hash of this entry, chained to that of the previous one.
    pub fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        let canonical = canonical(&self.as_json()).to_string();
        Sha256::new()
            .chain_update(previous)
            .chain_update(canonical)
            .finalize()
            .into()
    }

    /// Every field; an absent `before` or `after` is omitted, since `null` is a possible value of
    /// it.
    fn as_json(&self) -> Value {
        let at = to_microseconds(self.occurred_at);
        let mut row = json!({
            "organization_id": self.organization_id,
            "sequence": self.sequence,
            "id": self.id,
            "occurred_at": at.to_rfc3339_opts(SecondsFormat::Micros, true),
            "actor": self.actor,
            "action": self.action,
            "object_type": self.object_type,
            "object_id": self.object_id,
            "request_id": self.request_id,
        });
        for (key, value) in [("before", &self.before), ("after", &self.after)] {
            if let Some(value) = value {
                row[key] = value.clone();
            }
        }
        row
    }
}

impl Link for Entry {
    fn sequence(&self) -> i64 {
        self.sequence
    }

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }

    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        self.hash(previous)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::canonical_json::tests::{any_json, through_jsonb};
    use crate::domain::chain::{BreakKind, ChainVerifier, GENESIS};

    type Row = (Entry, [u8; 32], [u8; 32]);

    fn entry(sequence: i64) -> Entry {
        Entry {
            organization_id: Some(Uuid::from_u128(1).into()),
            sequence,
            id: Uuid::from_u128(100 + sequence as u128).into(),
            occurred_at: DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap(),
            actor: "ann@example.com".into(),
            action: "member.added".into(),
            object_type: "member".into(),
            object_id: "7".into(),
            before: None,
            after: Some(json!({"role": "admin", "since": 1})),
            request_id: Uuid::from_u128(9),
        }
    }

    fn chain(length: i64) -> Vec<Row> {
        let mut previous = GENESIS;
        (1..=length)
            .map(|sequence| {
                let entry = entry(sequence);
                let before = previous;
                previous = entry.hash(&before);
                (entry, before, previous)
            })
            .collect()
    }

    fn first_break(rows: &[Row]) -> Option<(i64, BreakKind)> {
        let mut verifier = ChainVerifier::new();
        let mut checked = rows
            .iter()
            .map(|(entry, previous, hash)| verifier.next(entry, Some(previous), hash));
        let found = checked.find_map(Result::err)?;
        Some((found.sequence, found.kind))
    }

    #[test]
    fn an_untouched_chain_verifies() {
        let rows = chain(4);
        let mut verifier = ChainVerifier::new();
        assert_eq!(verifier.last(), None);
        for (entry, previous, hash) in &rows {
            verifier.next(entry, Some(previous), hash).unwrap();
        }
        assert_eq!(verifier.last(), Some((4, rows[3].2)));
    }

    #[test]
    fn each_way_of_tampering_is_named() {
        let tamper = |change: &dyn Fn(&mut Vec<Row>)| {
            let mut rows = chain(4);
            change(&mut rows);
            first_break(&rows)
        };
        assert_eq!(
            tamper(&|rows| drop(rows.remove(1))),
            Some((3, BreakKind::Gap { expected: 2 }))
        );
        assert_eq!(
            tamper(&|rows| drop(rows.remove(0))),
            Some((2, BreakKind::Gap { expected: 1 }))
        );
        assert_eq!(
            tamper(&|rows| rows.insert(1, rows[0].clone())),
            Some((1, BreakKind::Gap { expected: 2 }))
        );
        assert_eq!(
            tamper(&|rows| rows[1].0.actor = "eve@example.com".into()),
            Some((2, BreakKind::Hash))
        );
        // An edited row with a recomputed hash is detected by the next row.
        assert_eq!(
            tamper(&|rows| {
                rows[1].0.actor = "eve@example.com".into();
                rows[1].2 = rows[1].0.hash(&rows[1].1);
            }),
            Some((3, BreakKind::PreviousHash))
        );
        assert_eq!(
            tamper(&|rows| rows[0].1 = [1; 32]),
            Some((1, BreakKind::PreviousHash))
        );
    }

    #[test]
    fn every_field_is_hashed() {
        let base = entry(1);
        let changes: [fn(&mut Entry); 13] = [
            |e| e.organization_id = None,
            |e| e.sequence = 2,
            |e| e.id = Uuid::from_u128(2).into(),
            |e| e.occurred_at += chrono::TimeDelta::microseconds(1),
            |e| e.actor.push('x'),
            |e| e.action.push('x'),
            |e| e.object_type.push('x'),
            |e| e.object_id.push('x'),
            |e| e.before = Some(Value::Null),
            |e| e.after = None,
            |e| e.after = Some(json!({"role": "owner", "since": 1})),
            |e| e.after = Some(json!({"role": "admin", "since": "1"})),
            |e| e.request_id = Uuid::from_u128(10),
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = base.clone();
            change(&mut changed);
            assert_ne!(
                changed.hash(&GENESIS),
                base.hash(&GENESIS),
                "change {index}"
            );
        }
        assert_ne!(base.hash(&[1; 32]), base.hash(&GENESIS));
    }

    #[test]
    fn the_hash_is_the_same_for_ever() {
        // Computed independently of this program: sha256(32 zero bytes ‖ compact JSON, sorted
        // keys).
        let hash = entry(1).hash(&GENESIS);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "443e67c5679fdba08fe2e5b622f8352ae0e9161ee2886f6c2a7ec7e34a1c5879"
        );
    }

    #[test]
    fn storing_the_time_to_the_microsecond_keeps_the_hash() {
        let written = entry(1);
        let mut read = written.clone();
        read.occurred_at = to_microseconds(read.occurred_at);
        assert_ne!(read.occurred_at, written.occurred_at);
        assert_eq!(read.hash(&GENESIS), written.hash(&GENESIS));
    }

    proptest! {
        #[test]
        fn the_hash_survives_a_jsonb_column(value in any_json()) {
            let mut written = entry(1);
            written.before = Some(value.clone());
            let mut read = written.clone();
            read.before = Some(serde_json::from_str(&through_jsonb(&value)).unwrap());
            prop_assert_eq!(read.hash(&GENESIS), written.hash(&GENESIS));
        }
    }
}
