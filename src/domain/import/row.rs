//! Conversion of a record's cells to the values staged for the database.

use super::{
    Cells, Fault, ImportKind, RowSink, appointments, members, operatories, organizations, patients,
    providers, schedules, sink::Faults,
};

/// Reads a row, passes its values to `sink` and returns all faults. If there are any, the values in the
/// sink are invalid.
pub fn read_row(kind: ImportKind, cells: &Cells<'_>, sink: &mut dyn RowSink) -> Vec<Fault> {
    let mut faults = Faults::default();
    if let Some(fault) = of_the_record(cells) {
        return vec![fault];
    }
    match kind {
        ImportKind::Patients => patients::read(cells, &mut faults, sink),
        ImportKind::Providers => providers::read(cells, &mut faults, sink),
        ImportKind::Operatories => operatories::read(cells, &mut faults, sink),
        ImportKind::Schedules => schedules::read(cells, &mut faults, sink),
        ImportKind::Appointments => appointments::read(cells, &mut faults, sink),
        ImportKind::Members => members::read(cells, &mut faults, sink),
        ImportKind::Organizations => organizations::read(cells, &mut faults, sink),
    }
    faults.0
}

fn of_the_record(cells: &Cells<'_>) -> Option<Fault> {
    let record = cells.record;
    let (count, width) = (record.count(), cells.layout.width());
    if count != width {
        return Some(Fault::of_row(format!(
            "the row has {count} fields, the header has {width}"
        )));
    }
    if record.is_damaged() {
        return Some(Fault::of_row(
            "invalid bytes in the file's encoding (see --encoding)",
        ));
    }
    let has_nul = !cells.is_plain && record.has_nul();
    has_nul.then(|| Fault::of_row("a field contains a NUL character"))
}
