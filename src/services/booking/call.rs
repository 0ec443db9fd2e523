//! The dispatcher: a function by its name, its parameters and its answer as JSON.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{appointments, operatories, patients, providers, schedules, slots};
use crate::{
    confirm::Confirmed,
    domain::{OrganizationId, booking::Function},
    error::{Error, Result},
    run,
    services::Session,
};

/// Calls a function.
///
/// `confirmed` is what a deletion takes; the other functions need none.
///
/// # Errors
/// `BadInput` for parameters that are unknown, missing or of another type; `Refused` for a deletion
/// that nobody confirmed; what the function returns.
pub async fn call(
    session: &Session,
    organization: OrganizationId,
    function: Function,
    parameters: Value,
    confirmed: Option<Confirmed>,
) -> Result<Value> {
    use Function as F;
    /// Reads the parameters, calls, and turns the answer into JSON.
    macro_rules! answer {
        ($function:path) => {
            json!($function(session, organization, &read(function, parameters)?).await?)
        };
        ($function:path, by value) => {
            json!($function(session, organization, read(function, parameters)?).await?)
        };
        ($function:path, $($more:expr),+) => {
            json!($function(session, organization, &read(function, parameters)?, $($more),+).await?)
        };
    }
    Ok(match function {
        F::GetAllPatients => answer!(patients::get_all),
        F::GetMultiplePatients => answer!(patients::get_multiple),
        F::GetPatient => answer!(patients::get),
        F::CreatePatient => answer!(patients::create, false),
        F::UpdatePatient => answer!(patients::update, by value),
        F::DeletePatient => answer!(patients::delete, agreed(function, confirmed)?),
        F::GetProviders => answer!(providers::get_all),
        F::GetProvider => answer!(providers::get),
        F::CreateProvider => answer!(providers::create, false),
        F::UpdateProvider => answer!(providers::update, by value),
        F::DeleteProvider => answer!(providers::delete, agreed(function, confirmed)?),
        F::GetOperatories => answer!(operatories::get_all),
        F::GetOperatory => answer!(operatories::get),
        F::CreateOperatory => answer!(operatories::create, false),
        F::UpdateOperatory => answer!(operatories::update, by value),
        F::DeleteOperatory => answer!(operatories::delete, agreed(function, confirmed)?),
        F::GetAppointments => answer!(appointments::get_all),
        F::GetAvailableSlots => answer!(slots::get_available),
        F::CreateAppointment => answer!(appointments::create),
        F::UpdateAppointment => answer!(appointments::update, by value),
        F::BreakAppointment => answer!(appointments::break_one),
        F::DeleteAppointment => answer!(appointments::delete, agreed(function, confirmed)?),
        F::GetSchedules => answer!(schedules::get_all),
        F::GetSchedule => answer!(schedules::get),
        F::GetProviderSchedules => answer!(schedules::get_of_provider),
        F::CreateSchedule => answer!(schedules::create),
        F::UpdateSchedule => answer!(schedules::update, by value),
        F::DeleteSchedule => answer!(schedules::delete, agreed(function, confirmed)?),
        F::CreateDefaultSchedules => answer!(schedules::create_defaults),
        F::CheckScheduleConflicts => answer!(schedules::check_conflicts),
    })
}

fn read<T: DeserializeOwned>(function: Function, parameters: Value) -> Result<T> {
    // The reader would take a list for the fields in their order.
    if !parameters.is_object() {
        return Err(
            Error::bad_input(format!("parameters of {function}: they are not an object"))
                .hint(run!["booking", "schema", function].labeled("see what it takes")),
        );
    }
    serde_path_to_error::deserialize(parameters).map_err(|error| {
        let what = error.inner().to_string();
        // The path to an unknown field is its name.
        let at = match error.path().to_string() {
            path if path == "." || what.starts_with("unknown field") => String::new(),
            path => format!("{path}: "),
        };
        let what = without_value(&what);
        Error::bad_input(format!("parameters of {function}: {at}{what}"))
            .hint(run!["booking", "schema", function].labeled("see what it takes"))
    })
}

/// The message without the rejected value or an unknown field name: either may be a
/// patient's.
fn without_value(message: &str) -> String {
    let (what, rest) = match message.split_once(": ") {
        Some((what @ ("invalid type" | "invalid value"), rest)) => (what, rest),
        _ => return without_name(message),
    };
    match rest.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{what}: {expected} is expected"),
        None => what.to_owned(),
    }
}

fn without_name(message: &str) -> String {
    let is_parameter = |name: &str| {
        name.len() <= 40
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let unknown = message.strip_prefix("unknown field `");
    match unknown.and_then(|rest| rest.split_once('`')) {
        Some((name, rest)) if !is_parameter(name) => format!("unknown field{rest}"),
        _ => message.to_owned(),
    }
}

fn agreed(function: Function, confirmed: Option<Confirmed>) -> Result<Confirmed> {
    confirmed.ok_or_else(|| {
        Error::refused(format!("{function} deletes, and was not confirmed"))
            .hint("add --yes to go on without asking")
    })
}
