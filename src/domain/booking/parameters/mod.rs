//! The parameters of each function, with their JSON Schema. Unknown fields are refused.

mod appointments;
mod resources;
mod schedules;

use serde::{Deserialize, Deserializer};

pub use appointments::*;
pub use resources::*;
pub use schedules::*;

/// A field of an update: absent (unchanged), null (cleared), or a new value.
pub type Patch<T> = Option<Option<T>>;

/// Default number of rows per page.
pub const PAGE: u32 = 50;

/// Maximum number of rows per page: a longer list is fetched page by page.
pub const LONGEST_PAGE: u32 = 1000;

/// Parameters of a list, which is read page by page.
pub trait Paged:
    Clone + Default + serde::de::DeserializeOwned + schemars::JsonSchema + Send + Sync
{
    /// The requested number of rows.
    fn limit(&self) -> Option<u32>;

    /// The position after which the page begins.
    fn after(&self) -> Option<&super::PageMark>;

    /// Reports whether only some of the rows are requested.
    fn is_filtered(&self) -> bool;

    /// The same list, `limit` rows after that position.
    #[must_use]
    fn at(self, limit: u32, after: Option<super::PageMark>) -> Self;
}

/// Implements [`Paged`] for structs with the fields `limit` and `after`.
macro_rules! paged {
    ($($List:ident)*) => {$(
        impl Paged for $List {
            fn limit(&self) -> Option<u32> {
                self.limit
            }

            fn after(&self) -> Option<&PageMark> {
                self.after.as_ref()
            }

            fn is_filtered(&self) -> bool {
                let all = Self { include_archived: self.include_archived, ..Self::default() };
                Self { limit: None, after: None, ..self.clone() } != all
            }

            fn at(self, limit: u32, after: Option<PageMark>) -> Self {
                Self { limit: Some(limit), after, ..self }
            }
        }
    )*};
}
use paged;

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
