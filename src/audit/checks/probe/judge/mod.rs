//! Verdicts on the attempts, and the findings that follow from them.

pub(crate) mod contents;
pub(crate) mod evaluated;
pub(crate) mod lasting;
pub(crate) mod nobody;
pub(crate) mod proof;
pub(crate) mod refusal;
pub(crate) mod visitors;
