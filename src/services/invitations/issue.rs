//! Creation and resending of invitations. The token exists in plain text only here.

use chrono::{DateTime, Utc};

use super::{change, lock_pending, require_active, revoke::revoke_pending};
use crate::{
    db::{self, TenantTx},
    domain::{
        Email, InvitationStatus, InvitationToken, OrganizationId, OutboxId, Permission, Role,
        invitation::{self, Invitation},
        organization::Organization,
    },
    error::{Error, Result},
    run,
    services::{
        Scope, Session,
        members::lookalikes,
        outbox::{self, SUPERSEDED},
    },
    system::{new_id, random_secret},
};

/// An invitation with its token, which exists in plain text nowhere else.
#[derive(Debug)]
pub struct Issued {
    pub invitation: Invitation,
    pub token: InvitationToken,
    /// The message with the link; `None` if invitations are not mailed.
    pub message: Option<OutboxId>,
}

/// Result of `create`.
#[derive(Debug)]
pub struct Created {
    pub organization: Organization,
    pub issued: Vec<Issued>,
    /// Addresses of members and addresses with a pending invitation, with the reason (only with
    /// `if_not_exists`).
    pub passed_over: Vec<(Email, String)>,
    /// Warnings about addresses that resemble others of the organization.
    pub warnings: Vec<String>,
}

/// Invites all of the addresses, or none.
///
/// # Errors
/// `Conflict` with the list of addresses that belong to a member or have a pending invitation,
/// unless `if_not_exists`; `Refused` if the caller may not grant the role, or revoke the role of an
/// expired invitation; `BadInput` for an address of a domain that the organization does not allow.
pub async fn create(
    session: &Session,
    organization: OrganizationId,
    emails: &[Email],
    role: Role,
    expires_days: u32,
    if_not_exists: bool,
) -> Result<Created> {
    let terms = Terms::new(session.now(), role, expires_days)?;
    let mut scope = session
        .write(organization, Permission::MembersInvite)
        .await?;
    scope.require_may_grant(session, role)?;
    require_active(&scope.organization)?;
    let mut created = Created {
        organization: scope.organization.clone(),
        issued: Vec::new(),
        passed_over: Vec::new(),
        warnings: lookalikes(session, &mut scope, emails).await?,
    };
    for email in emails {
        require_allowed_domain(&scope.organization, email)?;
        match invite_one(session, &mut scope, email, &terms).await? {
            Ok(issued) => created.issued.push(issued),
            Err(reason) => created.passed_over.push((email.clone(), reason)),
        }
    }
    if !if_not_exists && !created.passed_over.is_empty() {
        return Err(not_invited(&created));
    }
    scope.tx.commit().await?;
    Ok(created)
}

fn not_invited(created: &Created) -> Error {
    let slug = &created.organization.slug;
    let reasons: Vec<String> = created
        .passed_over
        .iter()
        .map(|(email, reason)| format!("{email} {reason}"))
        .collect();
    let error = Error::conflict(format!(
        "no invitations were created for {slug}: {}",
        reasons.join("; ")
    ));
    let error = match created.passed_over.first() {
        Some((email, reason)) if reason == IS_MEMBER => {
            error.hint(run!["member", "show", email, "--org", slug].labeled("show the member"))
        }
        Some((email, _)) => {
            error.hint(run!["invite", "resend", email, "--org", slug].labeled("issue a new link"))
        }
        None => error,
    };
    error.hint("use --if-not-exists to skip those addresses")
}

/// Reasons for skipping an address.
const IS_MEMBER: &str = "is already a member";
const IS_PENDING: &str = "has a pending invitation";

/// The properties shared by the invitations of one call.
pub(in crate::services) struct Terms {
    role: Role,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Terms {
    pub(in crate::services) fn new(
        now: DateTime<Utc>,
        role: Role,
        expires_days: u32,
    ) -> Result<Self> {
        Ok(Self {
            role,
            created_at: now,
            expires_at: invitation::expiry(now, expires_days)?,
        })
    }
}

/// Invites one address. The inner error is the reason for skipping it.
async fn invite_one(
    session: &Session,
    scope: &mut Scope,
    email: &Email,
    terms: &Terms,
) -> Result<Result<Issued, String>> {
    if db::members::find_by_email(&mut scope.tx, email)
        .await?
        .is_some()
    {
        return Ok(Err(IS_MEMBER.to_owned()));
    }
    if let Some(earlier) = db::invitations::find_by_email(&mut scope.tx, email).await?
        && earlier.status == InvitationStatus::Pending
    {
        if earlier.expires_at > terms.created_at {
            return Ok(Err(IS_PENDING.to_owned()));
        }
        scope.require_may_grant(session, earlier.role)?;
        revoke_pending(session, &mut scope.tx, &earlier).await?;
    }
    Ok(issue(session, &mut scope.tx, email, terms)
        .await?
        .ok_or_else(|| IS_PENDING.to_owned()))
}

/// Inserts an invitation and its activity entry. `None` if one is pending for that address.
pub(in crate::services) async fn issue(
    session: &Session,
    tx: &mut TenantTx,
    email: &Email,
    terms: &Terms,
) -> Result<Option<Issued>> {
    let now = terms.created_at;
    let token = InvitationToken::new(tx.organization_id(), random_secret()?);
    let invitation = Invitation {
        id: new_id().into(),
        email: email.clone(),
        role: terms.role,
        status: InvitationStatus::Pending,
        invited_by_user_id: session.actor.user_id(),
        invited_by: session.actor.to_string(),
        times_issued: 1,
        expires_at: terms.expires_at,
        created_at: now,
        updated_at: now,
        accepted_at: None,
        revoked_at: None,
    };
    if !db::invitations::insert(tx, &invitation, &token.hash()).await? {
        return Ok(None);
    }
    let entry = session.entry(change("invitation.create", None, Some(&invitation)));
    db::activity::append(tx, entry).await?;
    let message = outbox::enqueue(session, tx, &invitation, &token).await?;
    Ok(Some(Issued {
        invitation,
        token,
        message,
    }))
}

/// Issues a new token for a pending or expired invitation and invalidates the old link. The caller
/// becomes the inviter, with the permission that acceptance requires.
///
/// # Errors
/// `Conflict` if it was accepted or revoked.
pub async fn resend(
    session: &Session,
    organization: OrganizationId,
    which: &str,
    expires_days: u32,
) -> Result<(Organization, Issued)> {
    let now = session.now();
    let expires_at = invitation::expiry(now, expires_days)?;
    let mut scope = session
        .write(organization, Permission::MembersInvite)
        .await?;
    require_active(&scope.organization)?;
    let before = lock_pending(&mut scope, which).await?;
    scope.require_may_grant(session, before.role)?;
    require_allowed_domain(&scope.organization, &before.email)?;
    outbox::cancel_waiting(session, &mut scope.tx, before.id, SUPERSEDED).await?;
    let mut issued = renew_token(session, &mut scope.tx, &before, expires_at).await?;
    issued.message =
        outbox::enqueue(session, &mut scope.tx, &issued.invitation, &issued.token).await?;
    scope.tx.commit().await?;
    Ok((scope.organization, issued))
}

/// Replaces the token of a pending invitation and writes the activity entry. The old token becomes
/// invalid.
pub(in crate::services) async fn renew_token(
    session: &Session,
    tx: &mut TenantTx,
    before: &Invitation,
    expires_at: DateTime<Utc>,
) -> Result<Issued> {
    let token = InvitationToken::new(tx.organization_id(), random_secret()?);
    let after = Invitation {
        invited_by_user_id: session.actor.user_id(),
        invited_by: session.actor.to_string(),
        expires_at,
        times_issued: before.times_issued + 1,
        updated_at: session.now(),
        ..before.clone()
    };
    db::invitations::reissue(tx, &after, &token.hash()).await?;
    let entry = session.entry(change("invitation.resend", Some(before), Some(&after)));
    db::activity::append(tx, entry).await?;
    Ok(Issued {
        invitation: after,
        token,
        message: None,
    })
}

/// Rejects addresses of domains that the organization does not allow.
///
/// # Errors
/// `BadInput` for such an address.
pub(in crate::services) fn require_allowed_domain(
    organization: &Organization,
    email: &Email,
) -> Result<()> {
    let allowed = &organization.allowed_email_domains;
    if invitation::domain_allowed(email, allowed) {
        return Ok(());
    }
    let domains = allowed.iter().map(String::as_str).chain([email.domain()]);
    Err(Error::bad_input(format!(
        "{email}: domain not allowed by {} (allowed: {})",
        organization.slug,
        allowed.join(", ")
    ))
    .hint(
        run!["org", "update", organization.slug]
            .args(domains.flat_map(|domain| ["--allow-domain", domain]))
            .labeled("allow the domain"),
    ))
}
