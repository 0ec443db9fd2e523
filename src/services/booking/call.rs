//! The functions as programs call them: by name, with parameters and answer as JSON, and their JSON Schema.

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    appointments, patients,
    resources::{self, Stored, Update},
    schedules, slots,
};
use crate::{
    confirm::Confirmed,
    domain::{
        OrganizationId,
        booking::{
            Function, Operatory, Patient, Provider, Resource, fields::Fields, parameters as p,
            resource::Verb,
        },
    },
    error::{Error, Result},
    run,
    services::Session,
};

/// Runs `$run::<R>(verb, …)` for the kind of row that has this function.
macro_rules! for_resource {
    ($function:expr, $verb:ident => $run:ident::<R>($($argument:expr),*)$(.$await:ident)?) => {
        if let Some($verb) = Patient::FUNCTIONS.verb($function) {
            return $run::<Patient>($($argument),*)$(.$await)?;
        }
        if let Some($verb) = Provider::FUNCTIONS.verb($function) {
            return $run::<Provider>($($argument),*)$(.$await)?;
        }
        if let Some($verb) = Operatory::FUNCTIONS.verb($function) {
            return $run::<Operatory>($($argument),*)$(.$await)?;
        }
    };
}

/// A call of a function.
struct Call<'a> {
    session: &'a Session,
    organization: OrganizationId,
    function: Function,
    parameters: Map<String, Value>,
    confirmed: Option<Confirmed>,
}

/// Calls a function. A deletion requires `confirmed`.
///
/// # Errors
/// `BadInput` for parameters that are unknown, missing or of another type; `Refused` for a deletion
/// without confirmation; the errors of the function.
pub async fn call(
    session: &Session,
    organization: OrganizationId,
    function: Function,
    parameters: Value,
    confirmed: Option<Confirmed>,
) -> Result<Value> {
    // serde would accept a list as the fields in their order.
    let Value::Object(parameters) = parameters else {
        return Err(invalid(function, "not an object"));
    };
    let call = Call {
        session,
        organization,
        function,
        parameters,
        confirmed,
    };
    for_resource!(function, verb => call_resource::<R>(verb, call).await);
    call_other(call).await
}

async fn call_other(call: Call<'_>) -> Result<Value> {
    use Function as F;
    let (session, organization, function) = (call.session, call.organization, call.function);
    /// Reads the parameters, calls, and turns the answer into JSON.
    macro_rules! answer {
        ($function:path) => {
            json!($function(session, organization, &read(function, call.parameters)?).await?)
        };
        ($function:path, by value) => {
            json!($function(session, organization, read(function, call.parameters)?).await?)
        };
        ($function:path, $($more:expr),+) => {
            json!($function(session, organization, &read(function, call.parameters)?, $($more),+).await?)
        };
    }
    Ok(match function {
        F::GetMultiplePatients => answer!(patients::get_multiple),
        F::GetAppointments => answer!(appointments::get_all),
        F::GetAvailableSlots => answer!(slots::get_available),
        F::CreateAppointment => answer!(appointments::create),
        F::UpdateAppointment => answer!(appointments::update, by value),
        F::BreakAppointment => answer!(appointments::break_one),
        F::DeleteAppointment => {
            answer!(appointments::delete, agreed(function, call.confirmed)?)
        }
        F::GetSchedules => answer!(schedules::get_all),
        F::GetSchedule => answer!(schedules::get),
        F::GetProviderSchedules => answer!(schedules::get_of_provider),
        F::CreateSchedule => answer!(schedules::create),
        F::UpdateSchedule => answer!(schedules::update, by value),
        F::DeleteSchedule => answer!(schedules::delete, agreed(function, call.confirmed)?),
        F::CreateDefaultSchedules => answer!(schedules::create_defaults),
        F::CheckScheduleConflicts => answer!(schedules::check_conflicts),
        other => unreachable!("{other} is a function of a resource"),
    })
}

async fn call_resource<R: Stored>(verb: Verb, mut call: Call<'_>) -> Result<Value> {
    let (session, organization, function) = (call.session, call.organization, call.function);
    Ok(match verb {
        Verb::List => {
            let list = read::<R::List>(function, call.parameters)?;
            json!(resources::get_all::<R>(session, organization, &list).await?)
        }
        Verb::Get => {
            let id = take_id::<R>(function, &mut call.parameters)?;
            read::<Nothing>(function, call.parameters)?;
            json!(resources::get::<R>(session, organization, id).await?)
        }
        Verb::Create => {
            let fields = read::<R::Fields>(function, call.parameters)?;
            R::answer(&resources::create::<R>(session, organization, &fields, false).await?)
        }
        Verb::Update => {
            let id = take_id::<R>(function, &mut call.parameters)?;
            let update = read_update::<R::Fields>(function, call.parameters)?;
            R::answer(&resources::update::<R>(session, organization, id, &update).await?)
        }
        Verb::Delete => {
            let id = take_id::<R>(function, &mut call.parameters)?;
            let archive = read::<Removing>(function, call.parameters)?.archive;
            let confirmed = agreed(function, call.confirmed)?;
            json!(resources::delete::<R>(session, organization, id, archive, confirmed).await?)
        }
    })
}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Removing {
    /// Archive the row, with all appointments, instead of deleting it.
    #[serde(default)]
    archive: bool,
}

/// The parameter of an update that is not a field.
const ARCHIVED: &str = "archived";

/// Reads an update: omitted fields are unchanged, null clears.
fn read_update<F: Fields>(
    function: Function,
    mut parameters: Map<String, Value>,
) -> Result<Update<F>> {
    let archived = match parameters.remove(ARCHIVED) {
        None | Some(Value::Null) => None,
        Some(Value::Bool(archived)) => Some(archived),
        Some(_) => return Err(invalid(function, "archived: true or false is expected")),
    };
    let mut clear = Vec::new();
    parameters.retain(|name, value| {
        if value.is_null() && F::NAMES.contains(&name.as_str()) {
            clear.push(name.clone());
            return false;
        }
        true
    });
    Ok(Update {
        fields: read(function, parameters)?,
        clear,
        archived,
    })
}

fn take_id<R: Resource>(
    function: Function,
    parameters: &mut Map<String, Value>,
) -> Result<<R as Resource>::Id> {
    let name = R::NOUN.id;
    let Some(id) = parameters.remove(name) else {
        return Err(invalid(function, &format!("missing field `{name}`")));
    };
    serde_json::from_value(id)
        .map_err(|_| invalid(function, &format!("{name}: a UUID is expected")))
}

fn invalid(function: Function, problem: &str) -> Error {
    Error::bad_input(format!("parameters of {function}: {problem}"))
        .hint(run!["booking", "schema", function].labeled("show the parameters"))
}

fn read<T: DeserializeOwned>(function: Function, parameters: Map<String, Value>) -> Result<T> {
    serde_path_to_error::deserialize(Value::Object(parameters)).map_err(|error| {
        let what = error.inner().to_string();
        // The path to an unknown field is its name.
        let at = match error.path().to_string() {
            path if path == "." || what.starts_with("unknown field") => String::new(),
            path => format!("{path}: "),
        };
        invalid(function, &format!("{at}{}", without_value(&what)))
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
            .hint("add --yes to continue without a prompt")
    })
}

/// The JSON Schema (2020-12) of a function's parameters.
pub fn schema(function: Function) -> Schema {
    let mut schema = untitled(function);
    schema.insert("title".to_owned(), json!(function));
    let description = format!("Parameters of {function}.");
    schema.insert("description".to_owned(), json!(description));
    schema
}

fn untitled(function: Function) -> Schema {
    use Function as F;
    for_resource!(function, verb => resource_schema::<R>(verb));
    match function {
        F::GetMultiplePatients => schema_for!(p::GetMultiplePatients),
        F::GetAppointments => schema_for!(p::GetAppointments),
        F::GetAvailableSlots => schema_for!(p::GetAvailableSlots),
        F::CreateAppointment => schema_for!(p::CreateAppointment),
        F::UpdateAppointment => schema_for!(p::UpdateAppointment),
        F::BreakAppointment => schema_for!(p::BreakAppointment),
        F::DeleteAppointment => schema_for!(p::DeleteAppointment),
        F::GetSchedules => schema_for!(p::GetSchedules),
        F::GetSchedule => schema_for!(p::GetSchedule),
        F::GetProviderSchedules => schema_for!(p::GetProviderSchedules),
        F::CreateSchedule => schema_for!(p::CreateSchedule),
        F::UpdateSchedule => schema_for!(p::UpdateSchedule),
        F::DeleteSchedule => schema_for!(p::DeleteSchedule),
        F::CreateDefaultSchedules => schema_for!(p::CreateDefaultSchedules),
        F::CheckScheduleConflicts => schema_for!(p::CheckScheduleConflicts),
        other => unreachable!("{other} is a function of a resource"),
    }
}

fn resource_schema<R: Resource>(verb: Verb) -> Schema {
    match verb {
        Verb::List => schema_for!(R::List),
        Verb::Get => with_id::<R>(schema_for!(Nothing)),
        Verb::Delete => with_id::<R>(schema_for!(Removing)),
        Verb::Create => {
            let mut schema = schema_for!(R::Fields);
            for name in R::Fields::REQUIRED {
                if let Some(field) = schema.pointer_mut(&format!("/properties/{name}/type")) {
                    *field = json!("string");
                }
            }
            schema.insert("required".to_owned(), json!(R::Fields::REQUIRED));
            schema
        }
        Verb::Update => {
            let mut schema = with_id::<R>(schema_for!(R::Fields));
            let archived = json!({
                "type": ["boolean", "null"],
                "description": "true archives the row, false restores it.",
            });
            if let Some(Value::Object(properties)) = schema.get_mut("properties") {
                properties.insert(ARCHIVED.to_owned(), archived);
            }
            schema
        }
    }
}

/// The schema with the required id of a row.
fn with_id<R: Resource>(mut schema: Schema) -> Schema {
    let mut id = schema_for!(<R as Resource>::Id);
    id.remove("$schema");
    let name = match id.remove("title") {
        Some(Value::String(name)) => name,
        _ => R::NOUN.id.to_owned(),
    };
    let reference = json!({ "$ref": format!("#/$defs/{name}") });
    let properties = schema.ensure_object().entry("properties");
    if let Value::Object(properties) = properties.or_insert_with(|| json!({})) {
        properties.insert(R::NOUN.id.to_owned(), reference);
    }
    schema.insert("$defs".to_owned(), json!({ (name): id }));
    schema.insert("required".to_owned(), json!([R::NOUN.id]));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_schema() {
        for function in Function::ALL.iter().copied() {
            let schema = schema(function);
            assert_eq!(schema.get("title"), Some(&json!(function)));
            assert_eq!(schema.get("type"), Some(&json!("object")), "{function}");
        }
    }
}
