//! Roles, grants and functions: the ways around the policies that a role's attributes, a right
//! too many, or a function with somebody else's rights open.

mod attributes;
mod defaults;
mod definer;
mod everyone;
mod holders;
mod leakproof;
mod membership;
mod privileges;
mod schemas;
mod settings;

use crate::{
    audit::findings::Rule,
    domain::audit::{Check, Class, Confidence, Severity},
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
    everyone::PUBLIC,
    everyone::ANONYMOUS,
    defaults::OPEN,
    schemas::CREATE,
    definer::UNFILTERED,
    definer::SEARCH_PATH,
    definer::PUBLIC,
    leakproof::LEAKPROOF,
];

/// A check of this class, which is sure of what it says unless a finding says otherwise.
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
