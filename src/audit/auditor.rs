//! Auditor role of the probes: a member of the application's roles, without further privileges.

use serde::Serialize;
use sqlx::{AssertSqlSafe, query_scalar};

use super::{
    connections::{Connect, Connections, Limits},
    model::{Model, Overrides},
    session::{AuditDeadline, Session},
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    quoting::{identifier, literal},
};

/// Connection limit: those of an audit with `--jobs 16`, and some spare ones.
const CONNECTIONS: u32 = 20;

/// First version with separate options for a membership (PostgreSQL manual, GRANT).
const WITH_OPTIONS: i32 = 160_000;

const LIMITS: Limits = Limits {
    statement: std::time::Duration::from_secs(60),
    lock: std::time::Duration::from_secs(5),
    deadline: std::time::Duration::from_secs(120),
};

/// Auditor of one database.
#[derive(Clone, Debug)]
pub struct Auditor {
    pub name: String,
    pub database: String,
    /// The application's roles that it is a member of.
    pub roles: Vec<String>,
    version: i32,
}

/// Options for its creation.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The verifier of its password, so that the password itself is not in a statement or a server
    /// log; `None` for no password.
    pub verifier: Option<&'a str>,
    /// `true` if a role of that name is not an error: it gets the missing memberships.
    pub if_not_exists: bool,
    /// `false` to roll back.
    pub commit: bool,
}

/// Result of the creation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Created {
    New,
    Existing,
}

impl Auditor {
    /// Plans the auditor for the application's roles, specified or inferred.
    ///
    /// # Errors
    /// Same as [`Model::infer`]; `NotFound` if the application has no role, `Refused` if one of its
    /// roles would give the auditor the privileges that it is meant to avoid.
    pub async fn plan(connect: Connect, name: String, overrides: Overrides) -> Result<Self> {
        let mut connections = Connections::open(connect, LIMITS, 1).await?;
        let catalog = connections.catalog().await?;
        let model = Model::infer(catalog, overrides)?;
        model.require_tenants()?;
        let roles = &model.app_roles.roles;
        if roles.is_empty() {
            return Err(Error::not_found("could not find a role of the application")
                .hint("specify the role that the application connects as: --app-role ROLE"));
        }
        for role in roles {
            let role = &model.catalog.roles[&role.oid];
            if role.superuser || role.create_role || role.replication {
                let message = format!(
                    "role {} has SUPERUSER, CREATEROLE or REPLICATION: a member of it cannot be an auditor",
                    role.name
                );
                return Err(Error::refused(message)
                    .hint("remove the attribute, or specify other roles: --app-role ROLE"));
            }
        }
        Ok(Self {
            name,
            database: model.catalog.server.database.clone(),
            roles: roles.iter().map(|role| role.name.clone()).collect(),
            version: model.catalog.server.version_number,
        })
    }

    /// Returns the statements that create it, without its password and without semicolons.
    pub fn statements(&self) -> Vec<String> {
        let name = identifier(&self.name);
        let mut statements = vec![
            format!(
                "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION \
                 NOBYPASSRLS CONNECTION LIMIT {CONNECTIONS}"
            ),
            // A probe that writes sets READ WRITE in its own transaction, and is rolled back.
            format!("ALTER ROLE {name} SET default_transaction_read_only = on"),
        ];
        statements.extend(self.grants());
        statements
    }

    fn grants(&self) -> Vec<String> {
        let name = identifier(&self.name);
        let database = identifier(&self.database);
        let options = match self.version >= WITH_OPTIONS {
            true => " WITH INHERIT TRUE, SET TRUE, ADMIN FALSE",
            false => "",
        };
        let mut grants = vec![format!("GRANT CONNECT ON DATABASE {database} TO {name}")];
        let roles = self.roles.iter().map(|role| identifier(role));
        grants.extend(roles.map(|role| format!("GRANT {role} TO {name}{options}")));
        grants
    }

    /// Creates it in one transaction.
    ///
    /// # Errors
    /// `Conflict` if a role of that name exists. `Refused` if that role has more privileges than an
    /// auditor may have, or the connecting role may not create roles.
    pub async fn create(&self, connect: &Connect, terms: &Terms<'_>) -> Result<Created> {
        let mut connection = Session::open(connect, &AuditDeadline::begin(LIMITS)).await?;
        run(&mut connection, "BEGIN").await?;
        let existing = existing(&mut connection, &self.name).await?;
        let mut statements = match existing {
            None => self.statements(),
            Some(_) if !terms.if_not_exists => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("role {}: already exists", self.name),
                )
                .hint("use --if-not-exists to grant the missing memberships, or another --name"));
            }
            Some(strong) => {
                if strong {
                    let message = format!(
                        "role {}: has more privileges than an auditor may have",
                        self.name
                    );
                    return Err(Error::refused(message).hint("choose another name: --name ROLE"));
                }
                self.grants()
            }
        };
        if let Some(verifier) = terms.verifier {
            let name = identifier(&self.name);
            statements.push(format!("ALTER ROLE {name} PASSWORD {}", literal(verifier)));
        }
        for statement in statements {
            run(&mut connection, &statement).await?;
        }
        run(
            &mut connection,
            if terms.commit { "COMMIT" } else { "ROLLBACK" },
        )
        .await?;
        Ok(match existing {
            None => Created::New,
            Some(_) => Created::Existing,
        })
    }
}

/// `true` if the role has more privileges than an auditor may have; `None` if it does not exist.
async fn existing(connection: &mut Session, name: &str) -> Result<Option<bool>> {
    const UNREAD: &str = "could not read the roles";
    let look = connection.within(async |connection| {
        query_scalar!(
            r#"SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication AS "strong!"
                 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1"#,
            name
        )
            .fetch_optional(connection)
            .await
    });
    look.await.context(UNREAD)?.context(UNREAD)
}

/// Runs a statement. Errors never contain it, because it may include the verifier of a password.
async fn run(connection: &mut Session, sql: &str) -> Result<()> {
    // Safe: constants, and quoted names and verifiers.
    let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
    let Err(error) = done else { return Ok(()) };
    match &error {
        // 42501: insufficient privilege (PostgreSQL manual, appendix A).
        sqlx::Error::Database(error) if error.code().as_deref() == Some("42501") => {
            Err(Error::refused("could not create the role")
                .because(error.message())
                .hint(
                    "run it as a role with CREATEROLE that may grant the application's roles, or \
                     give the printed statements to an administrator",
                ))
        }
        sqlx::Error::Database(error) => {
            Err(Error::failure("could not create the role").because(error.message()))
        }
        _ => Err(error).context("could not create the role"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let auditor = Auditor {
            name: "a\"b".to_owned(),
            database: "shop".to_owned(),
            roles: vec!["shop_app".to_owned()],
            version: 160_004,
        };
        let statements = auditor.statements();
        assert!(statements[0].starts_with("CREATE ROLE \"a\"\"b\" LOGIN NOSUPERUSER"));
        assert!(
            statements
                .last()
                .unwrap()
                .ends_with("TO \"a\"\"b\" WITH INHERIT TRUE, SET TRUE, ADMIN FALSE")
        );
    }
}
