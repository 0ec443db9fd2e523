//! Checks of tables, columns, keys and indexes, and of views, rules, foreign tables, publications
//! and copies that bypass their policies.

mod copies;
mod foreign_keys;
mod indexes;
mod key_column;
mod key_missing;
mod key_mutable;
mod partitions;
mod policies;
mod protection;
mod publications;
mod reads;
mod row_security;
mod rules;
mod uniques;
mod unprotectable;
mod views;
mod wording;

use crate::audit::{
    findings::Rule,
    report::{Check, Class, Confidence, Severity},
};

/// The checks of this class.
pub const RULES: &[Rule] = &[
    row_security::DISABLED,
    row_security::DORMANT,
    row_security::NOT_FORCED,
    row_security::NO_POLICY,
    partitions::UNPROTECTED,
    key_missing::MISSING,
    key_column::NULLABLE,
    key_column::UNLIKE_ROOT,
    key_column::NO_REFERENCE,
    key_mutable::MUTABLE,
    foreign_keys::WITHOUT_KEY,
    uniques::ACROSS_TENANTS,
    indexes::NO_INDEX,
    views::NOT_INVOKER,
    unprotectable::MATERIALIZED,
    unprotectable::FOREIGN,
    rules::BYPASS,
    publications::UNFILTERED,
    copies::COPY,
];

const fn check(
    id: &'static str,
    (severity, confidence): (Severity, Confidence),
    title: &'static str,
    page: &'static str,
) -> Check {
    Check {
        id,
        class: Class::Catalog,
        severity,
        confidence,
        title,
        page,
    }
}
