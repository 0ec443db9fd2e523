//! Checks of mail: the configuration, and the sign-in to the mail server.

use super::report::{Area, Check};
use crate::app::App;
use crate::run;

const AREA: Area = Area::Configuration;
const NAME: &str = "mail";

/// Connects, encrypts and signs in. Sends nothing.
pub(super) async fn server(app: &App) -> Check {
    let Ok(config) = app.config() else {
        return Check::skipped(NAME, AREA, "the configuration cannot be read");
    };
    let mailer = match app.mailer() {
        Ok(Some(mailer)) => mailer,
        Ok(None) => {
            return Check::ok(
                NAME,
                AREA,
                "no mail server is configured: links of invitations are shown to the inviter and \
                 nothing is mailed",
            );
        }
        Err(error) => return Check::broken(NAME, AREA, &error),
    };
    let address = mailer.smtp.address();
    let connection = match mailer.smtp.connect().await {
        Ok(connection) => connection,
        Err(failure) => {
            let why = failure.text();
            return Check::failed(NAME, AREA, format!("{address} is unreachable: {why}"))
                .remedy(run!["config", "path"].labeled("check the [mail] section; show the file"));
        }
    };
    connection.close().await;
    let section = &config.mail;
    let encrypted = format!("tls = \"{}\"", section.tls);
    let message = match &section.username {
        Some(name) => format!("{address} is reachable ({encrypted}); signed in as {name}"),
        None => format!("{address} is reachable ({encrypted})"),
    };
    Check::ok(NAME, AREA, message)
}

/// Checks the keys that encrypt links until they are mailed.
pub(super) fn keys(app: &App) -> Option<Check> {
    const NAME: &str = "mail_keys";
    match app.token_seal() {
        Ok(None) => None,
        Ok(Some(_)) => Some(Check::ok(
            NAME,
            AREA,
            "links are encrypted until they are mailed",
        )),
        Err(error) => Some(Check::broken(NAME, AREA, &error)),
    }
}
