//! Shell completion of dynamic values: organizations, members, channels, profiles. A shell runs
//! this binary with `COMPLETE` set; no candidates are returned if the database does not answer
//! immediately.

use std::{ffi::OsStr, future::Future, time::Duration};

use clap::{Command, CommandFactory};
use clap_complete::{CompleteEnv, CompletionCandidate, engine::ArgValueCompleter};

use super::root::{Cli, global_args, takes};
use crate::{
    app::App,
    config::LOCAL_PROFILE,
    db::{invitations::InvitationFilter, members::MemberFilter},
    domain::{
        ChannelKind, Permission, Role, TimeZone,
        access::Import,
        booking::{
            AppointmentStatus, Function, ScheduleKind, Weekday,
            parameters::{LONGEST_PAGE, NameSearch, Paged as _},
        },
    },
    error::Result,
    services::{
        booking::{self, named::NamedResource},
        invitations, members, organizations,
    },
    system::Environment,
};

/// Time limit for the database: the user is waiting after pressing Tab.
const PATIENCE: Duration = Duration::from_millis(700);

/// Maximum number of candidates.
const MOST: i64 = 200;

/// Answers a completion request and exits the process; otherwise returns immediately.
pub fn answer_if_asked() {
    CompleteEnv::with_factory(command).complete();
}

/// The root command with completion of the global flags.
fn command() -> Command {
    let org = ArgValueCompleter::new(organizations);
    let profile = ArgValueCompleter::new(profiles);
    Cli::command()
        .mut_arg("org", |arg| arg.add(org))
        .mut_arg("profile", |arg| arg.add(profile))
}

/// The slugs of organizations; with `--as`, those of the user.
pub fn organizations(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    ask(async |app| {
        let session = app.session().await?;
        organizations::slugs(&session, &prefix, MOST).await
    })
}

/// The addresses of the current organization's members.
pub fn members(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    ask(async |app| {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let filter = MemberFilter {
            limit: Some(MOST),
            text: Some(prefix.clone()),
            ..MemberFilter::default()
        };
        let members = members::list(&session, organization.id, &filter).await?;
        Ok(members
            .into_iter()
            .map(|member| member.email.to_string())
            .filter(|email| email.starts_with(&prefix))
            .collect())
    })
}

/// The addresses with pending invitations to the current organization.
pub fn invitations(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    ask(async |app| {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let filter = InvitationFilter {
            all: false,
            limit: Some(MOST),
        };
        let invitations = invitations::list(&session, organization.id, &filter).await?;
        Ok(invitations
            .into_iter()
            .map(|invitation| invitation.email.to_string())
            .filter(|email| email.starts_with(&prefix))
            .collect())
    })
}

/// The names of the profiles.
pub fn profiles(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(app) = app() else {
        return Vec::new();
    };
    let mut names = vec![LOCAL_PROFILE.to_owned()];
    if let Ok(config) = app.config() {
        names.extend(config.profiles.keys().cloned());
    }
    names.sort();
    names.dedup();
    starting_with(current, names.into_iter().map(CompletionCandidate::new))
}

/// The five channels.
pub fn channels(current: &OsStr) -> Vec<CompletionCandidate> {
    described(
        current,
        ChannelKind::ALL,
        ChannelKind::as_str,
        ChannelKind::description,
    )
}

/// The names of the current organization's providers or operatories.
pub fn named<R: NamedResource>(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    ask(async |app| {
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let all = NameSearch::default().at(LONGEST_PAGE, None);
        let page = booking::resources::get_all::<R>(&session, organization.id, &all).await?;
        let names = page.rows.iter().map(|row| row.name().to_owned());
        Ok(names.filter(|name| name.starts_with(&prefix)).collect())
    })
}

/// The functions on the booking data.
pub fn booking_functions(current: &OsStr) -> Vec<CompletionCandidate> {
    described(
        current,
        Function::ALL,
        Function::as_str,
        Function::description,
    )
}

/// The readers of patients' records: the functions, and the imports that compare.
pub fn record_readers(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut readers = booking_functions(current);
    readers.extend(described(
        current,
        Import::ALL,
        Import::as_str,
        Import::description,
    ));
    readers
}

/// The days of the week.
pub fn weekdays(current: &OsStr) -> Vec<CompletionCandidate> {
    described(current, Weekday::ALL, Weekday::as_str, Weekday::description)
}

/// The kinds of schedules.
pub fn schedule_kinds(current: &OsStr) -> Vec<CompletionCandidate> {
    described(
        current,
        ScheduleKind::ALL,
        ScheduleKind::as_str,
        ScheduleKind::description,
    )
}

/// The statuses of an appointment.
pub fn appointment_statuses(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = AppointmentStatus::ALL;
    described(
        current,
        all,
        AppointmentStatus::as_str,
        AppointmentStatus::description,
    )
}

fn described<T: Copy>(
    current: &OsStr,
    all: &[T],
    name: fn(T) -> &'static str,
    description: fn(T) -> &'static str,
) -> Vec<CompletionCandidate> {
    let all = all.iter().copied();
    starting_with(
        current,
        all.map(|one| CompletionCandidate::new(name(one)).help(Some(description(one).into()))),
    )
}

/// The roles.
pub fn roles(current: &OsStr) -> Vec<CompletionCandidate> {
    described(current, Role::ALL, Role::as_str, Role::description)
}

/// The permissions.
pub fn permissions(current: &OsStr) -> Vec<CompletionCandidate> {
    described(
        current,
        Permission::ALL,
        Permission::as_str,
        Permission::description,
    )
}

/// The time zones.
pub fn time_zones(current: &OsStr) -> Vec<CompletionCandidate> {
    starting_with(current, TimeZone::names().map(CompletionCandidate::new))
}

fn starting_with(
    current: &OsStr,
    candidates: impl Iterator<Item = CompletionCandidate>,
) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy();
    candidates
        .filter(|candidate| {
            candidate
                .get_value()
                .to_string_lossy()
                .starts_with(&*prefix)
        })
        .collect()
}

/// The app with the flags of the line being completed, and the same user. `None` if the line cannot
/// run.
fn app() -> Option<App> {
    let arguments = std::env::args_os();
    let global = global_args(arguments.map(|word| word.to_string_lossy().into_owned()))?;
    Some(App::new(global, Environment::from_process(), takes))
}

/// Queries the database selected by the line, the environment and the configuration.
fn ask<F>(question: impl FnOnce(App) -> F) -> Vec<CompletionCandidate>
where
    F: Future<Output = Result<Vec<String>>>,
{
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return Vec::new();
    };
    let Some(app) = app() else {
        return Vec::new();
    };
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, question(app)).await });
    match answered {
        Ok(Ok(values)) => values.into_iter().map(CompletionCandidate::new).collect(),
        _ => Vec::new(),
    }
}
