//! The parameters of each function, with their JSON Schema. Unknown fields are refused.

mod appointments;
mod patients;
mod resources;
mod schedules;

use serde::{Deserialize, Deserializer};

pub use appointments::*;
pub use patients::*;
pub use resources::*;
pub use schedules::*;

/// A field of an update: absent (unchanged), null (cleared), or a new value.
pub type Patch<T> = Option<Option<T>>;

/// Default number of rows per page.
pub const PAGE: u32 = 50;

/// Maximum number of rows per page: a longer list is fetched page by page.
pub const LONGEST_PAGE: u32 = 1000;

/// Distinguishes null from an absent field.
fn patch<'de, D, T>(deserializer: D) -> Result<Patch<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// The value of a field after a patch.
pub fn patched<T>(patch: Patch<T>, before: Option<T>) -> Option<T> {
    match patch {
        Some(value) => value,
        None => before,
    }
}

/// Defines parameter structs, which refuse unknown fields and have a JSON Schema.
macro_rules! parameters {
    ($($(#[$meta:meta])* pub struct $Name:ident { $($body:tt)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $Name { $($body)* }
    )*};
}
use parameters;
