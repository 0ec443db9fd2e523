//! What policies mean, read from the trees that a real server keeps of them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tenantctl::audit::expression::{
    Confinement, Expr, Facts, Frame, FunctionFacts, SessionSource, Unset, Volatility, Why, body,
    confinement, expression, functions, reads_user_metadata, relations, row_columns,
    session_sources, settings_read,
};

use crate::common::TestDb;

const SCHEMA: &str = include_str!("audit_expression.sql");

/// Correct policies: each confines the rows of its table.
const CONFINED: &[(&str, &str)] = &[
    (
        "notes",
        "organization_id = current_setting('app.org')::uuid",
    ),
    (
        "notes",
        "current_setting('app.org', true)::uuid = organization_id",
    ),
    (
        "notes",
        "organization_id::text = current_setting('app.org', true)",
    ),
    (
        "notes",
        "organization_id = nullif(current_setting('app.org', true), '')::uuid",
    ),
    (
        "notes",
        "organization_id = coalesce(current_setting('app.org', true), '')::uuid",
    ),
    (
        "notes",
        "organization_id = (SELECT current_setting('app.org', true)::uuid)",
    ),
    ("notes", "organization_id = app_org()"),
    ("notes", "organization_id = app_org_atomic()"),
    ("notes", "organization_id = app_org_text()"),
    ("notes", "organization_id = app_org_plpgsql()"),
    ("notes", "organization_id = (SELECT app_org_text())"),
    ("notes", "is_mine(organization_id)"),
    ("notes", "is_mine_plpgsql(organization_id)"),
    ("notes", "has_access(organization_id)"),
    ("notes", "(SELECT has_access(organization_id))"),
    ("notes", "organization_id IN (SELECT my_orgs())"),
    ("notes", "organization_id IN (SELECT o FROM my_orgs() o)"),
    ("notes", "organization_id = ANY (my_org_array())"),
    (
        "notes",
        "organization_id = ANY (string_to_array(current_setting('app.orgs'), ',')::uuid[])",
    ),
    ("notes", "organization_id IN (app_org(), app_org_text())"),
    (
        "notes",
        "organization_id = ((current_setting('request.jwt.claims', true)::json) ->> 'org_id')::uuid",
    ),
    (
        "notes",
        "organization_id = (auth.jwt() -> 'app_metadata' ->> 'org_id')::uuid",
    ),
    (
        "notes",
        "organization_id = (auth.jwt() #>> '{app_metadata,org_id}')::uuid",
    ),
    (
        "notes",
        "organization_id IN (SELECT m.organization_id FROM memberships m WHERE m.user_id = auth.uid())",
    ),
    (
        "notes",
        "organization_id IN (SELECT m.organization_id FROM memberships m WHERE m.user_id = (SELECT auth.uid()))",
    ),
    (
        "notes",
        "organization_id = ANY (ARRAY(SELECT organization_id FROM memberships WHERE user_id = auth.uid()))",
    ),
    (
        "notes",
        "organization_id = (SELECT m.organization_id FROM memberships m WHERE m.user_id = auth.uid() LIMIT 1)",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m WHERE m.organization_id = notes.organization_id AND m.user_id = auth.uid())",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m WHERE m.organization_id = notes.organization_id AND m.user_id = auth.uid() AND m.role IN ('owner', 'admin'))",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE o.id = notes.organization_id AND m.user_id = auth.uid())",
    ),
    (
        "notes",
        "organization_id IN (WITH mine AS (SELECT organization_id FROM memberships WHERE user_id = auth.uid()) SELECT organization_id FROM mine)",
    ),
    (
        "notes",
        "organization_id IN (SELECT q.organization_id FROM (SELECT DISTINCT organization_id FROM memberships WHERE user_id = auth.uid()) q)",
    ),
    (
        "notes",
        "organization_id IN (SELECT organization_id FROM memberships WHERE user_id = auth.uid() UNION SELECT id FROM organizations WHERE owner_id = auth.uid())",
    ),
    (
        "notes",
        "auth.uid() IN (SELECT m.user_id FROM memberships m WHERE m.organization_id = notes.organization_id)",
    ),
    (
        "notes",
        "(organization_id, 'owner') IN (SELECT m.organization_id, m.role FROM memberships m WHERE m.user_id = auth.uid())",
    ),
    ("notes", "organization_id = app_org() AND is_public"),
    (
        "notes",
        "is_public AND (organization_id = app_org() OR organization_id = app_org_text())",
    ),
    (
        "notes",
        "organization_id = app_org() AND (is_public OR author = auth.uid())",
    ),
    ("notes", "(organization_id = app_org()) IS TRUE"),
    ("notes", "coalesce(organization_id = app_org(), false)"),
    ("notes", "NOT (organization_id IS DISTINCT FROM app_org())"),
    (
        "notes",
        "CASE WHEN is_public THEN organization_id = app_org() ELSE false END",
    ),
    (
        "notes",
        "CASE WHEN is_public THEN organization_id = app_org() ELSE organization_id = app_org_text() END",
    ),
    ("notes", "false OR organization_id = app_org()"),
    ("notes", "folder_id IN (SELECT id FROM folders)"),
    (
        "notes",
        "EXISTS (SELECT 1 FROM projects p WHERE p.id = notes.project_id AND p.organization_id = app_org())",
    ),
    (
        "comments",
        "EXISTS (SELECT 1 FROM notes n WHERE n.id = comments.note_id)",
    ),
    (
        "comments",
        "EXISTS (SELECT 1 FROM notes n JOIN memberships m USING (organization_id) WHERE n.id = note_id AND m.user_id = auth.uid())",
    ),
    (
        "comments",
        "note_id IN (SELECT id FROM notes WHERE organization_id = app_org())",
    ),
    (
        "comments",
        "note_id IN (SELECT n.id FROM notes n WHERE n.project_id IN (SELECT p.id FROM projects p WHERE p.organization_id = app_org()))",
    ),
    (
        "invoices",
        "tenant_id = current_setting('app.tenant')::bigint",
    ),
    (
        "invoices",
        "tenant_id = current_setting('app.tenant', true)::int",
    ),
    ("slugs", "tenant = current_setting('app.slug', true)"),
    ("slugs", "tenant = current_user"),
    ("slugs", "tenant = session_user::text"),
    ("organizations", "id = app_org()"),
    (
        "organizations",
        "id IN (SELECT organization_id FROM memberships WHERE user_id = auth.uid())",
    ),
    ("memberships", "user_id = auth.uid()"),
    (
        "notes",
        "organization_id IN (SELECT organization_id FROM memberships WHERE user_id = auth.uid() GROUP BY organization_id HAVING count(*) > 0)",
    ),
    (
        "notes",
        "organization_id IN (SELECT m.organization_id FROM memberships m WHERE m.login = current_user)",
    ),
];

/// Broken policies, and what is wrong with each.
const OPEN: &[(&str, &str, &str)] = &[
    ("notes", "true", "always true"),
    (
        "notes",
        "organization_id <> app_org()",
        "loose comparison organization_id",
    ),
    ("notes", "1 = 1", "always true"),
    ("notes", "NOT false", "always true"),
    (
        "notes",
        "true OR organization_id = app_org()",
        "always true",
    ),
    ("notes", "organization_id IS NOT NULL", "always true"),
    ("notes", "is_public", "ignores is_public"),
    ("notes", "auth.uid() IS NOT NULL", "ignores"),
    ("notes", "auth.role() = 'authenticated'", "ignores"),
    ("notes", "code = 'a' AND number > 3", "ignores code number"),
    (
        "notes",
        "organization_id = app_org() OR is_public",
        "arm 1: ignores is_public",
    ),
    (
        "notes",
        "is_public OR organization_id = app_org()",
        "arm 0: ignores is_public",
    ),
    (
        "notes",
        "organization_id = app_org() OR auth.uid() IS NOT NULL",
        "arm 1: ignores",
    ),
    (
        "notes",
        "CASE WHEN is_public THEN true ELSE organization_id = app_org() END",
        "arm 0: ignores is_public",
    ),
    ("notes", "other = app_org()", "wrong column other"),
    (
        "notes",
        "project_id = current_setting('app.org', true)::uuid",
        "wrong column project_id",
    ),
    (
        "notes",
        "organization_id = organization_id",
        "self comparison notes.organization_id",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = auth.uid() AND m.organization_id = organization_id)",
        "self comparison memberships.organization_id",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM projects WHERE organization_id = app_org() AND id = id)",
        "self comparison projects.id",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = auth.uid())",
        "uncorrelated memberships",
    ),
    (
        "notes",
        "auth.uid() IN (SELECT user_id FROM memberships)",
        "uncorrelated memberships",
    ),
    (
        "notes",
        "(SELECT count(*) FROM memberships WHERE user_id = auth.uid()) > 0",
        "uncorrelated memberships",
    ),
    (
        "notes",
        "organization_id = app_org() OR organization_id IS NULL",
        "null escape organization_id",
    ),
    (
        "notes",
        "organization_id = app_org() OR NOT (organization_id IS NOT NULL)",
        "null escape organization_id",
    ),
    (
        "notes",
        "organization_id = app_org() OR app_org() IS NULL",
        "open when missing",
    ),
    (
        "notes",
        "organization_id = app_org_text() OR app_org_text() IS NULL",
        "open when missing",
    ),
    (
        "notes",
        "current_setting('app.org', true) IS NULL OR organization_id = app_org()",
        "open when missing",
    ),
    (
        "notes",
        "current_setting('app.org', true) = '' OR organization_id = app_org()",
        "open when empty",
    ),
    (
        "notes",
        "coalesce(current_setting('app.org', true), '') = '' OR organization_id = app_org()",
        "open when missing",
    ),
    (
        "notes",
        "organization_id = coalesce(app_org(), organization_id)",
        "open when missing",
    ),
    (
        "notes",
        "organization_id = coalesce(nullif(current_setting('app.org', true), '')::uuid, organization_id)",
        "open when missing",
    ),
    (
        "notes",
        "coalesce(organization_id = app_org(), true)",
        "open when missing",
    ),
    (
        "notes",
        "(organization_id = app_org()) IS NOT FALSE",
        "open when missing",
    ),
    (
        "notes",
        "NOT (app_org() IS NOT NULL AND organization_id <> app_org())",
        "open when missing",
    ),
    (
        "notes",
        "CASE WHEN app_org() IS NULL THEN true ELSE organization_id = app_org() END",
        "open when missing",
    ),
    (
        "notes",
        "CASE WHEN current_setting('app.org', true) <> '' THEN organization_id = app_org() ELSE true END",
        "open when missing",
    ),
    (
        "notes",
        "organization_id = app_org() OR EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = auth.uid() AND m.role = 'admin')",
        "arm 1: uncorrelated memberships",
    ),
    (
        "notes",
        "organization_id = app_org() OR is_mine(other)",
        "arm 1: wrong column other",
    ),
    ("comments", "true", "always true"),
    (
        "notes",
        "EXISTS (SELECT count(*) FROM memberships m WHERE m.organization_id = notes.organization_id AND m.user_id = auth.uid())",
        "always true",
    ),
    (
        "notes",
        "concat(current_setting('app.org', true)) IS NULL OR organization_id = app_org()",
        "arm 0: ignores",
    ),
    (
        "slugs",
        "tenant = current_setting('app.slug', true) OR current_setting('app.slug', true) = ''",
        "open when empty",
    ),
];

/// What cannot be told has to be said so: neither a pass nor an alarm.
const UNKNOWN: &[(&str, &str)] = &[
    (
        "notes",
        "organization_id = '00000000-0000-0000-0000-000000000001'",
    ),
    ("notes", "opaque(organization_id)"),
    ("notes", "author = auth.uid()"),
    (
        "notes",
        "EXISTS (SELECT 1 FROM projects p WHERE p.id = notes.project_id)",
    ),
    (
        "notes",
        "organization_id IN (SELECT organization_id FROM memberships)",
    ),
    (
        "notes",
        "organization_id = (SELECT max(organization_id::text) FROM memberships)::uuid",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM projects p LEFT JOIN memberships m ON m.organization_id = p.organization_id AND m.user_id = auth.uid() WHERE p.id = notes.project_id)",
    ),
    (
        "notes",
        "organization_id IN (SELECT p.organization_id FROM projects p, memberships m WHERE m.user_id = auth.uid())",
    ),
    (
        "notes",
        "organization_id IN (SELECT organization_id FROM memberships WHERE user_id = auth.uid() UNION SELECT organization_id FROM projects)",
    ),
    (
        "notes",
        "EXISTS (SELECT 1 FROM memberships m WHERE m.organization_id = notes.organization_id AND m.role = current_setting('app.role'))",
    ),
    ("notes", "folder_visible(folder_id)"),
    (
        "notes",
        "EXISTS (SELECT 1 FROM projects p WHERE p.id = notes.other AND p.organization_id = app_org())",
    ),
    ("notes", "lower(code) = current_setting('app.org', true)"),
    (
        "notes",
        "folder_id IN (WITH RECURSIVE seen AS (SELECT p.id FROM projects p WHERE p.organization_id = app_org() UNION SELECT p.id FROM projects p JOIN seen s ON s.id = p.organization_id) SELECT id FROM seen)",
    ),
];

/// Nothing passes.
const CLOSED: &[(&str, &str)] = &[
    ("notes", "false"),
    ("notes", "NULL::boolean"),
    ("notes", "organization_id = app_org() AND 1 = 2"),
    ("notes", "NOT true"),
];

/// The catalog of the test's database.
struct Catalog {
    functions: BTreeMap<u32, FunctionFacts>,
    equalities: BTreeSet<u32>,
    relations: BTreeMap<u32, Relation>,
    links: Vec<(u32, Vec<i16>, u32, Vec<i16>)>,
}

struct Relation {
    name: String,
    columns: BTreeMap<i16, String>,
    protected: bool,
}

fn oid(row: &sqlx::postgres::PgRow, column: &str) -> u32 {
    row.get::<sqlx::postgres::types::Oid, _>(column).0
}

impl Catalog {
    async fn read(db: &mut PgConnection) -> Self {
        let functions = sqlx::query(
            "SELECT p.oid, proname, nspname, provolatile::text AS volatility, lanname, prosecdef,
                    prosqlbody::text AS body, prosrc
             FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
             JOIN pg_language l ON l.oid = prolang
             WHERE nspname NOT IN ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&mut *db)
        .await
        .expect("functions");
        let facts = functions.iter().map(|row| {
            let parsed = row.get::<Option<String>, _>("body");
            let facts = FunctionFacts {
                name: row.get("proname"),
                schema: row.get("nspname"),
                volatility: match row.get::<String, _>("volatility").as_str() {
                    "i" => Volatility::Immutable,
                    "s" => Volatility::Stable,
                    _ => Volatility::Volatile,
                },
                language: row.get("lanname"),
                security_definer: row.get("prosecdef"),
                body: parsed.and_then(|text| body(&text).expect("a body")),
                source_text: row.get("prosrc"),
            };
            (oid(row, "oid"), facts)
        });
        let equalities = sqlx::query(
            "SELECT amopopr FROM pg_amop JOIN pg_am a ON a.oid = amopmethod
             WHERE (amname, amopstrategy) IN (('btree', 3), ('hash', 1))",
        )
        .fetch_all(&mut *db)
        .await
        .expect("operators");
        let columns = sqlx::query(
            "SELECT c.oid, relname::text, relrowsecurity, attnum, attname::text
             FROM pg_class c JOIN pg_attribute ON attrelid = c.oid AND attnum > 0
             WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        )
        .fetch_all(&mut *db)
        .await
        .expect("columns");
        let mut relations: BTreeMap<u32, Relation> = BTreeMap::new();
        for row in &columns {
            let entry = relations
                .entry(oid(row, "oid"))
                .or_insert_with(|| Relation {
                    name: row.get("relname"),
                    columns: BTreeMap::new(),
                    protected: row.get("relrowsecurity"),
                });
            entry.columns.insert(row.get("attnum"), row.get("attname"));
        }
        let links = sqlx::query(
            "SELECT conrelid, conkey, confrelid, confkey FROM pg_constraint WHERE contype = 'f'",
        )
        .fetch_all(&mut *db)
        .await
        .expect("foreign keys");
        Self {
            functions: facts.collect(),
            equalities: equalities.iter().map(|row| oid(row, "amopopr")).collect(),
            relations,
            links: links
                .iter()
                .map(|row| {
                    let (child, parent) = (oid(row, "conrelid"), oid(row, "confrelid"));
                    (child, row.get("conkey"), parent, row.get("confkey"))
                })
                .collect(),
        }
    }

    fn relation(&self, name: &str) -> u32 {
        let found = self.relations.iter().find(|(_, one)| one.name == name);
        *found.expect("a relation").0
    }

    fn named(&self, relation: u32, wanted: impl Fn(&Relation, &str) -> bool) -> BTreeSet<i16> {
        let Some(one) = self.relations.get(&relation) else {
            return BTreeSet::new();
        };
        let columns = one.columns.iter().filter(|(_, name)| wanted(one, name));
        columns.map(|(number, _)| *number).collect()
    }

    fn column(&self, relation: u32, number: i16) -> &str {
        &self.relations[&relation].columns[&number]
    }

    fn confinement(&self, table: &str, expr: &Expr) -> Confinement {
        let table = self.relation(table);
        let key_columns = &self.tenant_columns(table) | &self.identity_columns(table);
        let frame = Frame {
            table,
            key_columns: &key_columns,
            facts: self,
        };
        confinement(expr, &frame)
    }

    /// The reason in words, with names.
    fn words(&self, table: &str, why: &Why) -> String {
        let own = self.relation(table);
        match why {
            Why::AlwaysTrue => "always true".to_owned(),
            Why::IgnoresTenantColumn { columns, .. } => {
                let names = columns.iter().map(|one| self.column(own, *one));
                let words: Vec<&str> = std::iter::once("ignores").chain(names).collect();
                words.join(" ")
            }
            Why::WrongColumn { column, .. } => {
                format!("wrong column {}", self.column(own, *column))
            }
            Why::SelfComparison { relation, column } => {
                let name = &self.relations[relation].name;
                format!("self comparison {name}.{}", self.column(*relation, *column))
            }
            Why::NullEscape { column } => format!("null escape {}", self.column(own, *column)),
            Why::OpenWhenUnset { when, sources } => {
                assert!(!sources.is_empty());
                match when {
                    Unset::Missing => "open when missing".to_owned(),
                    Unset::Empty => "open when empty".to_owned(),
                }
            }
            Why::UncorrelatedSubselect { relations, .. } => {
                let names = relations
                    .iter()
                    .map(|one| self.relations[one].name.as_str());
                format!("uncorrelated {}", names.collect::<Vec<_>>().join(" "))
            }
            Why::LooseComparison { column, .. } => {
                format!("loose comparison {}", self.column(own, *column))
            }
            Why::IgnoredArgument { function } => format!("ignored by function {function}"),
            Why::OpenArm { arm, inner } => format!("arm {arm}: {}", self.words(table, inner)),
        }
    }
}

impl Facts for Catalog {
    fn function(&self, oid: u32) -> Option<&FunctionFacts> {
        self.functions.get(&oid)
    }

    fn is_equality(&self, operator: u32) -> bool {
        self.equalities.contains(&operator)
    }

    fn tenant_columns(&self, relation: u32) -> BTreeSet<i16> {
        self.named(relation, |one, name| {
            matches!(name, "organization_id" | "tenant_id" | "tenant")
                || (one.name == "organizations" && name == "id")
        })
    }

    fn identity_columns(&self, relation: u32) -> BTreeSet<i16> {
        self.named(relation, |_, name| matches!(name, "user_id" | "owner_id"))
    }

    fn is_membership(&self, relation: u32) -> bool {
        self.relations
            .get(&relation)
            .is_some_and(|one| one.name == "memberships")
    }

    fn parent_link(&self, child: u32, columns: &[i16], parent: u32, others: &[i16]) -> bool {
        self.links.iter().any(|(from, keys, to, refers)| {
            *from == child && *to == parent && keys == columns && refers == others
        })
    }

    fn is_protected(&self, relation: u32) -> bool {
        self.relations
            .get(&relation)
            .is_some_and(|one| one.protected)
    }

    fn names_tenant(&self, source: &SessionSource) -> bool {
        matches!(source, SessionSource::Setting(name) if name.starts_with("app."))
    }
}

/// Makes the policies, and gives them back as the server keeps them.
async fn policies(db: &mut PgConnection, cases: &[(&str, &str)]) -> Vec<Expr> {
    let mut sql = String::new();
    for (at, (table, condition)) in cases.iter().enumerate() {
        sql.push_str(&format!(
            "CREATE POLICY p{at:03} ON {table} USING ({condition});\n"
        ));
    }
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *db)
        .await
        .expect("policies");
    let trees: Vec<String> =
        sqlx::query_scalar("SELECT polqual::text FROM pg_policy ORDER BY polname")
            .fetch_all(&mut *db)
            .await
            .expect("trees");
    assert_eq!(trees.len(), cases.len());
    trees
        .iter()
        .map(|tree| expression(tree).expect("an expression"))
        .collect()
}

/// A database with the tables, and these policies on them.
async fn database(cases: &[(&str, &str)]) -> (Catalog, Vec<Expr>) {
    let database = TestDb::empty();
    let mut db = database.raw().await;
    sqlx::raw_sql(SCHEMA)
        .execute(&mut db)
        .await
        .expect("the schema");
    let exprs = policies(&mut db, cases).await;
    (Catalog::read(&mut db).await, exprs)
}

/// Fails with all cases that came out differently.
async fn expect(cases: &[(&str, &str)], expected: impl Fn(&Catalog, usize, &Confinement) -> bool) {
    let (catalog, exprs) = database(cases).await;
    let mut wrong = Vec::new();
    for (at, ((table, condition), expr)) in cases.iter().zip(&exprs).enumerate() {
        let found = catalog.confinement(table, expr);
        if !expected(&catalog, at, &found) {
            let words = match &found {
                Confinement::Open(why) => catalog.words(table, why),
                other => format!("{other:?}"),
            };
            wrong.push(format!("{table}: {condition}\n    {words}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn correct_policies_are_confined() {
    expect(CONFINED, |_, _, found| {
        matches!(found, Confinement::Confined(_))
    })
    .await;
}

#[tokio::test]
async fn broken_policies_are_open_for_their_own_reason() {
    let cases: Vec<_> = OPEN.iter().map(|(table, sql, _)| (*table, *sql)).collect();
    expect(&cases, |catalog, at, found| {
        let (table, _, why) = OPEN[at];
        matches!(found, Confinement::Open(open) if catalog.words(table, open) == why)
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_told_is_neither_a_pass_nor_an_alarm() {
    expect(UNKNOWN, |_, _, found| {
        matches!(found, Confinement::Unknown(_))
    })
    .await;
}

#[tokio::test]
async fn what_is_never_true_is_closed() {
    expect(CLOSED, |_, _, found| *found == Confinement::Closed).await;
}

#[tokio::test]
async fn names_are_resolved_as_the_server_resolved_them() {
    let (catalog, exprs) = database(&[
        (
            "notes",
            "EXISTS (SELECT 1 FROM projects p WHERE p.id = project_id AND p.organization_id = app_org())
             AND lower(code) = 'x'",
        ),
        (
            "notes",
            "organization_id::text = auth.jwt() -> 'user_metadata' ->> 'org_id' OR author = auth.uid()",
        ),
    ])
    .await;
    let notes = catalog.relation("notes");
    let columns = |expr| -> Vec<&str> {
        let found = row_columns(expr).into_iter();
        found.map(|number| catalog.column(notes, number)).collect()
    };
    assert_eq!(columns(&exprs[0]), ["project_id", "code"]);
    assert_eq!(columns(&exprs[1]), ["organization_id", "author"]);
    assert_eq!(
        relations(&exprs[0]),
        BTreeSet::from([catalog.relation("projects")])
    );
    let called: Vec<&str> = functions(&exprs[0])
        .into_iter()
        .filter_map(|oid| catalog.function(oid))
        .map(|function| function.name.as_str())
        .collect();
    assert_eq!(called, ["app_org"]);

    let known = |oid| catalog.function(oid);
    let settings = settings_read(&exprs[0], &known);
    assert_eq!(settings, BTreeSet::from(["app.org".to_owned()]));
    assert!(!reads_user_metadata(&exprs[0], &known));
    assert!(reads_user_metadata(&exprs[1], &known));
    let claim = |path: &[&str]| SessionSource::Claim {
        setting: "request.jwt.claims".to_owned(),
        path: path.iter().map(|step| (*step).to_owned()).collect(),
    };
    let sources = session_sources(&exprs[1], &known);
    assert!(
        sources.contains(&claim(&["user_metadata", "org_id"])),
        "{sources:?}"
    );
    assert!(sources.contains(&claim(&["sub"])), "{sources:?}");
}
