//! The webhooks from end to end: requests as the providers sign them, a real PostgreSQL, the server in
//! this process or as one of its own.

mod ask;
pub mod house;
pub mod sign;

mod commands;
mod copies;
mod evolution;
mod fuzz;
mod identities;
mod kill;
mod live;
mod meta;
mod outage;
mod purge;
mod quarantine;
mod queue;
mod refusals;
mod reseal;
mod retell;
mod sign_up;
mod turns;
mod twilio;

/// How the providers reach the server: behind a path, as a proxy may put it.
const PUBLIC_URL: &str = "https://hooks.clinic.example/in";
