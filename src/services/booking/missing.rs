//! Errors for records that are not found. They are the same for records that never existed, are
//! deleted, or belong to another organization.

use crate::{
    domain::{AppointmentId, ScheduleId},
    error::Error,
    run,
};

pub(super) fn schedule(id: ScheduleId) -> Error {
    Error::not_found(format!("schedule {id} not found"))
        .hint(run!["schedule", "list"].labeled("list the schedules"))
}

pub(super) fn appointment(id: AppointmentId) -> Error {
    Error::not_found(format!("appointment {id} not found"))
        .hint(run!["appointment", "list"].labeled("list the appointments"))
}
