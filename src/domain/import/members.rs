//! Rows of members.

use super::{Cells, RowSink, sink::Faults};
use crate::domain::Role;

/// Reads a member. Some columns are filled elsewhere: for added members, the user of the address is
/// looked up in the database; `token_hash` and `sealed_token` are set when the row is staged.
pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let email = cells.email(0, "email", faults);
    if cells.get(0).is_none() {
        faults.wrong::<()>("email", "", "required".to_owned());
    }
    let role = role(cells, faults);
    let domain = email.as_deref().and_then(|email| email.rsplit_once('@'));
    sink.text("email", email.as_deref());
    sink.text("email_domain", domain.map(|(_, domain)| domain));
    sink.text("role", role.map(Role::as_str));
    sink.uuid("user_id", None);
    sink.text("user_name", None);
}

/// Reads the role in any case, as spreadsheets contain it.
fn role(cells: &Cells<'_>, faults: &mut Faults) -> Option<Role> {
    let cell = cells.get(1)?;
    match cell.to_lowercase().parse() {
        Ok(role) => Some(role),
        Err(_) => {
            let rule = format!("must be one of {}", Role::names().join(", "));
            faults.wrong("role", cell, rule)
        }
    }
}
