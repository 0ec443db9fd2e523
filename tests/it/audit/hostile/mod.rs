//! Databases that attack who audits them. Their schema belongs to a role that is no superuser, and
//! its code takes whatever the session has that runs it.

mod doors;
mod tricks;
mod writes;

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _};

use sqlx::{AssertSqlSafe, Executor};
use tempfile::TempDir;
use tenantctl::audit::{
    Options,
    checks::probe::ProbeMode,
    connections::{Connect, Sessions},
    model::Overrides,
    reach::REMEDY,
    report::{Operation, Report, Verdict},
};

use super::{lab::Lab, probe_limits::dump};
use crate::common::{block_on, unique};

/// Tenants and their notes, isolated by a setting, with nobody's code in it. Then the payload,
/// that of an owner who wants more.
const BASE: &str = "
    CREATE TABLE tenants (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE notes (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants, body text);
    INSERT INTO tenants VALUES (1, 'a'), (2, 'b');
    INSERT INTO notes VALUES (1, 1, 'a'), (2, 2, 'b');
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON notes
        USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
    GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {app};
    GRANT SELECT ON tenants TO {app};
    CREATE FUNCTION evil() RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE deed text;
    BEGIN
        BEGIN
            PERFORM pg_catalog.set_config('role', 'none', true);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        FOREACH deed IN ARRAY ARRAY[
            'COPY (SELECT 1) TO PROGRAM ''touch {marks}/program''',
            'COPY (SELECT 1) TO ''{marks}/file''',
            'ALTER ROLE {owner} SUPERUSER',
            'ALTER ROLE {app} BYPASSRLS',
            'CREATE ROLE {mallory} SUPERUSER',
            'NOTIFY {owner}'
        ] LOOP
            BEGIN EXECUTE deed; EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP;
        RETURN true;
    END $$;
    CREATE FUNCTION evil_of(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN PERFORM evil(); RETURN value; END $$;";

/// The sessions of an audit.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Who {
    Superuser,
    Auditor,
    /// A superuser reads the catalog, and an auditor attacks.
    Both,
}

/// A hostile database, a folder where its code would leave marks, and an auditor.
pub struct Trap {
    pub lab: Lab,
    marks: TempDir,
    mallory: String,
    attack: Option<Connect>,
}

/// The reports on one trap.
pub struct Reports(BTreeMap<(Who, bool), Report>);

impl Trap {
    /// The base, and what its owner adds.
    pub fn new(door: &str) -> Self {
        Self::with(door, "")
    }

    /// The base, what its owner adds, and what a superuser does then.
    pub fn with(door: &str, by_superuser: &str) -> Self {
        let trap = Self::prepared();
        trap.run_as_owner(door);
        if !by_superuser.is_empty() {
            trap.lab.run(&trap.named(by_superuser));
        }
        trap
    }

    fn prepared() -> Self {
        let marks = tempfile::tempdir().expect("a folder");
        // The server runs as another account.
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(marks.path(), open).expect("an open folder");
        let mut trap = Self {
            lab: Lab::new(""),
            marks,
            mallory: unique("mallory"),
            attack: None,
        };
        trap.run_as_owner(BASE);
        let roles = vec![trap.lab.named("{app}")];
        let overrides = Overrides {
            roles,
            ..Overrides::default()
        };
        trap.attack = Some(trap.lab.auditor(&overrides).expect("an auditor"));
        trap
    }

    /// Runs statements in a session that authenticated as the owner: the payload has nothing to
    /// take there.
    fn run_as_owner(&self, sql: &str) {
        let sql = self.lab.named(&self.named(sql));
        let connect = self.lab.log_in_as(&self.lab.named("{owner}"));
        block_on(|| async {
            let mut connection = connect().await.expect("a connection");
            if let Err(error) = connection.execute(AssertSqlSafe(sql.clone())).await {
                panic!("{error}: {sql}");
            }
        });
    }

    pub fn named(&self, text: &str) -> String {
        let marks = self.marks.path().display().to_string();
        text.replace("{marks}", &marks)
            .replace("{mallory}", &self.mallory)
            .replace("{auditor}", "{app}_auditor")
    }

    fn sessions(&self, who: Who) -> Sessions {
        let auditor = self.attack.clone().expect("an auditor");
        let superuser = self.lab.connect_as(None);
        match who {
            Who::Superuser => superuser.into(),
            Who::Auditor => auditor.into(),
            Who::Both => Sessions {
                catalog: superuser,
                probe: Some(auditor),
            },
        }
    }

    /// Audits as everybody, reading and writing; whatever it is, nothing is changed by it.
    #[track_caller]
    pub fn spring(&self) -> Reports {
        self.spring_as(&[Who::Superuser, Who::Auditor, Who::Both])
    }

    #[track_caller]
    pub fn spring_as(&self, everybody: &[Who]) -> Reports {
        assert!(!self.is_sprung(), "it was sprung before the audit");
        let before = self.state();
        let mut reports = BTreeMap::new();
        for who in everybody {
            for mode in [ProbeMode::Read, ProbeMode::Full] {
                let mut options = Lab::options();
                options.probe.mode = mode;
                options.overrides.roles = vec![self.lab.named("{app}")];
                options.overrides.tenants = vec!["1".to_owned(), "2".to_owned()];
                let report = self.audit(*who, &options);
                let after = self.state();
                assert!(before == after, "{who:?} {mode:?}: {before}\n{after}");
                reports.insert((*who, mode == ProbeMode::Full), report);
            }
        }
        Reports(reports)
    }

    fn audit(&self, who: Who, options: &Options) -> Report {
        let sessions = self.sessions(who);
        self.lab.run_once(sessions, options).expect("an audit")
    }

    /// The roles of this trap, the marks, and a dump of the database.
    fn state(&self) -> String {
        let roles: String = block_on(|| {
            let sql = self.lab.named(&self.named(
                "SELECT coalesce(string_agg(to_jsonb(a)::text, E'\\n' ORDER BY a.rolname), '')
                     || coalesce((SELECT string_agg(m::text, E'\\n' ORDER BY m.oid)
                                    FROM (SELECT m.roleid AS oid, m.member, m.admin_option
                                            FROM pg_auth_members m
                                            JOIN pg_authid r ON r.oid = m.member
                                           WHERE r.rolname IN ('{app}', '{owner}', '{auditor}')) m), '')
                   FROM pg_authid a
                  WHERE a.rolname IN ('{app}', '{owner}', '{other}', '{auditor}', '{mallory}')",
            ));
            async move { self.lab.db.scalar::<String>(&sql).await }
        });
        let marks = std::fs::read_dir(self.marks.path()).expect("the folder of marks");
        let marks: Vec<_> = marks.map(|one| one.expect("a mark").file_name()).collect();
        format!("{roles}\n{marks:?}\n{}", dump(&self.lab))
    }

    /// Whether its code has run with a superuser's rights.
    pub fn is_sprung(&self) -> bool {
        let mut marks = std::fs::read_dir(self.marks.path()).expect("the folder of marks");
        marks.next().is_some()
    }
}

impl Reports {
    pub fn of(&self, who: Who, full: bool) -> &Report {
        &self.0[&(who, full)]
    }

    /// The superuser left the object alone, told so with the remedy, and took nothing of it for a
    /// pass.
    #[track_caller]
    pub fn assert_left_alone(&self, object: &str) {
        for full in [false, true] {
            let report = self.of(Who::Superuser, full);
            assert_told(report, object);
            let passed = attempts(report, object).find(|(_, verdict)| is_pass(verdict));
            assert!(passed.is_none(), "{object}, full: {full}: {passed:?}");
        }
    }

    /// The same of the changes that are tried with `--probe full`.
    #[track_caller]
    pub fn assert_not_changed(&self, object: &str) {
        let report = self.of(Who::Superuser, true);
        assert_told(report, object);
        let mut changes = attempts(report, object)
            .filter(|(operation, _)| !matches!(operation, Operation::Own | Operation::Select));
        let passed = changes.find(|(_, verdict)| is_pass(verdict));
        assert!(passed.is_none(), "{object}: {passed:?}");
    }

    /// The object is attacked as ever.
    #[track_caller]
    pub fn assert_attacked(&self, who: Who, object: &str) {
        let report = self.of(who, false);
        let mut all = attempts(report, object);
        let blocked = all.any(|(_, verdict)| matches!(verdict, Verdict::Blocked(_)));
        assert!(blocked, "{who:?} {object}: {:#?}", report.skipped);
    }
}

fn attempts<'r>(
    report: &'r Report,
    object: &str,
) -> impl Iterator<Item = (Operation, &'r Verdict)> {
    let of_object = report.matrix.iter().filter(move |one| one.object == object);
    of_object.map(|one| (one.operation, &one.verdict))
}

/// Denials by grants are known without running anything.
fn is_pass(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Allowed => true,
        Verdict::Blocked(why) => !why.contains("may not") && !why.contains("has no privilege"),
        _ => false,
    }
}

#[track_caller]
fn assert_told(report: &Report, object: &str) {
    let told = report
        .skipped
        .iter()
        .any(|one| one.object.as_deref() == Some(object) && one.reason.contains(REMEDY));
    assert!(told, "{object}: {:#?}", report.skipped);
    assert!(report.summary.skipped > 0);
}

/// The trap bites who does not look: a READ ONLY transaction and SET ROLE keep nobody from it.
#[test]
fn the_payload_works() {
    let trap = Trap::new("");
    trap.lab.run(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE {app};
         SELECT evil(); ROLLBACK",
    );
    assert!(trap.is_sprung());
}

/// The base has nobody's code in it: everybody attacks it, and nothing gets through.
#[test]
fn what_is_not_hostile_is_attacked() {
    let trap = Trap::new("");
    let reports = trap.spring();
    for who in [Who::Superuser, Who::Auditor, Who::Both] {
        reports.assert_attacked(who, "public.notes");
    }
    let probe_role = &reports.of(Who::Both, false).database.probe_role;
    assert_eq!(*probe_role, trap.lab.named("{app}_auditor"));
}
