//! Rows of providers.

use super::{Cells, RowSink, sink::Faults};
use crate::domain::booking::name_search;

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let external_id = cells.name(0, "external_id", faults);
    let name = cells.required_name(1, "name", faults);
    let specialty = cells.name(2, "specialty", faults);
    let email = cells.email(3, "email", faults);
    let phone = cells.phone(4, "phone", faults);
    let folded = name_search::fold(name.as_deref().unwrap_or_default());
    sink.text("external_id", external_id.as_deref());
    sink.text("name", name.as_deref());
    sink.text("sort_name", Some(&folded));
    sink.text("specialty", specialty.as_deref());
    let folded_specialty = specialty.as_deref().map(name_search::fold);
    sink.text("folded_specialty", folded_specialty.as_deref());
    sink.text("email", email.as_deref());
    sink.text("phone", phone.as_deref());
}
