//! Checks on roles, grants and functions: ways around the policies through role attributes,
//! excessive privileges, or functions with the privileges of another role.

mod attributes;
mod defaults;
mod definer;
mod holders;
mod leakproof;
mod membership;
mod privileges;
mod public;
mod schemas;
mod settings;

use crate::audit::{
    findings::Rule,
    report::{Check, Class, Confidence, Severity},
};

pub const RULES: &[Rule] = &[
    attributes::SUPERUSER,
    attributes::BYPASS_RLS,
    attributes::REPLICATION,
    membership::MAY_BECOME,
    settings::SETTING_TENANT,
    privileges::TRUNCATE,
    privileges::REFERENCES,
    privileges::TRIGGER,
    privileges::GRANTABLE,
    public::PUBLIC,
    public::ANONYMOUS,
    defaults::OPEN,
    schemas::CREATE,
    definer::UNFILTERED,
    definer::SEARCH_PATH,
    definer::PUBLIC,
    leakproof::LEAKPROOF,
];

/// Defines a check of this class with high confidence, which a finding may lower.
const fn check(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    page: &'static str,
) -> Check {
    Check {
        id,
        class: Class::Grant,
        severity,
        confidence: Confidence::High,
        title,
        page,
    }
}
