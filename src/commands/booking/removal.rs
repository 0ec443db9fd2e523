//! Result of a removal.

use serde::Serialize;

use crate::{
    domain::Organization,
    hint::Hint,
    output::{Page, View},
    run,
    services::booking::Removal,
};

/// Result of deleting or archiving.
#[derive(Serialize)]
pub struct RemovedView {
    /// `false` if nothing was found, or it was archived already.
    changed: bool,
    /// `true` if it was deleted permanently; `false` if it was archived.
    deleted: bool,
    /// `None` if nothing was found.
    id: Option<String>,
    #[serde(skip)]
    what: &'static str,
    /// The reference in the request.
    #[serde(skip)]
    named: String,
    #[serde(skip)]
    organization: Option<String>,
}

impl RemovedView {
    /// Builds the result for a record that was deleted or archived.
    pub(in crate::commands) fn of(
        what: &'static str,
        removal: &Removal,
        organization: &Organization,
    ) -> Self {
        Self {
            changed: removal.changed,
            deleted: removal.deleted,
            id: Some(removal.id.to_string()),
            what,
            named: removal.id.to_string(),
            organization: Some(organization.slug.to_string()),
        }
    }

    /// Builds the result if nothing was found. `named` may be empty, because a reference to a
    /// patient may contain a name.
    pub(in crate::commands) fn nothing(what: &'static str, named: &str) -> Self {
        Self {
            changed: false,
            deleted: false,
            id: None,
            what,
            named: named.to_owned(),
            organization: None,
        }
    }
}

impl View for RemovedView {
    fn human(&self, _page: &mut Page) {}

    fn summary(&self) -> Option<String> {
        let Self { what, named, .. } = self;
        Some(match (self.changed, self.deleted, &self.organization) {
            (_, _, None) if named.is_empty() => {
                format!("{what} not found; nothing was changed")
            }
            (_, _, None) => format!("{what} {named} not found; nothing was changed"),
            (false, ..) => format!("{what} {named} is already archived; nothing was changed"),
            (true, true, Some(slug)) => format!("deleted {what} {named} of {slug}"),
            (true, false, Some(slug)) => format!("archived {what} {named} of {slug}"),
        })
    }

    fn next(&self) -> Vec<Hint> {
        match (self.changed, self.deleted, &self.organization) {
            (true, false, Some(slug)) => vec![
                run![self.what, "update", self.named, "--restore", "--org", slug].labeled("undo"),
            ],
            _ => Vec::new(),
        }
    }
}
