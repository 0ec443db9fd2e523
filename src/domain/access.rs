//! One read of patient records, and its entry in the organization's access log.
//!
//! One response may show a thousand records. Its rows form one link of the chain, so that the
//! chain's head is locked and moved once per response, not once per row:
//!
//! - `row = SHA-256(fields)`, see [`Access::digest`];
//! - `rows = SHA-256(row ‖ row ‖ …)`, in the order of the rows' ids;
//! - `hash = SHA-256(previous hash ‖ place ‖ rows)`.
//!
//! The last of the three is also computed by PostgreSQL (`db::access`), which saves the round trip
//! that reads the head; migration 0014 computed all of them once for the existing rows.

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    booking::Function,
    chain::Link,
    ids::{OrganizationId, PatientId},
};

named_enum! {
    /// Operations other than booking functions that read records.
    pub enum Import as "import that reads records" {
        Patients = "ImportPatients", "An import compared its rows with existing patients.";
        Appointments = "ImportAppointments", "An import compared its rows with existing appointments.";
    }
}

/// The operation that read a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reader {
    Function(Function),
    Import(Import),
}

impl Reader {
    /// The name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Function(function) => function.as_str(),
            Self::Import(import) => import.as_str(),
        }
    }

    /// All names.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let functions = Function::ALL.iter().map(|one| one.as_str());
        functions.chain(Import::ALL.iter().map(|one| one.as_str()))
    }
}

impl From<Function> for Reader {
    fn from(function: Function) -> Self {
        Self::Function(function)
    }
}

impl From<Import> for Reader {
    fn from(import: Import) -> Self {
        Self::Import(import)
    }
}

impl std::str::FromStr for Reader {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(import) => Ok(Self::Import(import)),
            Err(_) => text.parse().map(Self::Function),
        }
    }
}

/// A row: one record that a response depended on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    pub id: Uuid,
    /// Truncated to microseconds.
    pub occurred_at: DateTime<Utc>,
    pub actor: String,
    /// The operation that read the record: [`Reader::as_str`].
    pub function: String,
    pub patient_id: PatientId,
    pub request_id: Uuid,
}

impl Access {
    /// The hash of every field. Fields of fixed length come first, then the function's name
    /// preceded by its length, then the actor, so that no two rows have the same bytes.
    pub fn digest(&self, organization: OrganizationId) -> [u8; 32] {
        let function = self.function.as_bytes();
        let length = u32::try_from(function.len()).unwrap_or(u32::MAX);
        Sha256::new()
            .chain_update(organization.as_uuid().as_bytes())
            .chain_update(self.id.as_bytes())
            .chain_update(self.occurred_at.timestamp_micros().to_be_bytes())
            .chain_update(self.patient_id.as_uuid().as_bytes())
            .chain_update(self.request_id.as_bytes())
            .chain_update(length.to_be_bytes())
            .chain_update(function)
            .chain_update(self.actor.as_bytes())
            .finalize()
            .into()
    }
}

/// The digest of a response's rows, which are added one at a time in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Rows(Sha256);

impl Rows {
    /// Adds the next row.
    pub fn add(&mut self, organization: OrganizationId, row: &Access) {
        self.0.update(row.digest(organization));
    }

    /// Returns the digest of all added rows.
    pub fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The rows of one response, as a link of the chain.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub sequence: i64,
    /// The id of the first row.
    pub id: Uuid,
    /// [`Rows::digest`].
    pub rows: [u8; 32],
}

impl Link for Reading {
    fn sequence(&self) -> i64 {
        self.sequence
    }

    fn id(&self) -> Uuid {
        self.id
    }

    fn hash(&self, previous: &[u8; 32]) -> [u8; 32] {
        Sha256::new()
            .chain_update(previous)
            .chain_update(self.sequence.to_be_bytes())
            .chain_update(self.rows)
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chain::GENESIS, hexadecimal};

    fn row() -> Access {
        Access {
            id: Uuid::from_u128(1),
            occurred_at: DateTime::from_timestamp(1_700_000_000, 123_456_000).unwrap(),
            actor: "sam@harbor.example".into(),
            function: "GetPatient".into(),
            patient_id: Uuid::from_u128(2).into(),
            request_id: Uuid::from_u128(3),
        }
    }

    #[test]
    fn every_field_is_hashed() {
        let organization = OrganizationId::from(Uuid::from_u128(9));
        let base = row().digest(organization);
        let changes: [fn(&mut Access); 7] = [
            |row| row.id = Uuid::from_u128(4),
            |row| row.occurred_at += chrono::TimeDelta::microseconds(1),
            |row| row.actor.push('x'),
            |row| row.function.push('x'),
            |row| row.patient_id = Uuid::from_u128(4).into(),
            |row| row.request_id = Uuid::from_u128(4),
            // A letter moves from one field to the other.
            |row| {
                row.function.pop();
                row.actor.insert(0, 't');
            },
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut changed = row();
            change(&mut changed);
            assert_ne!(changed.digest(organization), base, "change {index}");
        }
        assert_ne!(row().digest(Uuid::from_u128(8).into()), base);
    }

    #[test]
    fn the_place_and_the_rows_are_hashed() {
        let reading = |sequence, rows| Reading {
            sequence,
            id: Uuid::nil(),
            rows,
        };
        let base = reading(1, [1; 32]).hash(&GENESIS);
        assert_ne!(reading(2, [1; 32]).hash(&GENESIS), base);
        assert_ne!(reading(1, [2; 32]).hash(&GENESIS), base);
        assert_ne!(reading(1, [1; 32]).hash(&[1; 32]), base);
    }

    #[test]
    fn the_hash_stays_what_it_is() {
        // Computed independently of this program, from the rules above.
        let organization = OrganizationId::from(Uuid::from_u128(9));
        let mut rows = Rows::default();
        rows.add(organization, &row());
        let reading = Reading {
            sequence: 1,
            id: row().id,
            rows: rows.digest(),
        };
        assert_eq!(
            hexadecimal(&reading.hash(&GENESIS)),
            "cbb2788e2099fd8e44f726960d64dddbd727ffdf6cb65ab3268762105f5cf862"
        );
    }

    #[test]
    fn names_are_read_back() {
        for name in Reader::names() {
            assert_eq!(name.parse::<Reader>().unwrap().as_str(), name);
        }
        assert!("ImportEverything".parse::<Reader>().is_err());
    }
}
