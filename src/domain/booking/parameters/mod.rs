//! The parameters of each function: what JSON may hold, with its JSON Schema. What is not named
//! here is refused.

mod appointments;
mod patients;
mod resources;
mod schedules;

use serde::{Deserialize, Deserializer};

pub use appointments::*;
pub use patients::*;
pub use resources::*;
pub use schedules::*;

/// A field of an update: absent (left as it is), null (cleared), or a new value.
pub type Patch<T> = Option<Option<T>>;

/// Rows of a page where no limit is given.
pub const PAGE: u32 = 50;

/// Rows of a page at most: a list that is longer is fetched page by page.
pub const LONGEST_PAGE: u32 = 1000;

/// Tells a null from an absent field.
fn patch<'de, D, T>(deserializer: D) -> Result<Patch<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// The new value of a field under a patch.
pub fn patched<T>(patch: Patch<T>, before: Option<T>) -> Option<T> {
    match patch {
        Some(value) => value,
        None => before,
    }
}

/// Defines parameter structs: all of them refuse unknown fields and describe themselves.
macro_rules! parameters {
    ($($(#[$meta:meta])* pub struct $Name:ident { $($body:tt)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name { $($body)* }
    )*};
}
use parameters;
