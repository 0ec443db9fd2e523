//! The database's own code that a statement of the audit may make the server run, and whether
//! this session may run it.
//!
//! `SET ROLE` is no barrier: code that runs in a session may leave the role with
//! `set_config('role', 'none', true)`, and then has whatever the session *authenticated* as. So a
//! session with more rights than the application's runs nothing that a role without those rights
//! could have written.
//!
//! ```text
//! strength (what the session has) ─┐
//! objects, functions, edges, trees ┴→ graph → Reach: may this be read, or changed?
//! ```
//!
//! Code that is not understood is not run.

mod functions;
mod graph;
mod load;
mod server;
mod strength;

use std::{collections::BTreeMap, sync::Arc};

pub use functions::words;
pub use load::{same_database, session};

use super::catalog::Oid;

/// The remedy for everything that was not run.
pub const REMEDY: &str = "attack as an auditor instead (audit role, then --attack-url)";

/// The way in which a statement reaches a relation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Access {
    /// It reads with `row_security = off`: policies are not evaluated on the relation itself.
    Scan,
    /// It reads as the application does.
    Read,
    Write,
}

/// The code that a session may make the server run.
#[derive(Clone, Debug)]
pub struct Reach {
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    /// Nothing is kept from it.
    Open,
    /// Nobody has looked: nothing is run.
    Unknown,
    /// It has rights that those who wrote some of the code do not have.
    Stronger(Arc<Stronger>),
}

#[derive(Clone, Debug)]
struct Stronger {
    /// `role postgres (a superuser)`
    session: String,
    relations: BTreeMap<(Oid, Access), String>,
    functions: BTreeMap<Oid, String>,
    /// The names that texts may use.
    names: functions::Names,
    /// Every statement reaches it, whatever it is about.
    everything: Option<String>,
    /// The statements that each session of the attack begins with reach it.
    template: Option<String>,
}

/// The two kinds of sessions of an audit.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// Reads the catalog, and looks at rows with `row_security = off`.
    pub eyes: Reach,
    /// Attacks.
    pub attack: Reach,
}

impl Guards {
    /// The reason against a statement about a relation or a function, if any.
    pub fn objection(&self, object: Oid, access: Access) -> Option<String> {
        match access {
            Access::Scan => self.eyes.objection(object, access),
            Access::Read | Access::Write => self.attack.objection(object, access),
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
    /// Nothing is kept from the session: it has no more rights than the application.
    pub fn open() -> Self {
        Self {
            answer: Answer::Open,
        }
    }

    /// The reason against reaching a relation or calling a function, if any.
    pub fn objection(&self, object: Oid, access: Access) -> Option<String> {
        let stronger = match &self.answer {
            Answer::Open => return None,
            Answer::Unknown => return Some("what it runs was not looked at".to_owned()),
            Answer::Stronger(stronger) => stronger,
        };
        let template = stronger.template.as_ref();
        let why = template
            .filter(|_| access != Access::Scan)
            .or(stronger.everything.as_ref())
            .or_else(|| stronger.relations.get(&(object, access)))
            .or_else(|| stronger.functions.get(&object))?;
        Some(stronger.told(why))
    }

    /// The reason against making a text part of a statement, if any.
    pub fn objection_to_text(&self, text: &str) -> Option<String> {
        match &self.answer {
            Answer::Open => None,
            Answer::Unknown => Some("what it runs was not looked at".to_owned()),
            Answer::Stronger(stronger) => {
                let why = stronger.names.reached(text)?;
                Some(stronger.told(&why))
            }
        }
    }

    /// The reason against beginning any session of the attack, if any.
    pub fn objection_to_session(&self) -> Option<String> {
        match &self.answer {
            Answer::Open => None,
            Answer::Unknown => Some("what it runs was not looked at".to_owned()),
            Answer::Stronger(stronger) => {
                let why = stronger
                    .template
                    .as_ref()
                    .or(stronger.everything.as_ref())?;
                Some(stronger.told(why))
            }
        }
    }

    /// `true` if statements of a stronger session are looked at one by one.
    pub fn is_guarded(&self) -> bool {
        matches!(self.answer, Answer::Stronger(_) | Answer::Unknown)
    }
}

impl Stronger {
    fn told(&self, why: &str) -> String {
        format!(
            "it would run {why} with the rights of {}: {REMEDY}",
            self.session
        )
    }
}
