//! A notice before the first change of an invocation.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

type Say = Box<dyn FnOnce() + Send>;

/// Called once, before the first change is recorded, on any of the invocation's connections.
#[derive(Clone)]
pub(super) struct Notice(Arc<Mutex<Option<Say>>>);

impl Notice {
    pub(super) fn new(say: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(say)))))
    }

    pub(super) fn say(self) {
        let say = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(say) = say {
            say();
        }
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}
