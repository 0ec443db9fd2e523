//! Checks of mail: whether it is sent at all, and whether the server lets us in.

use super::report::{Area, Check};
use crate::context::App;
use crate::run;

const AREA: Area = Area::Configuration;
const NAME: &str = "mail";

/// Connects, encrypts and signs in, and sends nothing.
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
                "no mail server is configured: the links of invitations are shown to whoever makes \
                 them, and nothing is mailed",
            );
        }
        Err(error) => return Check::broken(NAME, AREA, &error),
    };
    let address = mailer.smtp.address();
    let connection = match mailer.smtp.connect().await {
        Ok(connection) => connection,
        Err(failure) => {
            let why = failure.text();
            return Check::failed(NAME, AREA, format!("{address} is not to be had: {why}")).remedy(
                run!["config", "path"].labeled("the section [mail] of the configuration; its file"),
            );
        }
    };
    connection.close().await;
    let section = &config.mail;
    let encrypted = format!("tls = \"{}\"", section.tls);
    let message = match &section.username {
        Some(name) => format!("{address} answers ({encrypted}) and lets {name} in"),
        None => format!("{address} answers ({encrypted})"),
    };
    Check::ok(NAME, AREA, message)
}

/// Whether there are keys for the links that wait to be mailed.
pub(super) fn keys(app: &App) -> Option<Check> {
    const NAME: &str = "mail_keys";
    match app.token_seal() {
        Ok(None) => None,
        Ok(Some(_)) => Some(Check::ok(
            NAME,
            AREA,
            "links are sealed until they are mailed",
        )),
        Err(error) => Some(Check::broken(NAME, AREA, &error)),
    }
}
