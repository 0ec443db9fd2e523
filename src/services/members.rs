//! Members: adding, changing roles, removing, transferring ownership. The last owner cannot be
//! removed. Each change locks the organization first, so that concurrent changes see each other.

use serde_json::{Value, json};

use crate::{
    confirm::Confirmed,
    db::{self, invitations::InvitationFilter, members::MemberFilter},
    domain::{
        Email, OrganizationId, Permission, Role, UserId, invitation::Invitation, lookalike,
        member::Member, organization::Organization,
    },
    error::{Error, Result},
    run,
    services::{Scope, Session, access, activity::Change, invitations, organizations::member_of},
};

/// Returns the matching members.
pub async fn list(
    session: &Session,
    organization: OrganizationId,
    filter: &MemberFilter,
) -> Result<Vec<Member>> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    db::members::list(&mut scope.tx, filter).await
}

/// Returns a member by email address or user id.
///
/// # Errors
/// `NotFound`; the errors of [`Session::read`].
pub async fn show(session: &Session, organization: OrganizationId, who: &str) -> Result<Member> {
    let mut scope = session.read(organization, Permission::MembersRead).await?;
    require_member(&mut scope, who).await
}

/// Result of a change of a membership. `before` and `after` are equal if nothing changed.
#[derive(Clone, Debug)]
pub struct MemberChange {
    pub organization: Organization,
    /// `None` if the user was not a member.
    pub before: Option<Member>,
    pub after: Member,
    /// The pending invitation of the new member, which is revoked.
    pub revoked_invitation: Option<Invitation>,
    /// Warnings about an address that resembles another address of the organization.
    pub warnings: Vec<String>,
}

/// Makes an existing user a member, without an invitation. A pending invitation is revoked. Only
/// the operator may do this: it reveals whether an address is registered on the platform.
///
/// # Errors
/// `Conflict` if the user is a member already, unless `if_not_exists`; `NotFound` if no user has
/// that address.
pub async fn add(
    session: &Session,
    organization: OrganizationId,
    email: &Email,
    role: Role,
    if_not_exists: bool,
) -> Result<MemberChange> {
    session.require_operator("add a member without an invitation")?;
    let user = access::known_user(session, email).await.map_err(|error| {
        error.hint(
            run!["invite", "create", email, "--role", role].labeled("invite the user instead"),
        )
    })?;
    let mut scope = session
        .write(organization, Permission::MembersManage)
        .await?;
    let member = member_of(&user, role, session.now());
    if !db::members::insert(&mut scope.tx, &member).await? {
        let known = require_member(&mut scope, email.as_str()).await?;
        if if_not_exists && known.role == role {
            return Ok(MemberChange {
                organization: scope.organization,
                before: Some(known.clone()),
                after: known,
                revoked_invitation: None,
                warnings: Vec::new(),
            });
        }
        return Err(already_member(&scope.organization, &known, role));
    }
    let revoked_invitation =
        invitations::revoke_waiting(session, &mut scope.tx, &member.email).await?;
    let addresses = std::slice::from_ref(&member.email);
    let warnings = lookalikes(session, &mut scope, addresses).await?;
    let organization = scope.organization.clone();
    scope
        .finish(session, change("member.add", None, Some(&member)))
        .await?;
    Ok(MemberChange {
        organization,
        before: None,
        after: member,
        revoked_invitation,
        warnings,
    })
}

/// Returns warnings about addresses that resemble those of members or invited users of this
/// organization. Addresses of other organizations are not compared, so that a tenant cannot learn
/// that they exist.
pub(in crate::services) async fn lookalikes(
    session: &Session,
    scope: &mut Scope,
    addresses: &[Email],
) -> Result<Vec<String>> {
    let members = db::members::list(&mut scope.tx, &MemberFilter::default()).await?;
    let waiting = InvitationFilter::default();
    let invited = db::invitations::list(&mut scope.tx, &waiting, session.now()).await?;
    let members = members.iter().map(|member| &member.email);
    let invited = invited.iter().map(|invitation| &invitation.email);
    Ok(lookalike::warnings(addresses, members.chain(invited)))
}

/// Changes the role of a member.
///
/// # Errors
/// `Conflict` for the last owner; `Refused` if the caller may not grant the new role or revoke the
/// old one.
pub async fn set_role(
    session: &Session,
    organization: OrganizationId,
    who: &str,
    role: Role,
) -> Result<MemberChange> {
    let mut scope = session
        .write(organization, Permission::MembersManage)
        .await?;
    let before = require_member(&mut scope, who).await?;
    scope.require_may_grant(session, before.role)?;
    scope.require_may_grant(session, role)?;
    let organization = scope.organization.clone();
    if before.role == role {
        return Ok(MemberChange {
            organization,
            before: Some(before.clone()),
            after: before,
            revoked_invitation: None,
            warnings: Vec::new(),
        });
    }
    require_other_owner(&mut scope, &before).await?;
    let after = with_role(session, &mut scope, &before, role).await?;
    scope
        .finish(session, change("member.role", Some(&before), Some(&after)))
        .await?;
    Ok(MemberChange {
        organization,
        before: Some(before),
        after,
        revoked_invitation: None,
        warnings: Vec::new(),
    })
}

/// Returns a member that is about to be removed, for a confirmation prompt: a caller without the
/// permission and the last owner are rejected before the prompt. `None` if there is no such member.
///
/// Nothing is locked, so [`remove`] checks again.
pub async fn before_removal(
    session: &Session,
    organization: OrganizationId,
    who: &str,
) -> Result<Option<Member>> {
    let mut scope = session
        .read(organization, Permission::OrganizationRead)
        .await?;
    scope.refuse_deleted()?;
    let member = find_removable(session, &mut scope, who).await?;
    scope.tx.rollback().await?;
    Ok(member)
}

/// A membership that was removed.
#[derive(Clone, Debug)]
pub struct Removal {
    pub organization: Organization,
    /// `None` if there was no such member.
    pub removed: Option<Member>,
    /// The pending invitation that was revoked, because its link would have let the member join
    /// again.
    pub revoked_invitation: Option<Invitation>,
}

/// Removes a member. Members may remove themselves; removing others requires the permission.
///
/// # Errors
/// `Conflict` for the last owner; `Refused` if the caller may not remove the member; `NotFound`
/// unless `if_exists`.
pub async fn remove(
    session: &Session,
    organization: OrganizationId,
    who: &str,
    if_exists: bool,
    _confirmed: Confirmed,
) -> Result<Removal> {
    let mut scope = session
        .write(organization, Permission::OrganizationRead)
        .await?;
    let organization = scope.organization.clone();
    let Some(before) = find_removable(session, &mut scope, who).await? else {
        if if_exists {
            return Ok(Removal {
                organization,
                removed: None,
                revoked_invitation: None,
            });
        }
        return Err(unknown_member(&scope.organization, who));
    };
    db::members::delete(&mut scope.tx, before.user_id).await?;
    let revoked_invitation =
        invitations::revoke_waiting(session, &mut scope.tx, &before.email).await?;
    scope
        .finish(session, change("member.remove", Some(&before), None))
        .await?;
    Ok(Removal {
        organization,
        removed: Some(before),
        revoked_invitation,
    })
}

async fn find_removable(session: &Session, scope: &mut Scope, who: &str) -> Result<Option<Member>> {
    let Some(member) = find_member(scope, who).await? else {
        return Ok(None);
    };
    if session.actor.user_id() != Some(member.user_id) {
        scope.require(session, Permission::MembersRemove)?;
        scope.require_may_grant(session, member.role)?;
    }
    require_other_owner(scope, &member).await?;
    Ok(Some(member))
}

/// A transfer of ownership, with the former and the new owner.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub organization: Organization,
    pub from: Member,
    pub to: Member,
}

/// Makes `to` an owner and `from` an admin, in one transaction. By default, `from` is the acting
/// user, or the only owner.
///
/// # Errors
/// `Usage` if `from` is ambiguous; `Conflict` if `from` is not an owner.
pub async fn transfer_ownership(
    session: &Session,
    organization: OrganizationId,
    to: &str,
    from: Option<&str>,
) -> Result<Transfer> {
    let mut scope = session
        .write(organization, Permission::OwnersManage)
        .await?;
    let from = outgoing_owner(session, &mut scope, from).await?;
    let to = require_member(&mut scope, to).await?;
    if from.user_id == to.user_id {
        return Err(Error::conflict(format!(
            "{} is already the owner",
            to.email
        )));
    }
    if from.role != Role::Owner {
        return Err(
            Error::conflict(format!("{} is {}, not owner", from.email, from.role))
                .hint(run!["member", "list", "--role", "owner"].labeled("list the owners")),
        );
    }
    let new_owner = with_role(session, &mut scope, &to, Role::Owner).await?;
    let former = with_role(session, &mut scope, &from, Role::Admin).await?;
    let organization = scope.organization.clone();
    let handed_over = Change {
        action: "member.transfer_ownership",
        object_type: "member",
        object_id: new_owner.user_id.to_string(),
        before: Some(json!({ "owner": from.email, "to": snapshot(&to) })),
        after: Some(json!({ "owner": new_owner.email, "from": snapshot(&former) })),
    };
    scope.finish(session, handed_over).await?;
    Ok(Transfer {
        organization,
        from: former,
        to: new_owner,
    })
}

async fn outgoing_owner(
    session: &Session,
    scope: &mut Scope,
    from: Option<&str>,
) -> Result<Member> {
    if let Some(who) = from {
        return require_member(scope, who).await;
    }
    if let Some(user) = session.actor.user_id() {
        return require_member(scope, &user.to_string()).await;
    }
    let owners = MemberFilter {
        role: Some(Role::Owner),
        ..MemberFilter::default()
    };
    let mut owners = db::members::list(&mut scope.tx, &owners).await?;
    match (owners.pop(), owners.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(Error::conflict(format!(
            "organization {} has no owner",
            scope.organization.slug
        ))
        .hint(run!["member", "role", "EMAIL", "owner"].labeled("assign an owner"))),
        (Some(_), false) => Err(Error::usage(format!(
            "organization {} has several owners: the outgoing one is not specified",
            scope.organization.slug
        ))
        .hint("specify the outgoing owner with --from EMAIL")),
    }
}

async fn with_role(
    session: &Session,
    scope: &mut Scope,
    member: &Member,
    role: Role,
) -> Result<Member> {
    let now = session.now();
    db::members::set_role(&mut scope.tx, member.user_id, role, now).await?;
    Ok(Member {
        role,
        updated_at: now,
        ..member.clone()
    })
}

async fn require_other_owner(scope: &mut Scope, member: &Member) -> Result<()> {
    if member.role != Role::Owner || db::members::count_owners(&mut scope.tx).await? > 1 {
        return Ok(());
    }
    let slug = &scope.organization.slug;
    Err(Error::conflict(format!(
        "{} is the last owner of {slug}: an organization keeps at least one",
        member.email
    ))
    .hint(
        run!["member", "transfer-ownership", "EMAIL", "--org", slug]
            .labeled("transfer the ownership first"),
    ))
}

async fn find_member(scope: &mut Scope, who: &str) -> Result<Option<Member>> {
    match who.parse::<UserId>() {
        Ok(id) => db::members::find(&mut scope.tx, id).await,
        Err(_) => db::members::find_by_email(&mut scope.tx, &who.parse()?).await,
    }
}

async fn require_member(scope: &mut Scope, who: &str) -> Result<Member> {
    find_member(scope, who)
        .await?
        .ok_or_else(|| unknown_member(&scope.organization, who))
}

fn already_member(organization: &Organization, known: &Member, wanted: Role) -> Error {
    let (email, slug) = (&known.email, &organization.slug);
    let error = Error::conflict(format!("{email} is already {} of {slug}", known.role));
    error.hint(if known.role == wanted {
        "use --if-not-exists to ignore this".into()
    } else {
        run!["member", "role", email, wanted, "--org", slug].labeled("change the role")
    })
}

fn unknown_member(organization: &Organization, who: &str) -> Error {
    let slug = &organization.slug;
    Error::not_found(format!("{who} is not a member of {slug}"))
        .hint(run!["member", "list", "--org", slug].labeled("list the members"))
}

fn change(action: &'static str, before: Option<&Member>, after: Option<&Member>) -> Change {
    Change {
        action,
        object_type: "member",
        object_id: before
            .or(after)
            .map(|member| member.user_id.to_string())
            .unwrap_or_default(),
        before: before.map(snapshot),
        after: after.map(snapshot),
    }
}

fn snapshot(member: &Member) -> Value {
    json!({ "email": member.email, "name": member.name, "role": member.role })
}
