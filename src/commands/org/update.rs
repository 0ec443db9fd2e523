//! `org update`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{complete, views::OrganizationView},
    domain::{
        Locale, Organization, Slug, TimeZone, channel::identity::Identity,
        invitation::AllowedDomains,
    },
    error::{Error, Result},
    hint::Hint,
    output::{Page, View},
    run,
    services::organizations::{self, Changed, OrganizationPatch},
};

/// Update an organization's name, slug, time zone, locale or allowed invitation domains.
///
/// Examples:
///   tenantctl org update harbor-clinic --name 'Harbor Dental' --timezone Europe/Zurich
///   tenantctl org update harbor-clinic --allow-domain harbor.example --allow-domain partner.example
///   tenantctl org update harbor-clinic --allow-any-domain
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[group(skip)]
pub struct UpdateArgs {
    /// Slug or ID. Default: the current organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: Option<String>,

    /// New name.
    #[arg(long, value_parser = values::name)]
    name: Option<String>,

    /// New slug; only the platform operator can change it. Links and scripts that use the old slug
    /// stop working.
    #[arg(long, value_parser = values::slug)]
    slug: Option<Slug>,

    /// New IANA time zone.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, add = ArgValueCompleter::new(complete::time_zones))]
    timezone: Option<TimeZone>,

    /// New BCP 47 language tag.
    #[arg(long, value_name = "TAG", value_parser = values::locale)]
    locale: Option<Locale>,

    /// Allow invitations only to addresses in this domain (can be repeated).
    #[arg(long, value_name = "DOMAIN")]
    allow_domain: Vec<String>,

    /// Allow invitations to addresses in any domain.
    #[arg(long, conflicts_with = "allow_domain")]
    allow_any_domain: bool,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let allowed_email_domains = match (self.allow_domain.is_empty(), self.allow_any_domain) {
            (false, _) => Some(
                AllowedDomains::parse(&self.allow_domain)?
                    .as_slice()
                    .to_vec(),
            ),
            (true, true) => Some(Vec::new()),
            (true, false) => None,
        };
        let patch = OrganizationPatch {
            name: self.name,
            slug: self.slug,
            time_zone: self.timezone,
            locale: self.locale,
            allowed_email_domains,
        };
        if patch == OrganizationPatch::default() {
            return Err(Error::usage("no changes specified").hint(
                "use --name, --slug, --timezone, --locale, --allow-domain or --allow-any-domain",
            ));
        }
        let session = app.session().await?;
        let found = app
            .organization(&session, self.organization.as_deref())
            .await?;
        let changed = organizations::update(&session, found.id, patch).await?;
        let next = undo(&changed);
        Ok(ChangedView::new(changed, "updated", next))
    }
}

/// The command that restores the previous values.
fn undo(changed: &Changed) -> Vec<Hint> {
    let (before, after) = (&changed.before, &changed.after);
    let mut flags = Vec::new();
    let mut put_back = |flag: &str, old: String, new: String| {
        if old != new {
            flags.push(format!("--{flag}={old}"));
        }
    };
    put_back("name", before.name.clone(), after.name.clone());
    put_back("slug", before.slug.to_string(), after.slug.to_string());
    put_back(
        "timezone",
        before.time_zone.to_string(),
        after.time_zone.to_string(),
    );
    put_back(
        "locale",
        before.locale.to_string(),
        after.locale.to_string(),
    );
    if before.allowed_email_domains != after.allowed_email_domains {
        if before.allowed_email_domains.is_empty() {
            flags.push("--allow-any-domain".to_owned());
        }
        for domain in &before.allowed_email_domains {
            flags.extend(["--allow-domain".to_owned(), domain.clone()]);
        }
    }
    if flags.is_empty() {
        return Vec::new();
    }
    let command = run!["org", "update", after.slug].args(flags);
    vec![command.labeled("undo")]
}

/// An organization after a change.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false` if nothing changed.
    changed: bool,
    #[serde(flatten)]
    organization: OrganizationView,
    /// Identities held before the deletion and now held by another organization.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending_claims: Vec<Identity>,
    #[serde(skip)]
    verb: &'static str,
    #[serde(skip)]
    next: Vec<Hint>,
}

impl ChangedView {
    pub(super) fn new(changed: Changed, verb: &'static str, next: Vec<Hint>) -> Self {
        let is_change = changed.is_change();
        let after: Organization = changed.after;
        Self {
            changed: is_change,
            organization: after.into(),
            pending_claims: Vec::new(),
            verb,
            next: if is_change { next } else { Vec::new() },
        }
    }

    /// Adds the identities that could not be claimed again.
    pub(super) fn with_claims(self, pending_claims: Vec<Identity>) -> Self {
        Self {
            pending_claims,
            ..self
        }
    }
}

impl View for ChangedView {
    fn human(&self, page: &mut Page) {
        self.organization.fields(page);
    }

    fn summary(&self) -> Option<String> {
        let slug = &self.organization.slug;
        Some(if self.changed {
            format!("{} organization {slug}", self.verb)
        } else {
            match self.verb {
                "updated" => format!("organization {slug} is already up to date"),
                _ => format!(
                    "organization {slug} is already {}; nothing was changed",
                    self.organization.status
                ),
            }
        })
    }

    fn next(&self) -> Vec<Hint> {
        self.next.clone()
    }

    fn warnings(&self) -> Vec<Hint> {
        let pending = self.pending_claims.iter();
        pending
            .map(|identity| {
                format!("{identity}: now held by another organization; the claim is pending").into()
            })
            .collect()
    }
}
