//! Checks of the configuration and the local machine.

use super::report::{Area, Check};
use crate::{
    app::App,
    config,
    domain::invitation,
    error::Result,
    local::{LocalState, LocalStatus},
    run,
};

const AREA: Area = Area::Configuration;

/// Checks that the file is readable and valid.
pub(super) fn file(app: &App) -> Check {
    const NAME: &str = "config_file";
    let found = match config::validate(app.global.config.as_deref(), &app.environment) {
        Ok(found) => found,
        Err(error) => return Check::broken(NAME, AREA, &error),
    };
    let path = found.path.display();
    match (found.mistakes.first(), found.warnings.first()) {
        (Some(mistake), _) => Check::failed(
            NAME,
            AREA,
            match found.mistakes.len() {
                1 => format!("{path}:{mistake}"),
                count => format!("{count} errors; the first is {path}:{mistake}"),
            },
        )
        .remedy(run!["config", "validate"].labeled("list all errors")),
        (None, Some(warning)) => Check::warning(NAME, AREA, warning).remedy(
            warning
                .split_once("run: ")
                .map_or(run!["config", "validate"], |(_, command)| command.into()),
        ),
        (None, None) if found.exists => Check::ok(NAME, AREA, format!("{path} is valid")),
        (None, None) => Check::ok(NAME, AREA, format!("{path} does not exist; using defaults")),
    }
}

/// Checks that other accounts of this machine cannot read or replace a file with secrets.
pub(super) fn secret_files(app: &App) -> Vec<Check> {
    const NAME: &str = "secret_files";
    let Ok(loaded) = app.loaded() else {
        return vec![Check::skipped(
            NAME,
            AREA,
            "the configuration cannot be read",
        )];
    };
    let found = config::exposures(loaded, &app.environment);
    if found.is_empty() {
        return vec![Check::ok(
            NAME,
            AREA,
            "files with secrets are accessible only to their owner",
        )];
    }
    found
        .into_iter()
        .map(|exposure| Check::warning(NAME, AREA, exposure.message).remedy(exposure.remedy))
        .collect()
}

/// Checks that links of invitations no longer use the example address.
pub(super) fn invitation_link(app: &App) -> Check {
    const NAME: &str = "invitation_link";
    let Ok(config) = app.config() else {
        return Check::skipped(NAME, AREA, "the configuration cannot be read");
    };
    let template = &config.invitations.link_template;
    if invitation::require_address(template).is_err() {
        let check = if config.mail.smtp_host.is_some() {
            let what = "no invitation is mailed: link_template is not set";
            Check::failed(NAME, AREA, format!("{what} ({template} is an example)"))
        } else {
            let what = format!("invitation links do not work: {template} is only an example");
            Check::warning(NAME, AREA, what)
        };
        return check.remedy(
            run!["config", "path"].labeled("set link_template in the [invitations] section of the configuration to the address of your platform; show the file"),
        );
    }
    Check::ok(NAME, AREA, format!("invitations link to {template}"))
}

/// Checks the private cluster if it is the selected database.
pub(super) fn local_cluster(app: &App) -> Check {
    const NAME: &str = "local_postgresql";
    match app.local_cluster().and_then(|cluster| cluster.status()) {
        Ok(status) => judge(NAME, &status),
        Err(error) => Check::broken(NAME, Area::Database, &error),
    }
}

fn judge(name: &'static str, status: &LocalStatus) -> Check {
    let folder = status.data_dir.display();
    let failed = |what: &str| {
        Check::failed(name, Area::Database, format!("{what} ({folder})"))
            .remedy(run!["local", "start"])
    };
    match status.state {
        LocalState::Running => Check::ok(name, Area::Database, format!("running ({folder})")),
        LocalState::Stopped => failed("stopped"),
        LocalState::Crashed => failed("crashed; the next start recovers it"),
        LocalState::NotCreated => failed("not created"),
    }
}

/// Checks that a database is configured.
pub(super) fn database_named(app: &App) -> (Check, Result<config::DatabaseTarget>) {
    const NAME: &str = "database_named";
    let target = app.target();
    if app.config().is_err() {
        let why = "the configuration cannot be read";
        return (Check::skipped(NAME, Area::Database, why), target);
    }
    let check = match &target {
        Ok(target) => Check::ok(NAME, Area::Database, target.describe()),
        Err(error) => Check::broken(NAME, Area::Database, error),
    };
    (check, target)
}
