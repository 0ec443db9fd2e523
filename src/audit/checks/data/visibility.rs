//! Check that the asking role can see every row of a question, without running code that it must
//! not run.

use super::{SessionKind, question::Question};
use crate::audit::{model::Model, reach::Access};

/// Returns the reason why it cannot. Under row-level security, only visible rows would be counted,
/// and the count would look like an answer.
pub(super) fn obstacle(model: &Model, session: SessionKind, question: &Question) -> Option<String> {
    let catalog = &model.catalog;
    let auditor = &catalog.roles[&session.role(model)];
    for (oid, columns) in &question.reads {
        let relation = catalog.relations.get(oid)?;
        if let Some(objection) = session.guard(model).objection(*oid, Access::Scan) {
            return Some(objection);
        }
        let (role, table) = (&auditor.name, relation.display());
        if !catalog.rights.uses_schema(auditor.oid, &relation.schema) {
            return Some(format!(
                "role {role} may not use schema {}",
                relation.schema
            ));
        }
        let hidden = columns.iter().find(|column| {
            !catalog
                .rights
                .on_column(auditor.oid, *oid, **column, "SELECT")
        });
        if let Some(column) = hidden {
            let column = model.column_name(*oid, *column);
            return Some(format!("role {role} may not read {column} of {table}"));
        }
        if model.is_bound(auditor.oid, relation) {
            return Some(format!(
                "role {role} is subject to row-level security on {table}: \
                 some of its rows may be hidden"
            ));
        }
    }
    None
}
