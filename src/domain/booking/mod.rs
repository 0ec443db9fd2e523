//! The booking data: patients, providers, operatories, schedules and appointments, and the thirty
//! functions on them. Times are UTC; what a schedule says is on the organization's clock.

pub mod appointment;
pub mod clock_time;
pub mod function;
pub mod moment;
pub mod name_search;
pub mod parameters;
pub mod patient;
pub mod resource;
pub mod schedule;
pub mod text;

pub use appointment::{Appointment, AppointmentStatus};
pub use clock_time::ClockTime;
pub use function::Function;
pub use moment::Moment;
pub use patient::{Duplicate, Patient};
pub use resource::{Operatory, Provider};
pub use schedule::{Schedule, ScheduleKind, Weekday};
