//! The thirty functions on the booking data, and the commands on top of them.

mod commands;
mod functions;
mod guards;
mod permissions;
mod race;
mod readings;
mod records;
mod rules;
