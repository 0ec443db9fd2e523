//! Rows of organizations.

use super::{Cells, RowSink, sink::Faults};
use crate::domain::{Slug, TimeZone};

pub(super) fn read(cells: &Cells<'_>, faults: &mut Faults, sink: &mut dyn RowSink) {
    let name = cells.required_name(0, "name", faults);
    let slug = slug(cells, name.as_deref(), faults);
    let owner = cells.email(2, "owner", faults);
    let time_zone: Option<TimeZone> = cells.parsed(
        3,
        "time_zone",
        "not a valid IANA time zone (expected e.g. Europe/Zurich)",
        faults,
    );
    let locale = cells.language(4, "locale", faults);
    sink.text("name", name.as_deref());
    sink.text("slug", slug.as_ref().map(|slug| slug.as_str()));
    sink.text("owner", owner.as_deref());
    sink.text("time_zone", time_zone.as_ref().map(|zone| zone.name()));
    sink.text("locale", locale.as_deref());
}

/// Derived from the name if it is empty, and never numbered: a second run must find the same slug.
fn slug(cells: &Cells<'_>, name: Option<&str>, faults: &mut Faults) -> Option<Slug> {
    let made = match cells.get(1) {
        Some(cell) => Slug::parse(cell).map_err(|error| (cell, error)),
        None => Slug::from_name(name?).map_err(|error| ("", error)),
    };
    match made {
        Ok(slug) => Some(slug),
        Err((cell, error)) => faults.wrong("slug", cell, error.to_string()),
    }
}
