//! `tenantctl booking`: the thirty functions on the booking data, as programs call them.

pub(in crate::commands) mod confirm;
pub(in crate::commands) mod names;
pub(in crate::commands) mod notes;
pub(in crate::commands) mod pages;
pub(in crate::commands) mod patching;
pub(in crate::commands) mod references;
pub(in crate::commands) mod removal;
pub mod resource;
mod schema;
pub(in crate::commands) mod span;

use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::{confirm::confirm_removal, schema::SchemaView};
use super::input::TextSource;
use crate::{
    app::App,
    cli::{Scope, values},
    commands::complete,
    domain::{PatientId, Permission, booking::Function},
    error::{Error, Result},
    output::{Cell, Listing, Page, Record, Style, View},
    services::booking,
};

/// Hint for parameters that are not an object.
const OBJECT: &str = "specify an object, for example {\"days\": 3}";

/// Call the functions on the booking data as a program does: JSON in, JSON out.
#[derive(Debug, Subcommand)]
pub enum BookingCommand {
    Call(CallArgs),
    #[command(add = Scope::Alone)]
    Functions(FunctionsArgs),
    #[command(add = Scope::Alone)]
    Schema(SchemaArgs),
}

impl BookingCommand {
    /// Runs the verb.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Call(args) => args.run(app).await,
            Self::Functions(FunctionsArgs {}) => app.list(functions()).await,
            Self::Schema(args) => app.show(SchemaView::of(args.function)).await,
        }
    }
}

/// Call a function.
///
/// Parameters are a JSON object; times are ISO 8601, with an offset or in the organization's time
/// zone. Functions that delete prompt for confirmation, and require --yes without a terminal.
///
/// Examples:
///   tenantctl booking call GetProviders
///   tenantctl booking call GetAvailableSlots --json '{"days": 3, "time_from": "13:00"}'
///   tenantctl booking call CreatePatient --from-file patient.json --org harbor-clinic
///   generate | tenantctl booking call CreateAppointment --from-file -
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CallArgs {
    /// The function.
    #[arg(value_parser = values::booking_function, add = ArgValueCompleter::new(complete::booking_functions))]
    function: Function,

    /// The parameters, a JSON object; none by default. Arguments are visible to other users of this
    /// machine and are kept in the shell's history: pass a patient's data in a file.
    #[arg(long, value_name = "JSON", conflicts_with = "from_file")]
    json: Option<String>,

    /// The file with the parameters; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_file: Option<TextSource>,
}

impl CallArgs {
    async fn run(self, app: &App) -> Result<()> {
        let function = self.function;
        let text = match (&self.from_file, self.json) {
            (Some(source), _) => source.read(app).await?,
            (None, Some(json)) => json,
            (None, None) => "{}".to_owned(),
        };
        let parameters: Value = serde_json::from_str(&text).map_err(|error| {
            Error::bad_input(format!("parameters: not valid JSON: {error}")).hint(OBJECT)
        })?;
        let Value::Object(fields) = &parameters else {
            return Err(Error::bad_input("parameters: not an object").hint(OBJECT));
        };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let confirmed = match function.deletes() {
            true => {
                let (what, typed) = deletion(function, fields);
                Some(confirm_removal(app, &organization, &what, &typed).await?)
            }
            false => None,
        };
        let result =
            booking::call(&session, organization.id, function, parameters, confirmed).await?;
        let conflicts = match function {
            Function::CheckScheduleConflicts => result["conflicts"].as_array().map_or(0, Vec::len),
            _ => 0,
        };
        app.show(AnswerView { function, result }).await?;
        crate::commands::schedule::found(conflicts)
    }
}

/// Returns the text to confirm before a deletion, and the text to be typed: the function with the
/// parameters that are ids or switches. Other parameters may contain a patient's name.
fn deletion(function: Function, fields: &Map<String, Value>) -> (String, String) {
    let id = |value: &Value| {
        let text = value.as_str()?;
        text.parse::<PatientId>().ok().map(|_| text.to_owned())
    };
    let mut shown = fields.clone();
    shown.retain(|_, value| value.is_boolean() || id(value).is_some());
    let what = format!("call {function} {}", Value::Object(shown));
    let typed = fields.values().find_map(id);
    (what, typed.unwrap_or_else(|| function.to_string()))
}

#[derive(Serialize)]
struct AnswerView {
    function: Function,
    result: Value,
}

impl View for AnswerView {
    fn human(&self, page: &mut Page) {
        // The result is shown as JSON, as a program would receive it.
        let Self { function, result } = self;
        page.text(format!(
            "{:#}",
            json!({ "function": function, "result": result })
        ));
    }
}

/// List the functions, with their descriptions and permissions.
///
/// Examples:
///   tenantctl booking functions
///   tenantctl booking functions -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct FunctionsArgs {}

#[derive(Serialize)]
struct FunctionRecord {
    function: Function,
    permission: Permission,
    description: &'static str,
}

impl Record for FunctionRecord {
    fn fields() -> &'static [&'static str] {
        &["function", "permission", "description"]
    }

    fn columns() -> &'static [&'static str] {
        &["FUNCTION", "PERMISSION", "WHAT IT DOES"]
    }

    fn cells(&self, style: &Style) -> Vec<Cell> {
        vec![
            style.bold(self.function.as_str()),
            self.permission.as_str().into(),
            self.description.into(),
        ]
    }
}

fn functions() -> Listing<FunctionRecord> {
    let records = Function::ALL.iter().map(|function| FunctionRecord {
        function: *function,
        permission: function.permission(),
        description: function.description(),
    });
    Listing::of(records.collect(), "there are no functions")
}

/// Print the JSON Schema of a function's parameters.
///
/// Examples:
///   tenantctl booking schema GetAvailableSlots
///   tenantctl booking schema CreatePatient -o json
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SchemaArgs {
    /// The function.
    #[arg(value_parser = values::booking_function, add = ArgValueCompleter::new(complete::booking_functions))]
    function: Function,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_a_deletion_ids_are_shown_and_no_names() {
        let id = "0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11";
        let fields = json!({ "patient_id": id, "archive": true, "name": "Ana" });
        let (what, typed) = deletion(Function::DeletePatient, fields.as_object().unwrap());
        assert_eq!(
            what,
            format!(r#"call DeletePatient {{"archive":true,"patient_id":"{id}"}}"#)
        );
        assert_eq!(typed, id);
        let (_, typed) = deletion(Function::DeletePatient, &Map::new());
        assert_eq!(typed, "DeletePatient");
    }
}
