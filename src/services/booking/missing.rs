//! The errors for what is not there: the same whether it never was, is deleted, or belongs to
//! another organization.

use crate::{
    domain::{AppointmentId, OperatoryId, PatientId, ProviderId, ScheduleId},
    error::Error,
    run,
};

pub(super) fn patient(id: PatientId) -> Error {
    Error::not_found(format!("patient {id} not found"))
        .hint(run!["patient", "list"].labeled("list the patients there are"))
}

pub(super) fn provider(id: ProviderId) -> Error {
    Error::not_found(format!("provider {id} not found"))
        .hint(run!["provider", "list"].labeled("list the providers there are"))
}

pub(super) fn operatory(id: OperatoryId) -> Error {
    Error::not_found(format!("operatory {id} not found"))
        .hint(run!["operatory", "list"].labeled("list the operatories there are"))
}

pub(super) fn schedule(id: ScheduleId) -> Error {
    Error::not_found(format!("schedule {id} not found"))
        .hint(run!["schedule", "list"].labeled("list the schedules there are"))
}

pub(super) fn appointment(id: AppointmentId) -> Error {
    Error::not_found(format!("appointment {id} not found"))
        .hint(run!["appointment", "list"].labeled("list the appointments there are"))
}
