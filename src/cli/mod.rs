//! Parts of the command line that commands share: global flags, value parsers, help texts, and the scope of a command.

mod global;
pub mod help;
mod scope;
pub mod values;

pub use global::GlobalArgs;
pub use scope::Scope;
