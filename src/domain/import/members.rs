//! Rows of members.

use super::{Cells, RowSink, row::Faults};
use crate::domain::Role;

/// Beside the file's own columns, those that others fill: who the address is, where people are
/// added, is looked up in the database; `token_hash` and `sealed_token` are given by whoever stages
/// the row.
pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let email = cells.email(0, "email", faults);
    if cells.get(0).is_none() {
        faults.wrong::<()>("email", "", "it is required".to_owned());
    }
    let role = role(cells, faults);
    let domain = email.as_deref().and_then(|email| email.rsplit_once('@'));
    sink.text("email", email.as_deref());
    sink.text("email_domain", domain.map(|(_, domain)| domain));
    sink.text("role", role.map(Role::as_str));
    sink.uuid("user_id", None);
    sink.text("user_name", None);
}

/// In any case of letters, as spreadsheets have it.
fn role(cells: &Cells<'_>, faults: &mut Faults) -> Option<Role> {
    let cell = cells.get(1)?;
    match cell.to_lowercase().parse() {
        Ok(role) => Some(role),
        Err(_) => {
            let rule = format!("it is none of {}", Role::names().join(", "));
            faults.wrong("role", cell, rule)
        }
    }
}
