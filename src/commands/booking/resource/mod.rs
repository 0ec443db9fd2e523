//! The verbs list, show, create, update and delete of patients, providers and operatories.

mod create;
mod delete;
mod list;
mod show;
mod update;
mod view;

use std::ffi::OsStr;

use clap::Args;
use clap_complete::CompletionCandidate;
use serde_json::Value;

pub use create::CreateArgs;
pub use delete::DeleteArgs;
pub use list::ListArgs;
pub use show::ShowArgs;
pub use update::UpdateArgs;

use crate::{
    app::App,
    domain::{
        Organization,
        booking::{Resource, fields::Fields},
    },
    error::{Error, Result},
    hint::Hint,
    output::{Cell, Style},
    services::{Session, booking::resources::Stored},
};

/// A noun with these verbs.
pub trait Noun: Stored {
    /// The placeholder of a reference in usage lines.
    const PLACEHOLDER: &'static str;
    /// The help of a reference to a row that is read.
    const REFERENCE: &'static str;
    /// The help of a reference to a row that is changed.
    const WHOLE_REFERENCE: &'static str;
    /// The required field that `create` takes as an argument without a flag.
    const POSITIONAL: Option<&'static str>;
    /// The rows are people: their names and values do not appear in messages and logs.
    const IS_PERSONAL: bool;
    /// The header of a table.
    const HEADER: &'static [&'static str];

    /// Arguments of `create` and `update` other than the fields.
    type More: More<Self::Fields>;

    /// Completes a reference.
    fn complete(current: &OsStr) -> Vec<CompletionCandidate>;

    /// Finds the row that a reference means.
    fn resolve(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> impl Future<Output = Result<<Self as Resource>::Id>>;

    /// Finds the row that is to be changed: a part of a name is not enough.
    fn resolve_whole(
        session: &Session,
        organization: &Organization,
        reference: &str,
    ) -> impl Future<Output = Result<<Self as Resource>::Id>>;

    /// The name at the top of a page.
    fn title(&self) -> String;

    /// The name in the first column of a table, by which the list is sorted.
    fn sorted_title(&self) -> String {
        self.title()
    }

    /// The cells of a table after the name.
    fn cells(&self, style: &Style) -> Vec<Cell>;

    /// The commands that usually follow the creation.
    fn next(&self, organization: &str) -> Vec<Hint>;
}

/// Arguments that complete the fields.
pub trait More<F>: Args + std::fmt::Debug {
    /// Adds what they say to the fields.
    ///
    /// # Errors
    /// `BadInput` if a file cannot be read.
    fn add_to(self, app: &App, fields: &mut F) -> impl Future<Output = Result<()>>;
}

/// No other arguments.
#[derive(Args, Debug)]
pub struct NoMore {}

impl<F> More<F> for NoMore {
    async fn add_to(self, _app: &App, _fields: &mut F) -> Result<()> {
        Ok(())
    }
}

/// The names of the fields that are given.
///
/// # Errors
/// `Usage` for an empty text: often a variable of a script was empty. `argument` names the argument of a field, and
/// `none` is the hint for clearing it.
fn given_names<F: Fields>(
    fields: &F,
    argument: impl Fn(&str) -> String,
    none: impl Fn(&str) -> String,
) -> Result<Vec<&'static str>> {
    let values = serde_json::to_value(fields).unwrap_or_default();
    let mut given = Vec::new();
    for name in F::NAMES {
        match &values[*name] {
            Value::Null => {}
            Value::String(text) if text.trim().is_empty() => {
                return Err(Error::usage(format!("{} is empty", argument(name))).hint(none(name)));
            }
            _ => given.push(*name),
        }
    }
    Ok(given)
}

/// The names of the fields that can be cleared.
fn clearable<F: Fields>() -> impl Iterator<Item = &'static str> {
    let optional = |name: &&str| !F::REQUIRED.contains(name);
    F::NAMES.iter().copied().filter(optional)
}

/// `--external-id` for `external_id`.
fn flag(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}
