//! Checks of the probes.

use crate::audit::report::{Check, Class, Confidence, Operation, Severity};

/// Another tenant's rows are read in the context of a tenant.
pub(crate) const READ: Check = Check {
    id: "probe-read",
    class: Class::Probe,
    severity: Severity::Critical,
    confidence: Confidence::Proven,
    title: "a tenant reads another tenant's rows",
    page: include_str!("../../../../docs/audit/probe-read.md"),
};

/// Tenant rows are read without a tenant context.
pub(crate) const READ_UNNAMED: Check = Check {
    id: "probe-read-unnamed",
    title: "a session that names no tenant reads tenants' rows",
    page: include_str!("../../../../docs/audit/probe-read-unnamed.md"),
    ..READ
};

/// A function returns another tenant's rows.
pub(crate) const FUNCTION: Check = Check {
    id: "probe-function",
    title: "a function returns another tenant's rows",
    page: include_str!("../../../../docs/audit/probe-function.md"),
    ..READ
};

pub(crate) const INSERT: Check = Check {
    id: "probe-insert",
    title: "a row is inserted into another tenant",
    page: include_str!("../../../../docs/audit/probe-insert.md"),
    ..READ
};

pub(crate) const UPDATE: Check = Check {
    id: "probe-update",
    title: "another tenant's row is changed",
    page: include_str!("../../../../docs/audit/probe-update.md"),
    ..READ
};

pub(crate) const DELETE: Check = Check {
    id: "probe-delete",
    title: "another tenant's row is deleted",
    page: include_str!("../../../../docs/audit/probe-delete.md"),
    ..READ
};

pub(crate) const MOVE: Check = Check {
    id: "probe-move",
    title: "a tenant's row is moved to another tenant",
    page: include_str!("../../../../docs/audit/probe-move.md"),
    ..READ
};

/// A reference to a row does not reveal or change it, so the severity is lower.
pub(crate) const REFERENCE: Check = Check {
    id: "probe-reference",
    severity: Severity::High,
    title: "a tenant's row refers to another tenant's row",
    page: include_str!("../../../../docs/audit/probe-reference.md"),
    ..READ
};

/// All checks of the probes.
pub const CHECKS: &[Check] = &[
    READ,
    READ_UNNAMED,
    FUNCTION,
    INSERT,
    UPDATE,
    DELETE,
    MOVE,
    REFERENCE,
];

/// Returns the check that a leak belongs to, except for functions.
pub(crate) const fn of_operation(operation: Operation) -> &'static Check {
    match operation {
        Operation::Own | Operation::Select => &READ,
        Operation::Insert => &INSERT,
        Operation::Update => &UPDATE,
        Operation::Delete => &DELETE,
        Operation::Move => &MOVE,
        Operation::Reference => &REFERENCE,
    }
}
