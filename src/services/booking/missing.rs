//! The errors for what is not there: the same whether it never was, is deleted, or belongs to
//! another organization.

use crate::{
    domain::{AppointmentId, ScheduleId},
    error::Error,
    run,
};

pub(super) fn schedule(id: ScheduleId) -> Error {
    Error::not_found(format!("schedule {id} not found"))
        .hint(run!["schedule", "list"].labeled("list the schedules there are"))
}

pub(super) fn appointment(id: AppointmentId) -> Error {
    Error::not_found(format!("appointment {id} not found"))
        .hint(run!["appointment", "list"].labeled("list the appointments there are"))
}
