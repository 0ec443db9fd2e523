//! The errors for what is not there: the same whether it never was, is deleted, or belongs to
//! another organization.

use crate::{
    domain::{AppointmentId, OperatoryId, PatientId, ProviderId, ScheduleId},
    error::Error,
    run,
};

pub(super) fn patient(id: PatientId) -> Error {
    Error::not_found(format!("there is no patient {id}"))
        .hint(run!["patient", "list"].labeled("list the patients there are"))
}

pub(super) fn provider(id: ProviderId) -> Error {
    Error::not_found(format!("there is no provider {id}"))
        .hint(run!["provider", "list"].labeled("list the providers there are"))
}

pub(super) fn operatory(id: OperatoryId) -> Error {
    Error::not_found(format!("there is no operatory {id}"))
        .hint(run!["operatory", "list"].labeled("list the operatories there are"))
}

pub(super) fn schedule(id: ScheduleId) -> Error {
    Error::not_found(format!("there is no schedule {id}"))
        .hint(run!["schedule", "list"].labeled("list the schedules there are"))
}

pub(super) fn appointment(id: AppointmentId) -> Error {
    Error::not_found(format!("there is no appointment {id}"))
        .hint(run!["appointment", "list"].labeled("list the appointments there are"))
}
