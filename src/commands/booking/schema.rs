//! `booking schema`

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::{
    domain::booking::{Function, parameters as p},
    output::{Page, View},
};

/// The JSON Schema (2020-12) of a function's parameters.
#[derive(Serialize)]
pub(super) struct SchemaView {
    function: Function,
    parameters: Schema,
}

impl SchemaView {
    pub(super) fn of(function: Function) -> Self {
        Self {
            function,
            parameters: parameters(function),
        }
    }
}

impl View for SchemaView {
    fn human(&self, page: &mut Page) {
        page.text(format!("{:#}", self.parameters.as_value()));
    }
}

fn parameters(function: Function) -> Schema {
    fn of<T: JsonSchema>() -> Schema {
        schema_for!(T)
    }
    match function {
        Function::GetAllPatients => of::<p::GetAllPatients>(),
        Function::GetMultiplePatients => of::<p::GetMultiplePatients>(),
        Function::GetPatient => of::<p::GetPatient>(),
        Function::CreatePatient => of::<p::CreatePatient>(),
        Function::UpdatePatient => of::<p::UpdatePatient>(),
        Function::DeletePatient => of::<p::DeletePatient>(),
        Function::GetProviders => of::<p::GetProviders>(),
        Function::GetProvider => of::<p::GetProvider>(),
        Function::CreateProvider => of::<p::CreateProvider>(),
        Function::UpdateProvider => of::<p::UpdateProvider>(),
        Function::DeleteProvider => of::<p::DeleteProvider>(),
        Function::GetOperatories => of::<p::GetOperatories>(),
        Function::GetOperatory => of::<p::GetOperatory>(),
        Function::CreateOperatory => of::<p::CreateOperatory>(),
        Function::UpdateOperatory => of::<p::UpdateOperatory>(),
        Function::DeleteOperatory => of::<p::DeleteOperatory>(),
        Function::GetAppointments => of::<p::GetAppointments>(),
        Function::GetAvailableSlots => of::<p::GetAvailableSlots>(),
        Function::CreateAppointment => of::<p::CreateAppointment>(),
        Function::UpdateAppointment => of::<p::UpdateAppointment>(),
        Function::BreakAppointment => of::<p::BreakAppointment>(),
        Function::DeleteAppointment => of::<p::DeleteAppointment>(),
        Function::GetSchedules => of::<p::GetSchedules>(),
        Function::GetSchedule => of::<p::GetSchedule>(),
        Function::GetProviderSchedules => of::<p::GetProviderSchedules>(),
        Function::CreateSchedule => of::<p::CreateSchedule>(),
        Function::UpdateSchedule => of::<p::UpdateSchedule>(),
        Function::DeleteSchedule => of::<p::DeleteSchedule>(),
        Function::CreateDefaultSchedules => of::<p::CreateDefaultSchedules>(),
        Function::CheckScheduleConflicts => of::<p::CheckScheduleConflicts>(),
    }
}
