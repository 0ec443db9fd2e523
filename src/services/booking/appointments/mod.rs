//! Functions on appointments.

mod change;
mod read;

pub use change::{AppointmentChange, break_one, create, delete, update};
pub use read::{AppointmentsPage, get, get_all};
