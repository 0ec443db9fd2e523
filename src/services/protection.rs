//! Protection of a database against destructive commands run without `--confirm`.

use serde_json::{Value, json};

use crate::{
    confirm::Confirmed,
    db::{self, Database, PlatformConn, protection::Protection},
    error::Result,
    services::{Session, activity::Change},
};

/// Protects the database under a label. Returns `false` if it had this label already.
///
/// # Errors
/// `Refused` for a user.
pub async fn protect(session: &Session, label: &str) -> Result<bool> {
    session.require_operator("protect the database")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let before = db::protection::find(&mut conn).await?;
    if before.as_ref().is_some_and(|before| before.label == label) {
        return Ok(false);
    }
    let after = Protection {
        label: label.to_owned(),
        protected_at: session.now(),
        protected_by: session.actor.to_string(),
    };
    db::protection::set(&mut conn, &after).await?;
    finish(conn, session, "database.protect", before, Some(after)).await?;
    Ok(true)
}

/// Removes the protection. Returns `false` if there was none.
///
/// # Errors
/// `Refused` for a user.
pub async fn unprotect(session: &Session, _confirmed: Confirmed) -> Result<bool> {
    session.require_operator("remove the protection of the database")?;
    let mut conn = PlatformConn::begin(&session.db).await?;
    let Some(before) = db::protection::find(&mut conn).await? else {
        return Ok(false);
    };
    db::protection::clear(&mut conn).await?;
    finish(conn, session, "database.unprotect", Some(before), None).await?;
    Ok(true)
}

/// Returns the protection of any database, also of one without the schema.
pub async fn find(db: &Database) -> Result<Option<Protection>> {
    db::protection::find(&mut PlatformConn::open(db)?).await
}

/// Returns the protection, for the operator.
///
/// # Errors
/// Same as [`db::protection::find`]; `Refused` for a user.
pub async fn show(session: &Session) -> Result<Option<Protection>> {
    session.require_operator("see the protection of the database")?;
    find(&session.db).await
}

async fn finish(
    mut conn: PlatformConn,
    session: &Session,
    action: &'static str,
    before: Option<Protection>,
    after: Option<Protection>,
) -> Result<()> {
    let label = |protection: Protection| -> Value { json!({ "label": protection.label }) };
    let change = Change {
        action,
        object_type: "database",
        object_id: "database".to_owned(),
        before: before.map(label),
        after: after.map(label),
    };
    db::activity::append_platform(&mut conn, session.entry(change)).await?;
    conn.commit().await
}
