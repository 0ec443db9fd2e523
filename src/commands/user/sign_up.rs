//! `user sign-up`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::UserView;
use crate::{
    app::App,
    cli::values,
    commands::{complete, missing, org},
    domain::{Email, Locale, Role, TimeZone, UserId},
    error::Result,
    hint::Hint,
    output::{Page, View},
    run,
    services::users::{self, SignUp, SignedUp},
};

/// Sign up a user with a confirmed email address.
///
/// The user joins every organization that invited the address, with the invited role. Without an
/// invitation, a new organization is created with the user as its owner. Signing up again only
/// accepts invitations sent since, so the command can be repeated, for example after a failure.
///
/// Examples:
///   tenantctl user sign-up --email sam@harbor.example --name 'Sam Reyes'
///   tenantctl user sign-up --email sam@harbor.example --name 'Sam Reyes' --id 01890a5d-ac96-774b-bcce-b302099a8057
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SignUpArgs {
    /// The user's email address.
    #[arg(long, value_parser = values::email)]
    email: Option<Email>,

    /// Display name of the user.
    #[arg(long, value_parser = values::name)]
    name: Option<String>,

    /// User ID from the identity provider. Default: a new ID.
    #[arg(long, value_name = "UUID", value_parser = values::user_id)]
    id: Option<UserId>,

    /// IANA time zone of a new organization. Default: default_timezone in the configuration.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, add = ArgValueCompleter::new(complete::time_zones))]
    timezone: Option<TimeZone>,

    /// BCP 47 language tag of a new organization. Default: default_locale in the configuration.
    #[arg(long, value_name = "TAG", value_parser = values::locale)]
    locale: Option<Locale>,
}

impl SignUpArgs {
    pub(super) async fn run(self, app: &App) -> Result<SignedUpView> {
        let (time_zone, locale) = org::zone_and_locale(app, self.timezone, self.locale)?;
        let new = SignUp {
            email: missing::email(app, self.email, "Email address", "--email")?,
            name: missing::name(app, self.name, "--name")?,
            id: self.id,
            time_zone,
            locale,
        };
        let session = app.session().await?;
        users::sign_up(&session, &new).await.map(SignedUpView::from)
    }
}

#[derive(Serialize)]
pub(super) struct SignedUpView {
    /// `false` if the user already existed.
    created: bool,
    #[serde(flatten)]
    user: UserView,
    joined: Vec<JoinedLine>,
    passed_over: Vec<PassedOverLine>,
    /// Slug of the organization created for the user.
    own_organization: Option<String>,
    /// Warnings about an address that looks like another one.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct JoinedLine {
    organization: String,
    role: Role,
}

#[derive(Serialize)]
struct PassedOverLine {
    organization: String,
    reason: String,
}

impl From<SignedUp> for SignedUpView {
    fn from(signed_up: SignedUp) -> Self {
        let joined = signed_up.joined.into_iter().map(|joined| JoinedLine {
            organization: joined.organization.slug.to_string(),
            role: joined.role,
        });
        let passed_over = signed_up
            .passed_over
            .into_iter()
            .map(|passed| PassedOverLine {
                organization: passed.organization,
                reason: passed.reason,
            });
        Self {
            warnings: signed_up.warnings,
            created: signed_up.created,
            user: signed_up.user.into(),
            joined: joined.collect(),
            passed_over: passed_over.collect(),
            own_organization: signed_up
                .own_organization
                .map(|organization| organization.slug.to_string()),
        }
    }
}

impl SignedUpView {
    /// Descriptions of the changes made by the sign-up.
    fn brought(&self) -> Vec<String> {
        let joined = self
            .joined
            .iter()
            .map(|joined| format!("joined {} as {}", joined.organization, joined.role));
        let own = self
            .own_organization
            .iter()
            .map(|slug| format!("created organization {slug}"));
        joined.chain(own).collect()
    }
}

impl View for SignedUpView {
    fn human(&self, page: &mut Page) {
        let style = page.style();
        page.field("Email", style.bold(&self.user.email))
            .field("Name", &self.user.name)
            .field("Id", &self.user.id);
        for joined in &self.joined {
            let role = joined.role;
            page.field("Joined", format!("{} as {role}", joined.organization));
        }
        page.optional_field(
            "Owner of",
            self.own_organization
                .as_ref()
                .map(|slug| format!("{slug} (new)")),
        );
    }

    fn summary(&self) -> Option<String> {
        let email = &self.user.email;
        let mut said = vec![if self.created {
            format!("signed up {email}")
        } else {
            format!("{email} is already signed up")
        }];
        said.extend(self.brought());
        if !self.created && said.len() == 1 {
            said.push("nothing was changed".to_owned());
        }
        Some(said.join("; "))
    }

    fn next(&self) -> Vec<Hint> {
        let email = &self.user.email;
        vec![run!["user", "show", email]]
    }

    fn warnings(&self) -> Vec<Hint> {
        let warning = |passed: &PassedOverLine| {
            let PassedOverLine {
                organization,
                reason,
            } = passed;
            format!("skipped an invitation to {organization}: {reason}").into()
        };
        let passed_over = self.passed_over.iter().map(warning);
        passed_over
            .chain(self.warnings.iter().map(Into::into))
            .collect()
    }
}
