//! The rules of the platform, without I/O: ids, names, roles, invitations, the activity chain,
//! channels and the resolution of their instructions, webhooks.
//!
//! All user input is parsed into one of these types exactly once and is valid from there on. A
//! parse error is [`crate::error::ErrorKind::BadInput`] and names the value, the rule and the
//! remedy.

#[macro_use]
pub(crate) mod macros;

pub mod access;
pub mod activity;
pub mod actor;
pub mod agent;
pub mod booking;
mod canonical_json;
pub mod chain;
pub mod channel;
pub mod email;
mod hexadecimal;
pub mod ids;
pub mod import;
pub mod instructions;
pub mod invitation;
pub mod jwt;
pub mod locale;
pub mod lookalike;
pub mod member;
pub mod names;
pub mod network;
pub mod organization;
pub mod outbox;
pub mod phone;
mod phone_plan;
pub mod quarantine;
pub mod role;
pub mod slug;
pub mod spreadsheet;
pub mod table_change;
pub mod time_zone;
mod token_key;
pub mod user;
pub mod webhook;
pub mod webhook_effect;
pub mod webhook_endpoint;
pub mod webhook_event;
pub mod widget;

pub use activity::Entry;
pub use actor::Actor;
pub use agent::AgentInstructions;
pub use chain::ChainVerifier;
pub use channel::{
    AgentMode, AiBackend, ChannelConfiguration, ChannelKind, ChannelSettings, DataIntegration,
};
pub use email::Email;
pub use hexadecimal::hexadecimal;
pub use ids::{
    ActivityId, AppointmentId, InvitationId, OperatoryId, OrganizationId, OutboxId, PatientId,
    ProviderId, ScheduleId, UserId,
};
pub use instructions::{InstructionLayer, InstructionPart, ResolvedInstruction};
pub use invitation::{Invitation, InvitationStatus, InvitationToken};
pub use locale::Locale;
pub use member::Member;
pub use names::display_name;
pub use network::Network;
pub use organization::{Organization, OrganizationStatus};
pub use outbox::{OutboxMessage, OutboxStatus};
pub use phone::PhoneNumber;
pub use role::{Permission, Role};
pub use slug::Slug;
pub use table_change::TableChange;
pub use time_zone::TimeZone;
pub use token_key::TokenKey;
pub use user::User;
