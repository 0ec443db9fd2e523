//! Code of the database that a statement of the audit may run, and whether this session may run it.
//!
//! `SET ROLE` does not protect: code in a session can leave the role with `set_config('role',
//! 'none', true)` and then has the privileges of the role that *authenticated*. So a session with
//! more privileges than the application runs only code that a role without those privileges could
//! not have written.
//!
//! ```text
//! strength (what the session has) ─┐
//! objects, functions, edges, trees ┴→ graph → Reach: may this be read, or changed?
//! ```
//!
//! Code that cannot be analyzed is not run.

mod functions;
mod graph;
mod load;
mod server;
mod strength;

use std::{collections::BTreeMap, sync::Arc};

pub use functions::words;
pub use load::{same_database, session};

use super::catalog::Oid;

/// Remedy for everything that was not run.
pub const REMEDY: &str = "attack as an auditor instead (audit role, then --attack-url)";

/// Access of a statement to a relation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// Reads with `row_security = off`: policies of the relation itself are not evaluated.
    Scan,
    /// Reads as the application does.
    Read,
    Write,
}

/// Code that a session may make the server run.
#[derive(Clone, Debug)]
pub struct Reach {
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    /// The session may run all code.
    Open,
    /// The code was not examined: nothing is run.
    Unknown,
    /// The session has privileges that the authors of some code do not have.
    Stronger(Arc<Stronger>),
}

#[derive(Clone, Debug)]
struct Stronger {
    /// `role postgres (a superuser)`
    session: String,
    relations: BTreeMap<(Oid, Access), String>,
    functions: BTreeMap<Oid, String>,
    /// The objects that texts may name.
    names: functions::Names,
    /// The reason against every statement, if any.
    everything: Option<String>,
    /// The reason against the statements at the start of each probe session, if any.
    template: Option<String>,
}

/// Reach of the two kinds of sessions of an audit.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// Session that reads the catalog, and rows with `row_security = off`.
    pub reader: Reach,
    /// Session of the probes.
    pub probe: Reach,
}

impl Guards {
    /// Returns the reason against a statement about a relation or a function, if any.
    pub fn objection(&self, object: Oid, access: Access) -> Option<String> {
        match access {
            Access::Scan => self.reader.objection(object, access),
            Access::Read | Access::Write => self.probe.objection(object, access),
        }
    }
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            answer: Answer::Unknown,
        }
    }
}

impl Reach {
    /// Returns a reach without limits, for a session without more privileges than the application.
    pub fn open() -> Self {
        Self {
            answer: Answer::Open,
        }
    }

    /// Returns the reason against reaching a relation or calling a function, if any.
    pub fn objection(&self, object: Oid, access: Access) -> Option<String> {
        let stronger = match &self.answer {
            Answer::Open => return None,
            Answer::Unknown => return Some("the code that it runs was not examined".to_owned()),
            Answer::Stronger(stronger) => stronger,
        };
        let template = stronger.template.as_ref();
        let why = template
            .filter(|_| access != Access::Scan)
            .or(stronger.everything.as_ref())
            .or_else(|| stronger.relations.get(&(object, access)))
            .or_else(|| stronger.functions.get(&object))?;
        Some(stronger.message(why))
    }

    /// Returns the reason against making a text part of a statement, if any.
    pub fn objection_to_text(&self, text: &str) -> Option<String> {
        match &self.answer {
            Answer::Open => None,
            Answer::Unknown => Some("the code that it runs was not examined".to_owned()),
            Answer::Stronger(stronger) => {
                let why = stronger.names.reached(text)?;
                Some(stronger.message(&why))
            }
        }
    }

    /// Returns the reason against starting any probe session, if any.
    pub fn objection_to_session(&self) -> Option<String> {
        match &self.answer {
            Answer::Open => None,
            Answer::Unknown => Some("the code that it runs was not examined".to_owned()),
            Answer::Stronger(stronger) => {
                let why = stronger
                    .template
                    .as_ref()
                    .or(stronger.everything.as_ref())?;
                Some(stronger.message(why))
            }
        }
    }

    /// `true` if each statement of the session is checked because it has more privileges.
    pub fn is_guarded(&self) -> bool {
        matches!(self.answer, Answer::Stronger(_) | Answer::Unknown)
    }
}

impl Stronger {
    fn message(&self, why: &str) -> String {
        format!(
            "it would run {why} with the privileges of {}: {REMEDY}",
            self.session
        )
    }
}
