//! The progress of an audit, for a person.

use std::sync::{Mutex, PoisonError};

use crate::{
    audit::connections::Watch,
    output::{Printer, Progress},
};

/// Shows one phase at a time.
pub(super) struct Shown {
    printer: Printer,
    current: Mutex<Option<Progress>>,
}

impl Shown {
    pub(super) fn new(printer: &Printer) -> Self {
        Self {
            printer: printer.clone(),
            current: Mutex::new(None),
        }
    }
}

impl Watch for Shown {
    fn phase(&self, what: &str, steps: Option<u64>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Clears the previous one before the next is drawn.
        *current = None;
        *current = Some(match steps {
            // Too few steps for a progress bar.
            None | Some(0 | 1) => self.printer.spinner(what),
            Some(_) => self.printer.progress(what, steps),
        });
    }

    fn advance(&self, steps: u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = &*current {
            progress.inc(steps);
        }
    }
}
