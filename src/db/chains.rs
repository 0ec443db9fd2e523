//! The heads of an organization's chains: rows that are locked to serialize writers.

use super::TenantTx;
use crate::{
    domain::chain::{GENESIS, Head},
    error::{Error, Result},
};

/// Starts the chains of a new organization: its activity log and its access log.
pub async fn start(tx: &mut TenantTx) -> Result<()> {
    sqlx::query!(
        "WITH access AS (
             INSERT INTO access_chains (organization_id, last_sequence, last_hash) VALUES ($1, 0, $2)
         )
         INSERT INTO activity_chains (organization_id, last_sequence, last_hash) VALUES ($1, 0, $2)",
        tx.organization_id().as_uuid(),
        GENESIS.as_slice(),
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// A chain head as stored.
#[derive(Debug)]
pub(super) struct HeadRow {
    pub(super) last_sequence: i64,
    pub(super) last_hash: Vec<u8>,
}

impl TryFrom<HeadRow> for Head {
    type Error = Error;

    fn try_from(row: HeadRow) -> Result<Self> {
        Ok(Self {
            sequence: row.last_sequence,
            hash: hash_of(&row.last_hash)?,
        })
    }
}

fn hash_of(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes
        .try_into()
        .map_err(|_| Error::failure("the head of a chain is not a valid SHA-256"))
}
