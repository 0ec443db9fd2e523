//! The errors for what is not there: the same whether it never was, is deleted, or belongs to
//! another organization.

use crate::{
    domain::{AppointmentId, OperatoryId, PatientId, ProviderId, ScheduleId},
    error::Error,
};

pub(super) fn patient(id: PatientId) -> Error {
    Error::not_found(format!("there is no patient {id}"))
        .hint("list the patients there are: tenantctl patient list")
}

pub(super) fn provider(id: ProviderId) -> Error {
    Error::not_found(format!("there is no provider {id}"))
        .hint("list the providers there are: tenantctl provider list")
}

pub(super) fn operatory(id: OperatoryId) -> Error {
    Error::not_found(format!("there is no operatory {id}"))
        .hint("list the operatories there are: tenantctl operatory list")
}

pub(super) fn schedule(id: ScheduleId) -> Error {
    Error::not_found(format!("there is no schedule {id}"))
        .hint("list the schedules there are: tenantctl schedule list")
}

pub(super) fn appointment(id: AppointmentId) -> Error {
    Error::not_found(format!("there is no appointment {id}"))
        .hint("list the appointments there are: tenantctl appointment list")
}
