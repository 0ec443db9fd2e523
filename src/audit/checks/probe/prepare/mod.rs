//! Preparation of the probes: two tenants, the targets, and rows of both tenants in them.

pub(crate) mod arena;
pub(crate) mod invent;
pub(crate) mod known;
pub(crate) mod parties;
pub(crate) mod row;
pub(crate) mod sight;
pub(crate) mod survey;
pub(crate) mod target;
pub(crate) mod told;
pub(crate) mod types;
