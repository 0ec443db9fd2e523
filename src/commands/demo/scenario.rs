//! The steps of the demo. Each can be repeated: existing data is kept.

use std::sync::Arc;

use super::{
    practice::{self, Practice},
    webhooks,
};
use crate::{
    app::App,
    crypto::SealingKeys,
    domain::{
        ChannelConfiguration, ChannelKind, Email, Organization, OrganizationStatus, Role, Slug,
        channel::identity::{Identity, IdentityKind},
        user::User,
    },
    error::{ErrorKind, Result},
    services::{
        Session, channels, claims, invitations, members,
        organizations::{self, FirstOwner, NewOrganization},
        outbox::TokenSeal,
        users::{self, SignUp},
    },
};

/// Number of days until an invitation of the demo expires.
const EXPIRES_DAYS: u32 = 7;

/// Template of the demo's links. The demo mails nothing.
const DEMO_LINK: &str = "https://demo.internal/invite#token={token}";

/// The data of one of the two organizations.
struct Part {
    name: &'static str,
    slug: &'static str,
    time_zone: &'static str,
    locale: &'static str,
    owner: (&'static str, &'static str),
    guest: &'static str,
    greeting: &'static str,
    whatsapp: &'static [(&'static str, &'static str)],
    /// The telephone number for patients.
    number: &'static str,
    practice: Practice,
}

const DEFAULT: Part = Part {
    name: "Default Organization",
    slug: "default-organization",
    time_zone: "America/New_York",
    locale: "en-US",
    owner: ("owner@default.example", "Default Owner"),
    guest: "guest@default.example",
    greeting: "Answer in English. Offer the next free appointment first.",
    whatsapp: &[
        ("phone_number_id", "106540352242922"),
        ("instance_name", "default-organization"),
        ("enabled", "true"),
    ],
    number: "+12025550110",
    practice: Practice {
        provider: "Dr. Dana Default",
        patient: ("Pat", "Default"),
        phone: "(202) 555-0143",
    },
};

const HARBOR: Part = Part {
    name: "Harbor Clinic",
    slug: "harbor-clinic",
    time_zone: "Europe/Zurich",
    locale: "de-CH",
    owner: ("owner@harbor.example", "Harbor Owner"),
    guest: "guest@harbor.example",
    greeting: "Antworte auf Deutsch. Frage zuerst, ob es ein Notfall ist.",
    whatsapp: &[
        ("phone_number_id", "106540352242923"),
        ("instance_name", "harbor-clinic"),
        ("enabled", "false"),
    ],
    number: "+41443643500",
    practice: Practice {
        provider: "Dr. Hanna Hafen",
        patient: ("Paul", "Hafner"),
        phone: "044 364 35 32",
    },
};

/// The person invited by the owner of Harbor Clinic.
const INVITED: (&str, &str) = ("sam@harbor.example", "Sam");

/// Result of the scenario.
pub(super) struct Played {
    pub(super) default: Side,
    pub(super) harbor: Side,
    /// The user who was invited to Harbor Clinic and signed up, with the role there.
    pub(super) invited: (Email, Role),
}

/// An organization at the end of the scenario.
pub(super) struct Side {
    pub(super) organization: Organization,
    pub(super) owner: Email,
    pub(super) twilio: ChannelConfiguration,
    pub(super) whatsapp: ChannelConfiguration,
}

/// Plays the scenario.
pub(super) async fn play(app: &App, session: &Session) -> Result<Played> {
    let keys = Arc::new(app.local_sealing_keys()?);
    let default = set_up(app, session, &DEFAULT).await?;
    let harbor = set_up(app, session, &HARBOR).await?;
    let invited = invite_and_sign_up(app, session, &harbor).await?;
    Ok(Played {
        default: configure(app, session, &keys, &DEFAULT, default).await?,
        harbor: configure(app, session, &keys, &HARBOR, harbor).await?,
        invited,
    })
}

/// Creates the organization and its owner, who signs up with the invitation created for it.
async fn set_up(app: &App, session: &Session, part: &Part) -> Result<(Organization, User)> {
    let slug: Slug = part.slug.parse()?;
    let email: Email = part.owner.0.parse()?;
    let organization = match organizations::resolve(session, part.slug).await {
        Ok(known) => {
            let known = reopen(app, session, known).await?;
            reinstate_owner(session, &known, &email).await?;
            known
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let new = NewOrganization {
                name: part.name.to_owned(),
                slug: Some(slug),
                time_zone: part.time_zone.parse()?,
                locale: part.locale.parse()?,
                owner: Some(FirstOwner::Invited {
                    email: email.clone(),
                    expires_days: EXPIRES_DAYS,
                }),
            };
            organizations::create(session, &new).await?.organization
        }
        Err(error) => return Err(error),
    };
    let owner = sign_up(session, &organization, part.owner).await?;
    app.printer.done(&format!(
        "{}: {} is its owner",
        organization.name, owner.email
    ));
    Ok((organization, owner))
}

/// Restores or resumes the organization, in case it was deleted or suspended after an earlier run.
async fn reopen(app: &App, session: &Session, known: Organization) -> Result<Organization> {
    let mut organization = known;
    if organization.status == OrganizationStatus::Deleted {
        let restored = organizations::restore(session, organization.id).await?;
        organization = restored.changed.after;
        app.printer
            .done(&format!("{}: restored, it was deleted", organization.name));
    }
    if organization.status == OrganizationStatus::Suspended {
        let resumed = organizations::resume(session, organization.id).await?;
        organization = resumed.after;
        app.printer
            .done(&format!("{}: resumed, it was suspended", organization.name));
    }
    Ok(organization)
}

/// Reinstates an owner who was removed or has another role. It runs before the sign-up, which would
/// create another organization for a user without a membership.
async fn reinstate_owner(
    session: &Session,
    organization: &Organization,
    email: &Email,
) -> Result<()> {
    let reinstated = match members::show(session, organization.id, email.as_str()).await {
        Ok(member) if member.role == Role::Owner => return Ok(()),
        Ok(_) => members::set_role(session, organization.id, email.as_str(), Role::Owner).await,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            members::add(session, organization.id, email, Role::Owner, true).await
        }
        Err(error) => Err(error),
    };
    match reinstated {
        // No user has that address yet: the invitation is pending.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        reinstated => reinstated.map(drop),
    }
}

async fn sign_up(
    session: &Session,
    organization: &Organization,
    (email, name): (&str, &str),
) -> Result<User> {
    let new = SignUp {
        email: email.parse()?,
        name: name.to_owned(),
        id: None,
        time_zone: organization.time_zone,
        locale: organization.locale.clone(),
    };
    Ok(users::sign_up(session, &new).await?.user)
}

/// The owner of Harbor Clinic invites a person, who signs up and becomes a member with the invited
/// role. One more invitation stays pending in each organization.
async fn invite_and_sign_up(
    app: &App,
    session: &Session,
    (harbor, owner): &(Organization, User),
) -> Result<(Email, Role)> {
    let email: Email = INVITED.0.parse()?;
    let as_owner = acting(session, owner);
    let emails = std::slice::from_ref(&email);
    invitations::create(
        &as_owner,
        harbor.id,
        emails,
        Role::Admin,
        EXPIRES_DAYS,
        true,
    )
    .await?;
    let user = sign_up(session, harbor, INVITED).await?;
    let joined = users::show(session, user.email.as_str()).await?;
    let role = joined
        .memberships
        .iter()
        .find(|(organization, _)| organization.id == harbor.id)
        .map_or(Role::Viewer, |(_, role)| *role);
    app.printer.done(&format!(
        "{email}: invited to {} by its owner, signed up, joined as {role}",
        harbor.name
    ));
    Ok((email, role))
}

async fn configure(
    app: &App,
    session: &Session,
    keys: &Arc<SealingKeys>,
    part: &Part,
    (organization, owner): (Organization, User),
) -> Result<Side> {
    let as_owner = acting(session, &owner);
    // The invitation waits in the outbox, as with a configured mail server.
    let mailing = as_owner
        .clone()
        .mailing(Some(TokenSeal::new(Arc::clone(keys), DEMO_LINK)));
    let guest: Email = part.guest.parse()?;
    let guests = [guest];
    let role = Role::Viewer;
    let invited =
        invitations::create(&mailing, organization.id, &guests, role, EXPIRES_DAYS, true).await?;
    if invited.issued.is_empty() {
        // The invitation of an earlier run is resent, unless it was accepted in the meantime.
        let again = invitations::resend(&mailing, organization.id, part.guest, EXPIRES_DAYS).await;
        again.map(drop).or_else(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Conflict => Ok(()),
            _ => Err(error),
        })?;
    }
    let instructions = [("instructions", part.greeting)];
    let twilio = set(
        &as_owner,
        &organization,
        ChannelKind::TwilioRealtime,
        &instructions,
    )
    .await?;
    let whatsapp = set(
        &as_owner,
        &organization,
        ChannelKind::Whatsapp,
        part.whatsapp,
    )
    .await?;
    let telephone = [
        ("phone_numbers", part.number),
        ("stream_url", "wss://media.example.com/stream"),
        ("enabled", "true"),
    ];
    let standard = ChannelKind::TwilioStandard;
    set(&as_owner, &organization, standard, &telephone).await?;
    // Claims of the owner wait for the operator. The one to the number at Meta is left waiting.
    for (kind, value) in [
        (IdentityKind::PhoneNumber, part.number),
        (IdentityKind::EvolutionInstance, part.slug),
    ] {
        let identity = Identity::parse(kind, value)?;
        claims::approve(session, organization.id, &identity).await?;
    }
    app.printer.done(&format!(
        "{}: Twilio instructions set, WhatsApp {}",
        organization.name,
        if whatsapp.enabled { "on" } else { "off" }
    ));
    practice::fill(app, &as_owner, &organization, &part.practice).await?;
    webhooks::receive(app, &as_owner, keys, &organization, part.number).await?;
    Ok(Side {
        organization,
        owner: owner.email,
        twilio,
        whatsapp,
    })
}

async fn set(
    session: &Session,
    organization: &Organization,
    kind: ChannelKind,
    assignments: &[(&str, &str)],
) -> Result<ChannelConfiguration> {
    let assignments: Vec<(String, String)> = assignments
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let region = organization.locale.region();
    let changed = channels::change(session, organization.id, kind, None, |current, _| {
        current.apply(&assignments, region)
    })
    .await?;
    Ok(changed.after.configuration)
}

fn acting(session: &Session, user: &User) -> Session {
    Session {
        actor: session.actor.acting_as(user),
        ..session.clone()
    }
}
