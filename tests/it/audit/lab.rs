//! A database with a schema of the test's own, audited in this process.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, postgres::PgRow};
use tenantctl::{
    audit::{
        self, Options,
        auditor::{Auditor, Terms},
        checks::{
            data::DataOptions,
            probe::{ProbeMode, ProbeOptions},
        },
        connections::{Connect, Limits, Sessions, Watch},
        model::Overrides,
        reach::REMEDY,
        report::{Finding, Report, Skipped},
        selection::Selection,
    },
    error::{Context, Result},
};

use crate::common::{Cli, Fixture, TestDb, block_on, unique};

/// A database, and three roles of its own: `{app}` and `{other}` may log in and own nothing,
/// `{owner}` makes the tables.
pub struct Lab {
    pub db: TestDb,
    app: String,
    other: String,
    owner: String,
}

/// A test does not look at progress.
struct Unwatched;

impl Watch for Unwatched {
    fn phase(&self, _what: &str, _steps: Option<u64>) {}
    fn advance(&self, _steps: u64) {}
}

impl Lab {
    /// A database with that schema, made by `{owner}`.
    pub fn new(schema: &str) -> Self {
        let lab = Self::on(TestDb::empty());
        lab.run(
            "CREATE ROLE {app} LOGIN; CREATE ROLE {other} LOGIN; CREATE ROLE {owner} LOGIN;
             GRANT ALL ON SCHEMA public TO {owner}; GRANT USAGE ON SCHEMA public TO {app}, {other};",
        );
        lab.run(&format!("SET ROLE {{owner}}; {schema}"));
        lab
    }

    /// A database that is there already; the roles are names that nothing has.
    pub fn on(db: TestDb) -> Self {
        Self {
            db,
            app: unique("lab_app"),
            other: unique("lab_other"),
            owner: unique("lab_owner"),
        }
    }

    /// Our own schema, with two organizations that have rows in every table.
    pub fn ours() -> Self {
        Self::on(block_on(|| async { Fixture::new().await }).db)
    }

    /// The text with the names of the roles in it.
    pub fn named(&self, text: &str) -> String {
        text.replace("{app}", &self.app)
            .replace("{other}", &self.other)
            .replace("{owner}", &self.owner)
    }

    /// Runs statements as the superuser.
    pub fn run(&self, sql: &str) {
        let sql = self.named(sql);
        block_on(|| async {
            let mut connection = self.db.raw().await;
            if let Err(error) = connection.execute(AssertSqlSafe(sql.clone())).await {
                panic!("{error}: {sql}");
            }
        });
    }

    /// How a test audits unless it says otherwise: everything, reading only.
    pub fn options() -> Options {
        Options {
            overrides: Overrides::default(),
            selection: Selection::default(),
            limits: Limits {
                statement: Duration::from_secs(60),
                lock: Duration::from_millis(500),
                deadline: Duration::from_secs(600),
            },
            jobs: 2,
            data: DataOptions {
                show_values: false,
                samples: 3,
            },
            probe: ProbeOptions {
                mode: ProbeMode::Read,
                show_values: false,
                force: false,
            },
        }
    }

    /// Audits as the superuser.
    pub fn audit(&self) -> Report {
        self.audit_with(|_| {})
    }

    /// Audits as the superuser, with other options.
    pub fn audit_with(&self, change: impl FnOnce(&mut Options)) -> Report {
        self.try_audit(None, change).expect("an audit")
    }

    /// Audits as another role.
    pub fn audit_as(&self, role: &str, change: impl FnOnce(&mut Options)) -> Report {
        self.try_audit(Some(role), change).expect("an audit")
    }

    /// Audits, and may fail. Where the superuser must leave code of `{owner}` alone, it is done
    /// as the report says: an auditor is created, and attacks.
    pub fn try_audit(
        &self,
        role: Option<&str>,
        change: impl FnOnce(&mut Options),
    ) -> Result<Report> {
        let mut options = Self::options();
        change(&mut options);
        let report = self.run_once(self.connect_as(role).into(), &options)?;
        let left_alone = |one: &Skipped| one.reason.contains(REMEDY);
        if role.is_some() || !report.skipped.iter().any(left_alone) {
            return Ok(report);
        }
        match self.auditor(&options.overrides) {
            Ok(attack) => {
                let sessions = Sessions {
                    catalog: self.connect_as(None),
                    probe: Some(attack),
                };
                self.run_once(sessions, &options)
            }
            // None is possible where the application's role is a superuser.
            Err(_) => Ok(report),
        }
    }

    /// Audits as the superuser, who attacks too whatever the report says.
    pub fn try_audit_once(&self, change: impl FnOnce(&mut Options)) -> Result<Report> {
        let mut options = Self::options();
        change(&mut options);
        self.run_once(self.connect_as(None).into(), &options)
    }

    pub fn run_once(&self, sessions: Sessions, options: &Options) -> Result<Report> {
        block_on(|| async { audit::run(sessions, options, &Unwatched).await })
    }

    /// How an auditor connects, who is made as `tenantctl audit role --create` makes one.
    pub fn auditor(&self, overrides: &Overrides) -> Result<Connect> {
        let connect = self.connect_as(None);
        let terms = Terms {
            verifier: None,
            if_not_exists: true,
            commit: true,
        };
        let name = format!("{}_auditor", self.app);
        block_on(|| async {
            let auditor = Auditor::plan(connect.clone(), name.clone(), overrides.clone()).await?;
            auditor.create(&connect, &terms).await
        })?;
        Ok(self.log_in_as(&name))
    }

    /// Opens connections that authenticate as a role, so that nothing leads back to the superuser.
    pub fn log_in_as(&self, role: &str) -> Connect {
        let mut url = url::Url::parse(&self.db.url).expect("a URL");
        url.set_username(role).expect("a role in the URL");
        let url = String::from(url);
        Arc::new(move || {
            let url = url.clone();
            async move { PgConnection::connect(&url).await.context("no connection") }.boxed()
        })
    }

    /// Opens connections as the superuser, or as one who has become another role for good.
    pub fn connect_as(&self, role: Option<&str>) -> Connect {
        let url = self.db.url.clone();
        let become_role = role.map(|role| {
            let role = self.named(role);
            format!("SET SESSION AUTHORIZATION {role}")
        });
        Arc::new(move || {
            let (url, become_role) = (url.clone(), become_role.clone());
            async move {
                let mut connection = PgConnection::connect(&url).await.context("no connection")?;
                if let Some(sql) = become_role {
                    let ran = connection.execute(AssertSqlSafe(sql)).await;
                    ran.context("the role could not be taken")?;
                }
                Ok(connection)
            }
            .boxed()
        })
    }

    /// The binary, on this database.
    pub fn cli(&self) -> Cli {
        self.db.cli()
    }

    /// Runs statements one by one, as somebody who pastes them; gives the rows that they returned.
    pub fn rows_of(&self, statements: &[&str]) -> Vec<PgRow> {
        block_on(|| async {
            let mut connection = self.db.raw().await;
            let mut rows = Vec::new();
            for statement in statements {
                let sql = AssertSqlSafe((*statement).to_owned());
                rows.extend(connection.fetch_all(sql).await.expect("the statement runs"));
            }
            rows
        })
    }

    /// Every finding of a check, in an audit of that check alone.
    pub fn findings(&self, check: &str) -> Vec<Finding> {
        self.audit_with(|options| options.selection.only = vec![check.to_owned()])
            .findings
    }

    /// The finding of a check on an object; fails where there is none.
    #[track_caller]
    pub fn assert_fires(&self, check: &str, object: &str) -> Finding {
        let object = self.named(object);
        let findings = self.findings(check);
        match findings
            .iter()
            .find(|one| one.check == check && one.object == object)
        {
            Some(found) => found.clone(),
            None => panic!("{check} does not fire on {object}: {findings:#?}"),
        }
    }

    /// Fails where a check finds anything.
    #[track_caller]
    pub fn assert_silent(&self, check: &str) {
        let findings = self.findings(check);
        let found: Vec<&Finding> = findings.iter().filter(|one| one.check == check).collect();
        assert!(found.is_empty(), "{check} fires: {found:#?}");
    }

    /// Runs the statements with which the findings of a check are mended.
    #[track_caller]
    pub fn apply_fixes(&self, check: &str) {
        let findings = self.findings(check);
        let mut sql: Vec<String> = findings
            .iter()
            .filter(|one| one.check == check)
            .flat_map(|one| one.fix.sql.clone())
            .collect();
        assert!(!sql.is_empty(), "{check} has no fix: {findings:#?}");
        let mut seen = std::collections::BTreeSet::new();
        sql.retain(|one| seen.insert(one.clone()));
        self.run(&sql.join(";\n"));
    }

    /// It fires, it is mended as it says, it is silent.
    #[track_caller]
    pub fn assert_fixable(&self, check: &str, object: &str) -> Finding {
        let finding = self.assert_fires(check, object);
        self.apply_fixes(check);
        self.assert_silent(check);
        finding
    }
}
