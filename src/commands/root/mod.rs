//! The root command.

mod parse;
mod process;
mod typed;
mod usage;

use clap::{Parser, Subcommand};

use crate::{
    app::App,
    cli::{GlobalArgs, Scope, help},
    commands,
    error::Result,
};

pub use parse::{scope_of, takes};
pub use process::main;
pub(super) use typed::global_args;

/// The operator's tool for multi-tenant platforms on PostgreSQL.
///
/// Creates organizations, invites and manages their members, configures their channels, and proves
/// that no tenant can reach another.
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

/// The top-level commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(add = Scope::Configuration)]
    Demo(commands::demo::DemoArgs),
    #[command(add = Scope::Configuration)]
    Init(commands::init::InitArgs),
    #[command(subcommand, add = Scope::Platform)]
    Org(commands::org::OrgCommand),
    #[command(subcommand, add = Scope::Platform)]
    User(commands::user::UserCommand),
    #[command(subcommand, add = Scope::Organization)]
    Member(commands::member::MemberCommand),
    #[command(subcommand, add = Scope::Organization)]
    Invite(commands::invite::InviteCommand),
    #[command(subcommand, add = Scope::Organization)]
    Outbox(commands::outbox::OutboxCommand),
    #[command(subcommand, add = Scope::Alone)]
    Role(commands::role::RoleCommand),
    #[command(subcommand, add = Scope::Organization)]
    Access(commands::access::AccessCommand),
    #[command(subcommand, add = Scope::Organization)]
    Channel(commands::channel::ChannelCommand),
    #[command(subcommand, add = Scope::Organization)]
    Agent(commands::agent::AgentCommand),
    #[command(subcommand, add = Scope::Organization)]
    Patient(commands::patient::PatientCommand),
    #[command(subcommand, add = Scope::Organization)]
    Provider(commands::provider::ProviderCommand),
    #[command(subcommand, add = Scope::Organization)]
    Operatory(commands::operatory::OperatoryCommand),
    #[command(subcommand, add = Scope::Organization)]
    Schedule(commands::schedule::ScheduleCommand),
    #[command(subcommand, add = Scope::Organization)]
    Appointment(commands::appointment::AppointmentCommand),
    #[command(subcommand, add = Scope::Organization)]
    Booking(commands::booking::BookingCommand),
    #[command(subcommand, add = Scope::Organization)]
    Import(commands::import::ImportCommand),
    #[command(subcommand, add = Scope::Organization)]
    Webhook(commands::webhook::WebhookCommand),
    #[command(subcommand, add = Scope::Organization)]
    Activity(commands::activity::ActivityCommand),
    #[command(add = Scope::Database)]
    Serve(commands::serve::ServeArgs),
    #[command(subcommand, add = Scope::Database)]
    Db(commands::db::DbCommand),
    #[command(subcommand, add = Scope::Configuration)]
    Local(commands::local::LocalCommand),
    #[command(subcommand, add = Scope::Configuration)]
    Config(commands::config::ConfigCommand),
    #[command(add = Scope::Database)]
    Audit(Box<commands::audit::AuditArgs>),
    #[command(add = Scope::Database)]
    Doctor(commands::doctor::DoctorArgs),
    #[command(add = Scope::Alone)]
    Completions(commands::completions::CompletionsArgs),
    #[command(add = Scope::Alone)]
    Man(commands::man::ManArgs),
}

impl Command {
    /// Returns `true` if it runs until it is stopped, with a log for later use.
    pub const fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_))
    }

    /// Runs the command and prints its result.
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
