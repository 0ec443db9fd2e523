//! A word before the first change of an invocation.

use std::fmt;

/// Called once, before the first change is recorded.
pub(super) struct Notice(Box<dyn FnOnce() + Send + Sync>);

impl Notice {
    pub(super) fn new(say: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Box::new(say))
    }

    pub(super) fn say(self) {
        (self.0)();
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}
