//! Agent instructions of organizations, and the platform's defaults.

use serde_json::{Value, json};

use crate::{
    db::{self, PlatformConn, agents::StoredAgent},
    domain::{AgentInstructions, OrganizationId, Permission, organization::Organization},
    error::{Error, Result},
    services::{Session, activity::Change},
};

/// Returns the organization's own instructions.
pub async fn show(
    session: &Session,
    organization: OrganizationId,
) -> Result<(Organization, StoredAgent)> {
    let mut scope = session.read(organization, Permission::AgentsRead).await?;
    let agent = db::agents::get(&mut scope.tx).await?;
    Ok((scope.organization, agent))
}

/// Result of a change of instructions. The versions are equal if nothing changed.
#[derive(Clone, Debug)]
pub struct AgentChange {
    /// `None` for the platform's defaults.
    pub organization: Option<Organization>,
    pub before: StoredAgent,
    pub after: StoredAgent,
}

impl AgentChange {
    /// `false` if nothing changed and nothing was written.
    pub fn is_change(&self) -> bool {
        self.before.version != self.after.version
    }
}

/// Changes an organization's instructions.
///
/// # Errors
/// The errors of [`Session::write`] and of `compute`.
pub async fn change(
    session: &Session,
    organization: OrganizationId,
    compute: impl FnOnce(&AgentInstructions) -> Result<AgentInstructions>,
) -> Result<AgentChange> {
    let mut scope = session.write(organization, Permission::AgentsEdit).await?;
    let before = db::agents::get(&mut scope.tx).await?;
    let instructions = compute(&before.instructions)?;
    let organization = Some(scope.organization.clone());
    if instructions == before.instructions {
        return Ok(unchanged(organization, before));
    }
    let after = next(session, &before, instructions);
    if !db::agents::update(
        &mut scope.tx,
        &after.instructions,
        before.version,
        after.updated_at,
    )
    .await?
    {
        return Err(stale());
    }
    let change = Change {
        action: "agent.update",
        object_type: "agent",
        object_id: scope.organization.id.to_string(),
        before: Some(snapshot(&before)),
        after: Some(snapshot(&after)),
    };
    scope.finish(session, change).await?;
    Ok(AgentChange {
        organization,
        before,
        after,
    })
}

/// Returns the platform's defaults.
///
/// # Errors
/// `Refused` for a user.
pub async fn show_system(session: &Session) -> Result<StoredAgent> {
    session.require_operator("see the platform's agent defaults")?;
    let mut conn = PlatformConn::open(&session.db)?;
    db::agents::get_system(&mut conn).await
}

/// Changes the platform's defaults.
///
/// # Errors
/// `Refused` for a user; the errors of `compute`.
pub async fn change_system(
    session: &Session,
    compute: impl FnOnce(&AgentInstructions) -> Result<AgentInstructions>,
) -> Result<AgentChange> {
    session.require_operator("change the platform's agent defaults")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let before = db::agents::get_system(&mut conn).await?;
    let instructions = compute(&before.instructions)?;
    if instructions == before.instructions {
        return Ok(unchanged(None, before));
    }
    let after = next(session, &before, instructions);
    if !db::agents::update_system(
        &mut conn,
        &after.instructions,
        before.version,
        after.updated_at,
    )
    .await?
    {
        return Err(stale());
    }
    let change = Change {
        action: "agent.update_system",
        object_type: "agent",
        object_id: "system".to_owned(),
        before: Some(snapshot(&before)),
        after: Some(snapshot(&after)),
    };
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await?;
    Ok(AgentChange {
        organization: None,
        before,
        after,
    })
}

fn unchanged(organization: Option<Organization>, agent: StoredAgent) -> AgentChange {
    AgentChange {
        organization,
        before: agent.clone(),
        after: agent,
    }
}

fn next(session: &Session, before: &StoredAgent, instructions: AgentInstructions) -> StoredAgent {
    StoredAgent {
        instructions,
        version: before.version + 1,
        updated_at: session.now(),
    }
}

fn stale() -> Error {
    Error::conflict("the instructions were changed by another session in the meantime")
        .hint("nothing was changed; run the command again")
}

fn snapshot(agent: &StoredAgent) -> Value {
    let instructions = &agent.instructions;
    json!({
        "version": agent.version,
        "manual_ai_instructions": instructions.manual_ai_instructions,
        "receptionist_instructions": instructions.receptionist_instructions,
        "supervisor_instructions": instructions.supervisor_instructions,
        "whatsapp_instructions": instructions.whatsapp_instructions,
        "use_manual_instructions": instructions.use_manual_instructions,
    })
}
