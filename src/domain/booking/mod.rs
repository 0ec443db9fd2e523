//! The booking data: patients, providers, operatories, schedules and appointments, and the thirty
//! functions on them. Times are UTC; schedules are on the organization's clock.

pub mod appointment;
pub mod calendar;
pub mod clock;
pub mod clock_time;
pub mod conflicts;
mod cursor;
pub mod fields;
pub mod function;
pub mod intervals;
pub mod moment;
pub mod name_search;
pub mod opening;
pub mod operatory;
pub mod page_mark;
pub mod parameters;
pub mod patient;
pub mod provider;
pub mod resource;
pub mod schedule;
pub mod slots;
#[cfg(test)]
mod testing;
pub mod text;

pub use appointment::{Appointment, AppointmentEntry, AppointmentStatus};
pub use clock_time::ClockTime;
pub use conflicts::Conflict;
pub use function::Function;
pub use intervals::{Interval, Intervals};
pub use moment::Moment;
pub use opening::{DayHours, Subject, Timetable};
pub use operatory::{Operatory, OperatoryFields};
pub use page_mark::PageMark;
pub use patient::{Duplicate, Patient, PatientFields};
pub use provider::{Provider, ProviderFields};
pub use resource::Resource;
pub use schedule::{Schedule, ScheduleKind, Weekday};
pub use slots::{ProviderTime, RoomTime, Rooms, Slot, SlotSearch};
