//! Preparation of the probes: two tenants, the targets, and rows of both tenants in them.

pub(crate) mod fixtures;
pub(crate) mod known;
pub(crate) mod overrides;
pub(crate) mod row;
pub(crate) mod survey;
pub(crate) mod target;
pub(crate) mod tenant_pair;
pub(crate) mod transaction;
pub(crate) mod types;
pub(crate) mod visibility;
