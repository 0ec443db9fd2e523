//! Role and tenant context of a probe.

use super::judge::refusal::Refusal;
use crate::audit::{model::AppRole, report::ContextKind};

/// The role and the tenant context of a probe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeIdentity<'a> {
    pub(crate) role: &'a AppRole,
    pub(crate) context: ContextKind,
}

impl ProbeIdentity<'_> {
    pub(crate) fn has_tenant(self) -> bool {
        matches!(self.context, ContextKind::A | ContextKind::B)
    }

    /// `true` if an error means that access is blocked: it is raised by privileges, by a policy or
    /// by the application's code, or, without a tenant, by the code that reads the tenant. Any
    /// other error proves nothing.
    pub(crate) fn is_blocked_by(self, refusal: &Refusal) -> bool {
        let state = refusal.state.as_str();
        // 42501: no privilege; 44000: WITH CHECK OPTION; P0001: RAISE.
        let by_right = matches!(state, "42501" | "44000" | "P0001");
        // 22: the value is not a key; 42704: the setting does not exist.
        let by_name = !self.has_tenant() && (state.starts_with("22") || state == "42704");
        by_right || by_name
    }
}
