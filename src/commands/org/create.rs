//! `org create`

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::{
    app::App,
    cli::values,
    commands::{complete, views::OrganizationView},
    domain::{Email, Locale, OrganizationStatus, Role, Slug, TimeZone, invitation},
    error::{Error, ErrorKind, Result},
    hint::Hint,
    output::{Page, View},
    rfc3339, run,
    services::{
        Session, access,
        organizations::{self, CreatedOrganization, Details, FirstOwner, NewOrganization},
    },
};

/// Create an organization and its five channels (web enabled, the others disabled).
///
/// The slug is derived from the name, with a number appended if it is taken. An owner who has not
/// signed up is invited: the link is mailed or printed, as with `invite create`.
///
/// Examples:
///   tenantctl org create 'Harbor Clinic'
///   tenantctl org create 'Harbor Clinic' --slug harbor --owner maria@harbor.example
///   tenantctl org create Harbor --slug harbor --timezone Europe/Zurich --locale de-CH --if-not-exists
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// Display name.
    #[arg(value_parser = values::name)]
    name: String,

    /// Name used in commands and URLs. Default: derived from the display name.
    #[arg(long, value_parser = values::slug)]
    slug: Option<Slug>,

    /// Email address of the first owner. Invited if not signed up.
    #[arg(long, value_name = "EMAIL", value_parser = values::email)]
    owner: Option<Email>,

    /// IANA time zone. Default: default_timezone in the configuration.
    #[arg(long, value_name = "ZONE", value_parser = values::time_zone, add = clap_complete::engine::ArgValueCompleter::new(complete::time_zones))]
    timezone: Option<TimeZone>,

    /// BCP 47 language tag. Default: default_locale in the configuration.
    #[arg(long, value_name = "TAG", value_parser = values::locale)]
    locale: Option<Locale>,

    /// If an organization with this slug exists, show it instead of failing. A deleted one is still
    /// an error.
    #[arg(long)]
    if_not_exists: bool,

    /// Print the owner's link even if it is mailed.
    #[arg(long, requires = "owner")]
    show_link: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<CreatedView> {
        let (time_zone, locale) = zone_and_locale(app, self.timezone, self.locale.clone())?;
        let session = app.mailing_session().await?;
        session.require_operator("create an organization")?;
        let slug = match (&self.slug, self.if_not_exists) {
            // Idempotent only if the slug does not depend on existing organizations.
            (None, true) => Some(Slug::from_name(&self.name)?),
            (slug, _) => slug.clone(),
        };
        if let (Some(slug), true) = (&slug, self.if_not_exists)
            && let Some(known) = known(&session, slug, self.owner.as_ref()).await?
        {
            return Ok(known);
        }
        let owner = self.find_owner(app, &session).await?;
        let new = NewOrganization {
            name: self.name,
            slug,
            time_zone,
            locale,
            owner,
        };
        create_or_find(app, &session, &new, self.if_not_exists, self.show_link).await
    }

    async fn find_owner(&self, app: &App, session: &Session) -> Result<Option<FirstOwner>> {
        let Some(email) = &self.owner else {
            return Ok(None);
        };
        match access::known_user(session, email).await {
            Ok(user) => Ok(Some(FirstOwner::Member(user))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some(FirstOwner::Invited {
                email: email.clone(),
                expires_days: app.config()?.invitations.expires_days,
            })),
            Err(error) => Err(error),
        }
    }
}

/// Time zone and locale of a new organization: the given ones, or the configured defaults.
pub(in crate::commands) fn zone_and_locale(
    app: &App,
    time_zone: Option<TimeZone>,
    locale: Option<Locale>,
) -> Result<(TimeZone, Locale)> {
    let defaults = &app.config()?.organizations;
    let time_zone = match time_zone {
        Some(zone) => zone,
        None => defaults.default_timezone.parse()?,
    };
    let locale = match locale {
        Some(locale) => locale,
        None => defaults.default_locale.parse()?,
    };
    Ok((time_zone, locale))
}

/// Creates the organization, or returns the one that another caller created since the first lookup.
async fn create_or_find(
    app: &App,
    session: &Session,
    new: &NewOrganization,
    if_not_exists: bool,
    show_link: bool,
) -> Result<CreatedView> {
    match organizations::create(session, new).await {
        Ok(created) => CreatedView::created(app, created, new.owner.as_ref(), show_link),
        Err(error) if error.kind() == ErrorKind::Conflict && if_not_exists => {
            let slug = new.slug.as_ref().ok_or_else(|| Error::failure("no slug"))?;
            let owner = new.owner.as_ref().map(FirstOwner::email);
            known(session, slug, owner).await?.ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Returns the existing organization with this slug.
///
/// # Errors
/// `Conflict` for a deleted organization, which cannot be used.
async fn known(
    session: &Session,
    slug: &Slug,
    owner: Option<&Email>,
) -> Result<Option<CreatedView>> {
    let found = match organizations::resolve(session, slug.as_str()).await {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if found.status == OrganizationStatus::Deleted {
        return Err(Error::conflict(format!(
            "organization {slug} already exists, but is deleted"
        ))
        .hint(run!["org", "restore", slug].labeled("restore it"))
        .hint("or use --slug to choose another slug"));
    }
    let details = organizations::show(session, found.id).await?;
    Ok(Some(CreatedView::existing(details, owner)))
}

/// Warnings about how an existing organization differs from the requested one.
fn shortcomings(details: &Details, owner: Option<&Email>) -> Vec<Hint> {
    let slug = &details.organization.slug;
    let mut warnings = Vec::new();
    if details.organization.status == OrganizationStatus::Suspended {
        warnings.push(
            run!["org", "resume", slug]
                .labeled(format!("organization {slug} is suspended; resume it")),
        );
    }
    let owns = |owner: &&Email| {
        let mut members = details.members.iter();
        let mut invited = details.invitations.iter();
        members.any(|member| member.email == **owner && member.role == Role::Owner)
            || invited.any(|one| one.email == **owner && one.role == Role::Owner)
    };
    if let Some(owner) = owner.filter(|owner| !owns(owner)) {
        warnings.push(
            run!["invite", "create", owner, "--role", "owner", "--org", slug]
                .labeled(format!("{owner} is not an owner of {slug}; invite them")),
        );
    }
    warnings
}

#[derive(Serialize)]
pub(super) struct CreatedView {
    /// `false` if it already existed.
    created: bool,
    /// Email address of the owner, if a member.
    owner: Option<String>,
    /// The invitation of the owner, if not signed up.
    owner_invitation: Option<OwnerInvitation>,
    #[serde(flatten)]
    organization: OrganizationView,
    #[serde(skip)]
    warnings: Vec<Hint>,
}

#[derive(Serialize)]
struct OwnerInvitation {
    email: String,
    /// Shown once; `None` in a dry run, where the token will never exist, and if it is mailed.
    link: Option<String>,
    /// ID of the message in the outbox; `None` if nothing is mailed.
    message: Option<String>,
    #[serde(with = "rfc3339")]
    expires_at: DateTime<Utc>,
}

impl CreatedView {
    fn existing(details: Details, owner: Option<&Email>) -> Self {
        Self {
            created: false,
            owner: None,
            owner_invitation: None,
            warnings: shortcomings(&details, owner),
            organization: details.organization.into(),
        }
    }

    fn created(
        app: &App,
        created: CreatedOrganization,
        owner: Option<&FirstOwner>,
        show_link: bool,
    ) -> Result<Self> {
        let template = &app.config()?.invitations.link_template;
        let owner_invitation = match created.invitation {
            None => None,
            Some(issued) => Some(OwnerInvitation {
                email: issued.invitation.email.to_string(),
                link: match !app.global.dry_run && (show_link || issued.message.is_none()) {
                    true => Some(invitation::link(template, &issued.token)?),
                    false => None,
                },
                message: issued.message.map(|id| id.to_string()),
                expires_at: issued.invitation.expires_at,
            }),
        };
        Ok(Self {
            created: true,
            owner: match owner {
                Some(FirstOwner::Member(user)) => Some(user.email.to_string()),
                _ => None,
            },
            owner_invitation,
            organization: created.organization.into(),
            warnings: Vec::new(),
        })
    }
}

impl View for CreatedView {
    fn human(&self, page: &mut Page) {
        self.organization.fields(page);
        page.optional_field("Owner", self.owner.as_ref());
        if let Some(invited) = &self.owner_invitation {
            let expires = page
                .style()
                .time(invited.expires_at, Some(self.organization.zone));
            page.field(
                "Owner",
                format!("{} (invited, until {expires})", invited.email),
            )
            .optional_field("Link", invited.link.as_ref());
        }
    }

    fn summary(&self) -> Option<String> {
        let slug = &self.organization.slug;
        Some(if self.created {
            format!("created organization {slug}")
        } else {
            format!("organization {slug} already exists; nothing was changed")
        })
    }

    fn warnings(&self) -> Vec<Hint> {
        self.warnings.clone()
    }

    fn next(&self) -> Vec<Hint> {
        let slug = &self.organization.slug;
        let mut next = Vec::new();
        if let Some(invited) = &self.owner_invitation {
            next.push(match &invited.message {
                Some(_) => run!["outbox", "list", "--org", slug].labeled(format!(
                    "the invitation link for {} is being mailed",
                    invited.email
                )),
                None => format!(
                    "send the link to {}; it is shown only once and grants ownership",
                    invited.email
                )
                .into(),
            });
        } else if self.created && self.owner.is_none() {
            next.push(run![
                "invite", "create", "EMAIL", "--role", "owner", "--org", slug
            ]);
        }
        next.push(run!["org", "use", slug]);
        next
    }
}
