//! The result of a dry run: the output of the command and its changes.

use serde::Serialize;

use super::{Page, View};
use crate::{domain::TableChange, hint::Hint};

/// A view together with the rows that the rolled-back transaction changed.
#[derive(Serialize)]
pub struct Rehearsed<V> {
    #[serde(flatten)]
    pub view: V,
    #[serde(rename = "dry_run")]
    pub changes: Vec<TableChange>,
}

impl<V: View> View for Rehearsed<V> {
    fn human(&self, page: &mut Page) {
        self.view.human(page);
        page.heading("Dry run: changes that would have been made");
        if self.changes.is_empty() {
            page.text("Nothing.");
            return;
        }
        let rows: Vec<_> = self
            .changes
            .iter()
            .map(|change| {
                vec![
                    change.table.as_str().into(),
                    change.inserted.into(),
                    change.updated.into(),
                    change.deleted.into(),
                ]
            })
            .collect();
        page.table(&["TABLE", "INSERTED", "UPDATED", "DELETED"], &rows);
    }

    fn summary(&self) -> Option<String> {
        Some("dry run: rolled back, nothing was changed".to_owned())
    }

    fn warnings(&self) -> Vec<Hint> {
        self.view.warnings()
    }
}
