//! The error type of the program: message, cause, hints and exit code.

use std::fmt;

pub use crate::hint::Hint;

/// The kind of a failure. Each kind has one exit code, documented in `--help`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// Any failure not named below.
    Failure,
    /// Invalid arguments.
    Usage,
    /// The requested object does not exist.
    NotFound,
    /// Already exists, last owner, stale version.
    Conflict,
    /// Permission denied, or a confirmation that was declined or not possible.
    Refused,
    /// Input data that breaks a rule.
    BadInput,
    /// The database cannot be reached or is not migrated.
    Unavailable,
    /// The audit, or a comparison, found something.
    Finding,
    /// Interrupted by the user.
    Interrupted,
}

impl ErrorKind {
    /// The process exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failure => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Conflict => 4,
            Self::Refused => 5,
            Self::BadInput => 6,
            Self::Unavailable => 7,
            Self::Finding => 10,
            Self::Interrupted => 130,
        }
    }

    /// The stable name of this kind in JSON errors.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Refused => "refused",
            Self::BadInput => "bad_input",
            Self::Unavailable => "unavailable",
            Self::Finding => "finding",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A user-facing error: a message, the cause, and hints with commands to paste.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hints: Vec<Hint>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    of_database: bool,
}

/// The result of every operation that can fail with a user-facing error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates an error of `kind` with `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hints: Vec::new(),
            source: None,
            of_database: false,
        }
    }

    /// Exit code 1.
    pub fn failure(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failure, message)
    }

    /// Exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Exit code 3.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Exit code 4.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Exit code 5.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Exit code 6.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, message)
    }

    /// Exit code 7.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Exit code 130.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
    }

    /// Adds a hint; hints are printed in the order they were added.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the hints of another error.
    #[must_use]
    pub fn hints_of(mut self, other: &Self) -> Self {
        self.hints.extend_from_slice(&other.hints);
        self
    }

    /// Prefixes the message with `place: `; everything else is unchanged.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// Changes the kind of the error.
    #[must_use]
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks the error as reported by the database, not caused by a rule of this program.
    #[must_use]
    pub fn of_database(mut self) -> Self {
        self.of_database = true;
        self
    }

    /// Returns `true` if the database reported the error.
    pub fn is_of_database(&self) -> bool {
        self.of_database
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Hints for fixing the error.
    pub fn hints(&self) -> &[Hint] {
        &self.hints
    }

    /// The causes, outermost first, without those already contained in the message or an earlier
    /// cause.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let text = error.to_string();
            let said = |earlier: &String| earlier.contains(&text);
            if !self.message.contains(&text) && !causes.iter().any(said) {
                causes.push(text);
            }
            next = error.source();
        }
        causes
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::failure(error.to_string())
    }
}

/// Adds context to a lower-level error.
pub trait Context<T> {
    /// Turns the error into an [`ErrorKind::Failure`] with `message` and keeps the cause.
    fn context(self, message: impl Into<String>) -> Result<T>;
}

impl<T, E> Context<T> for std::result::Result<T, E>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::failure(message).because(source))
    }
}
