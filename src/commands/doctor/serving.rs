//! Checks of the database role that serves requests.

use super::report::{Area, Check};
use crate::{
    app::App, config::DatabaseTarget, db::Database, error::Result, run, services::serving,
};

const AREA: Area = Area::Database;
const NAME: &str = "serving_role";

/// Checks that the role that serves requests owns nothing.
pub(super) async fn role(app: &App, db: &Database, target: &DatabaseTarget) -> Check {
    match examine(app, db, target).await {
        Ok(check) => check,
        Err(error) => Check::broken(NAME, AREA, &error),
    }
}

async fn examine(app: &App, db: &Database, target: &DatabaseTarget) -> Result<Check> {
    let Some(named) = app.server_tenant_target(Some(target))? else {
        return Ok(Check::warning(
            NAME,
            AREA,
            "the server would use the role that owns the tables; a statement can undo the SET ROLE \
             that confines it",
        )
        .remedy(run!["db", "role", "server", "--create"].then(", then tenant_url in [server]")));
    };
    let settings = app.tenant_settings(&named)?;
    let tenant = Database::connect(&settings).await?;
    let source = named.source.to_string();
    serving::require_confined(&tenant, Some(db), &source).await?;
    Ok(Check::ok(
        NAME,
        AREA,
        format!(
            "{} is limited to the privileges of a tenant",
            named.describe()
        ),
    ))
}
