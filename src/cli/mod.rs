//! The command line: the root command, the flags that all commands share, value parsers, and
//! completion of real values.

pub mod complete;
mod global;
pub mod help;
mod typed;
pub mod usage;
pub mod values;

use clap::{Parser, Subcommand};

pub use global::GlobalArgs;

use crate::{commands, context::App, error::Result};

/// The operator's tool for multi-tenant platforms on PostgreSQL.
///
/// Creates organizations, invites and manages their members, configures their channels, and
/// proves that no tenant can reach another.
#[derive(Debug, Parser)]
#[command(
    name = "tenantctl",
    version,
    max_term_width = 100,
    before_help = help::ROOT_EXAMPLES,
    after_help = help::EXIT_CODES,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,
    #[command(subcommand)]
    pub command: Command,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    Demo(commands::demo::DemoArgs),
    Init(commands::init::InitArgs),
    #[command(subcommand)]
    Org(commands::org::OrgCommand),
    #[command(subcommand)]
    User(commands::user::UserCommand),
    #[command(subcommand)]
    Member(commands::member::MemberCommand),
    #[command(subcommand)]
    Invite(commands::invite::InviteCommand),
    #[command(subcommand)]
    Outbox(commands::outbox::OutboxCommand),
    #[command(subcommand)]
    Role(commands::role::RoleCommand),
    #[command(subcommand)]
    Access(commands::access::AccessCommand),
    #[command(subcommand)]
    Channel(commands::channel::ChannelCommand),
    #[command(subcommand)]
    Agent(commands::agent::AgentCommand),
    #[command(subcommand)]
    Patient(commands::patient::PatientCommand),
    #[command(subcommand)]
    Provider(commands::provider::ProviderCommand),
    #[command(subcommand)]
    Operatory(commands::operatory::OperatoryCommand),
    #[command(subcommand)]
    Schedule(commands::schedule::ScheduleCommand),
    #[command(subcommand)]
    Appointment(commands::appointment::AppointmentCommand),
    #[command(subcommand)]
    Booking(commands::booking::BookingCommand),
    #[command(subcommand)]
    Import(commands::import::ImportCommand),
    #[command(subcommand)]
    Webhook(commands::webhook::WebhookCommand),
    #[command(subcommand)]
    Activity(commands::activity::ActivityCommand),
    Serve(commands::serve::ServeArgs),
    #[command(subcommand)]
    Db(commands::db::DbCommand),
    #[command(subcommand)]
    Local(commands::local::LocalCommand),
    #[command(subcommand)]
    Config(commands::config::ConfigCommand),
    Audit(Box<commands::audit::AuditArgs>),
    Doctor(commands::doctor::DoctorArgs),
    Completions(commands::completions::CompletionsArgs),
    Man(commands::man::ManArgs),
}

impl Command {
    /// Whether it runs until it is stopped, with a log that others read.
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Runs the command to its end, printing included.
    ///
    /// # Errors
    /// Whatever the command could not do; its kind decides the exit code.
    pub async fn run(self, app: &App) -> Result<()> {
        match self {
            Self::Demo(args) => args.run(app).await,
            Self::Init(args) => args.run(app).await,
            Self::Org(command) => command.run(app).await,
            Self::User(command) => command.run(app).await,
            Self::Member(command) => command.run(app).await,
            Self::Invite(command) => command.run(app).await,
            Self::Outbox(command) => command.run(app).await,
            Self::Role(command) => command.run(app).await,
            Self::Access(command) => command.run(app).await,
            Self::Channel(command) => command.run(app).await,
            Self::Agent(command) => command.run(app).await,
            Self::Patient(command) => command.run(app).await,
            Self::Provider(command) => command.run(app).await,
            Self::Operatory(command) => command.run(app).await,
            Self::Schedule(command) => command.run(app).await,
            Self::Appointment(command) => command.run(app).await,
            Self::Booking(command) => command.run(app).await,
            Self::Import(command) => command.run(app).await,
            Self::Webhook(command) => command.run(app).await,
            Self::Activity(command) => command.run(app).await,
            Self::Serve(args) => args.run(app).await,
            Self::Db(command) => command.run(app).await,
            Self::Local(command) => command.run(app).await,
            Self::Config(command) => command.run(app).await,
            Self::Audit(args) => args.run(app).await,
            Self::Doctor(args) => args.run(app).await,
            Self::Completions(args) => args.run(app).await,
            Self::Man(args) => args.run(app).await,
        }
    }
}
