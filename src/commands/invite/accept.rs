//! `invite accept`

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use zeroize::Zeroizing;

use crate::{
    app::App,
    cli::values,
    commands::missing,
    domain::{Email, InvitationToken, Role},
    error::{Context, Error, ErrorKind, Result},
    hint::Hint,
    output::{Page, View},
    run,
    services::{access, invitations},
};

/// Environment variable that holds the token if no argument is given.
const TOKEN_VARIABLE: &str = "TENANTCTL_INVITATION_TOKEN";
/// Maximum input size: more than any link, so that a wrong file is not read whole.
const MAX_INPUT_BYTES: u64 = 4096;

/// Accept an invitation as the invited user, given by --as or --email.
///
/// The user must have signed up already. The token is the part of the link after `token=`; the
/// whole link is accepted too. Other users of this machine can see arguments: pass the token on
/// stdin (`-`) or in TENANTCTL_INVITATION_TOKEN to keep it private. The error is the same for an
/// unknown, used, expired or revoked token.
///
/// Examples:
///   tenantctl invite accept - --email sam@harbor.example <token.txt
///   TENANTCTL_INVITATION_TOKEN=… tenantctl invite accept --as sam@harbor.example
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct AcceptArgs {
    /// Token or link; `-` reads it from stdin. Default: TENANTCTL_INVITATION_TOKEN.
    #[arg(value_name = "TOKEN|LINK|-")]
    token: Option<SecretString>,

    /// Email address of the user who accepts, if --as is not given.
    #[arg(long, value_parser = values::email)]
    email: Option<Email>,
}

impl AcceptArgs {
    pub(super) async fn run(self, app: &App) -> Result<AcceptedView> {
        let email = who_accepts(app, self.email)?;
        let text = token_text(app, self.token).await?;
        let session = app
            .session()
            .await
            .map_err(|error| hint_sign_up(error, &email))?;
        let user = access::known_user(&session, &email)
            .await
            .map_err(|error| hint_sign_up(error, &email))?;
        let session = session.acting_as(&user);
        let token = InvitationToken::parse(text.expose_secret())?;
        let joined = invitations::accept(&session, &token, &user).await?;
        Ok(AcceptedView {
            organization: joined.organization.slug.to_string(),
            name: joined.organization.name,
            email: user.email.to_string(),
            role: joined.role,
        })
    }
}

fn who_accepts(app: &App, email: Option<Email>) -> Result<Email> {
    match (&app.global.act_as, email) {
        (Some(acting), Some(email)) if *acting != email => Err(Error::usage(format!(
            "--as {acting} and --email {email} name different users"
        ))
        .hint("use only one of --as and --email")),
        (Some(acting), _) => Ok(acting.clone()),
        (None, email) => missing::email(app, email, "Email address of the invited user", "--email"),
    }
}

fn hint_sign_up(error: Error, email: &Email) -> Error {
    match error.kind() {
        ErrorKind::NotFound => error.hint(
            run!["user", "sign-up", "--email", email, "--name", "NAME"]
                .labeled("sign the user up, which also accepts the invitation"),
        ),
        _ => error,
    }
}

async fn token_text(app: &App, given: Option<SecretString>) -> Result<SecretString> {
    match given {
        Some(argument) if argument.expose_secret() == "-" => first_line_of_stdin().await,
        Some(argument) => Ok(argument),
        None => match app.environment.text(TOKEN_VARIABLE)? {
            Some(token) => Ok(token.into()),
            None => app.printer.prompter().password(
                "Invitation token",
                &format!("the argument `-` and the token on stdin, or with {TOKEN_VARIABLE}"),
            ),
        },
    }
}

async fn first_line_of_stdin() -> Result<SecretString> {
    let mut line = Zeroizing::new(String::new());
    let stdin = tokio::io::stdin().take(MAX_INPUT_BYTES);
    BufReader::new(stdin)
        .read_line(&mut line)
        .await
        .context("could not read the invitation token from stdin")?;
    Ok(line.trim().into())
}

#[derive(Serialize)]
pub(super) struct AcceptedView {
    organization: String,
    name: String,
    email: String,
    role: Role,
}

impl View for AcceptedView {
    fn human(&self, page: &mut Page) {
        let name = format!("{} ({})", self.name, self.organization);
        page.field("Organization", name)
            .field("Email", &self.email)
            .field("Role", self.role.as_str());
    }

    fn summary(&self) -> Option<String> {
        let Self {
            organization,
            email,
            role,
            ..
        } = self;
        Some(format!("{email} is now {role} of {organization}"))
    }

    fn next(&self) -> Vec<Hint> {
        let email = &self.email;
        vec![run!["org", "show", self.organization, "--as", email]]
    }
}
