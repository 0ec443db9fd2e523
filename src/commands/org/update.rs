//! `org update`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::{
    cli::{complete, values},
    commands::views::OrganizationView,
    context::App,
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

/// Change an organization's name, slug, time zone, locale or the domains it invites from.
///
/// Examples:
///   tenantctl org update harbor-clinic --name 'Harbor Dental' --timezone Europe/Zurich
///   tenantctl org update harbor-clinic --allow-domain harbor.example --allow-domain partner.example
///   tenantctl org update harbor-clinic --allow-any-domain
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[group(skip)]
pub struct UpdateArgs {
    /// Its slug or id. Otherwise: the current organization.
    #[arg(value_name = "SLUG|ID", add = ArgValueCompleter::new(complete::organizations))]
    organization: Option<String>,

    /// The new name.
    #[arg(long, value_parser = values::name)]
    name: Option<String>,

    /// The new slug; the platform operator's to change. Links and scripts that use the old one
    /// stop working.
    #[arg(long, value_parser = values::slug)]
    slug: Option<Slug>,

    /// The new IANA time zone.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, add = ArgValueCompleter::new(complete::time_zones))]
    timezone: Option<TimeZone>,

    /// The new BCP 47 language tag.
    #[arg(long, value_name = "TAG", value_parser = values::locale)]
    locale: Option<Locale>,

    /// Invite only addresses of this domain (and of the others named alike).
    #[arg(long, value_name = "DOMAIN")]
    allow_domain: Vec<String>,

    /// Invite addresses of any domain again.
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
            return Err(Error::usage("nothing to change was given").hint(
                "give --name, --slug, --timezone, --locale, --allow-domain or --allow-any-domain",
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

/// The command that puts back what was there before.
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

/// What a change made of an organization.
#[derive(Serialize)]
pub(super) struct ChangedView {
    /// `false`: it was so already.
    changed: bool,
    #[serde(flatten)]
    organization: OrganizationView,
    /// What the organization held before it was deleted and another holds now.
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

    /// Tells what could not be claimed again.
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
                "updated" => format!("organization {slug} has these settings; nothing was changed"),
                _ => format!(
                    "organization {slug} is {} already; nothing was changed",
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
                format!("{identity}: held by another organization now; the claim is pending").into()
            })
            .collect()
    }
}
