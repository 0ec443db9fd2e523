//! Rows of patients.

use super::{Cells, RowSink, sink::Faults};
use crate::domain::booking::name_search;

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let external_id = cells.name(0, "external_id", faults);
    let first_name = cells.required_name(1, "first_name", faults);
    let last_name = cells.required_name(2, "last_name", faults);
    let birth_date = cells.date(3, "birth_date", faults);
    let phone = cells.phone(4, "phone", faults);
    let email = cells.email(5, "email", faults);
    let language = cells.language(6, "language", faults);
    let notes = cells.notes(7, "notes", faults);
    if let Some(date) = birth_date
        && date > cells.tenant.today
    {
        let cell = cells.get(3).unwrap_or_default();
        faults.wrong::<()>("birth_date", cell, "must not be in the future".to_owned());
    }
    sink.text("external_id", external_id.as_deref());
    sink.text("first_name", first_name.as_deref());
    sink.text("last_name", last_name.as_deref());
    if sink.wants_derived() {
        let first = first_name.as_deref().unwrap_or_default();
        let last = last_name.as_deref().unwrap_or_default();
        sink.text("sort_name", Some(&name_search::sort_name(first, last)));
        sink.texts("name_parts", &name_search::parts([first, last]));
    }
    sink.date("birth_date", birth_date);
    sink.text("phone", phone.as_deref());
    sink.text("email", email.as_deref());
    sink.text("language", language.as_deref());
    sink.text("notes", notes.as_deref());
}
