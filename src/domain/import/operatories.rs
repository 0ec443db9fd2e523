//! Rows of operatories.

use super::{Cells, RowSink, sink::Faults};
use crate::domain::booking::name_search;

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let external_id = cells.name(0, "external_id", faults);
    let name = cells.required_name(1, "name", faults);
    let notes = cells.notes(2, "notes", faults);
    sink.text("external_id", external_id.as_deref());
    sink.text("name", name.as_deref());
    let folded = name_search::fold(name.as_deref().unwrap_or_default());
    sink.text("sort_name", Some(&folded));
    sink.text("notes", notes.as_deref());
}
