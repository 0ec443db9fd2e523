//! The role that attacks: a member of the application's roles, and nothing else.

use serde::Serialize;
use sqlx::{AssertSqlSafe, query_scalar};

use super::{
    connections::{Connect, Connections, Limits},
    model::{Model, Overrides},
    session::{Session, Warden},
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    quoting::{identifier, literal},
};

/// The limit of connections: those of an audit with `--jobs 16`, and a few to spare.
const CONNECTIONS: u32 = 20;

/// PostgreSQL 16 tells the options of a membership apart (manual, GRANT).
const WITH_OPTIONS: i32 = 160_000;

const LIMITS: Limits = Limits {
    statement: std::time::Duration::from_secs(60),
    lock: std::time::Duration::from_secs(5),
    deadline: std::time::Duration::from_secs(120),
};

/// The auditor of one database.
#[derive(Clone, Debug)]
pub struct Auditor {
    pub name: String,
    pub database: String,
    /// The application's roles, of which it is a member.
    pub roles: Vec<String>,
    version: i32,
}

/// The terms of its creation.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The verifier of its password, so that the password itself is in no statement and no log of the
    /// server; `None`: it has no password.
    pub verifier: Option<&'a str>,
    /// A role of that name is no error: it gets the memberships that it lacks.
    pub if_not_exists: bool,
    /// Otherwise it is rolled back.
    pub commit: bool,
}

/// The state before.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Created {
    New,
    Existing,
}

impl Auditor {
    /// The auditor for the application's roles, as they are inferred or told.
    ///
    /// # Errors
    /// Same as [`Model::infer`]; `NotFound` where the application has no role, `Refused` where one of
    /// its roles would make the auditor as strong as what it is to replace.
    pub async fn plan(connect: Connect, name: String, overrides: Overrides) -> Result<Self> {
        let mut connections = Connections::open(connect, LIMITS, 1).await?;
        let catalog = connections.catalog().await?;
        let model = Model::infer(catalog, overrides)?;
        model.require_tenants()?;
        let roles = &model.actors.roles;
        if roles.is_empty() {
            return Err(Error::not_found("no role of an application was found")
                .hint("name the role that the application connects as: --app-role ROLE"));
        }
        for role in roles {
            let role = &model.catalog.roles[&role.oid];
            if role.superuser || role.create_role || role.replication {
                let message = format!(
                    "role {} has SUPERUSER, CREATEROLE or REPLICATION: a member of it cannot be an auditor",
                    role.name
                );
                return Err(Error::refused(message)
                    .hint("take the right from it, or name other roles: --app-role ROLE"));
            }
        }
        Ok(Self {
            name,
            database: model.catalog.server.database.clone(),
            roles: roles.iter().map(|role| role.name.clone()).collect(),
            version: model.catalog.server.version_number,
        })
    }

    /// The statements that make it, without its password and without semicolons.
    pub fn statements(&self) -> Vec<String> {
        let name = identifier(&self.name);
        let mut statements = vec![
            format!(
                "CREATE ROLE {name} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION \
                 NOBYPASSRLS CONNECTION LIMIT {CONNECTIONS}"
            ),
            // An attack that writes says so in its own transaction, and is rolled back.
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

    /// Creates it, in one transaction.
    ///
    /// # Errors
    /// `Conflict` where a role of that name exists, and `Refused` where it is stronger than an
    /// auditor may be or the connecting role may not create roles.
    pub async fn create(&self, connect: &Connect, terms: &Terms<'_>) -> Result<Created> {
        let mut connection = Session::open(connect, &Warden::begin(LIMITS)).await?;
        run(&mut connection, "BEGIN").await?;
        let existing = existing(&mut connection, &self.name).await?;
        let mut statements = match existing {
            None => self.statements(),
            Some(_) if !terms.if_not_exists => {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!("role {}: it exists", self.name),
                )
                .hint("give --if-not-exists to grant it what is missing, or another --name"));
            }
            Some(strong) => {
                if strong {
                    let message = format!(
                        "role {}: it has more rights than an auditor may have",
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

/// `true` if a role of that name is stronger than an auditor may be; none where there is none.
async fn existing(connection: &mut Session, name: &str) -> Result<Option<bool>> {
    const UNREAD: &str = "the roles could not be read";
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

/// The statement is never part of an error: it may hold a password's verifier.
async fn run(connection: &mut Session, sql: &str) -> Result<()> {
    // Safe: constants, and names and a verifier that are quoted.
    let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
    let Err(error) = done else { return Ok(()) };
    match &error {
        // 42501: no right (manual, appendix A).
        sqlx::Error::Database(said) if said.code().as_deref() == Some("42501") => {
            Err(Error::refused("the role could not be created")
                .because(said.message())
                .hint(
                    "run it as a role with CREATEROLE that may grant the application's roles, \
                       or give the printed statements to an administrator",
                ))
        }
        sqlx::Error::Database(said) => {
            Err(Error::failure("the role could not be created").because(said.message()))
        }
        _ => Err(error).context("the role could not be created"),
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
