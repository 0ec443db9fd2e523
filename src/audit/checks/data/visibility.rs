//! Whether the role that asks can see every row that a question is about, without running code
//! that it must not.

use super::{Asker, question::Question};
use crate::audit::{model::Model, reach::Access};

/// Why it cannot. A count under row-level security would be a count of the visible rows, and look
/// like an answer.
pub(super) fn obstacle(model: &Model, asker: Asker, question: &Question) -> Option<String> {
    let catalog = &model.catalog;
    let auditor = &catalog.roles[&asker.role(model)];
    for (oid, columns) in &question.reads {
        let relation = catalog.relations.get(oid)?;
        if let Some(objection) = asker.guard(model).objection(*oid, Access::Scan) {
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
                 its rows could not all be seen"
            ));
        }
    }
    None
}
