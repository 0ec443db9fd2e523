//! One module a noun: the arguments, what is done with them, and the view it returns.

pub mod access;
pub mod activity;
pub mod agent;
pub mod audit;
pub mod changes;
pub mod channel;
pub mod completions;
pub mod config;
pub mod db;
pub mod demo;
pub mod doctor;
pub mod init;
pub mod input;
pub mod invite;
pub mod local;
pub mod man;
pub mod member;
mod missing;
pub mod org;
pub mod role;
pub mod user;
pub mod views;
