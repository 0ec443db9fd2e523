//! Verdicts on the attempts, and the findings that follow from them.

pub(crate) mod change;
pub(crate) mod ineffective;
pub(crate) mod ownership;
pub(crate) mod proof;
pub(crate) mod public_rows;
pub(crate) mod refusal;
pub(crate) mod side_effects;
