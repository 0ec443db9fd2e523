//! Every statement of ours that touches a tenant table names the organization itself: row-level
//! security is the second line, not the first. The statements come from `.sqlx/`, where the
//! compiler put them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sqlx::Row;
use tenantctl::{
    audit::queries::{Statement, TenantKey, TenantTable, TenantTables, check, source::from_path},
    db::purge,
};

use crate::common::{TestDb, block_on};

/// Statements that cross tenants on purpose, each with the reason. They take a `PlatformConn`.
const ACROSS_TENANTS: &[(&str, &str)] = &[
    (
        "FROM organizations o WHERE",
        "the operator lists organizations",
    ),
    (
        "SELECT slug FROM organizations WHERE starts_with",
        "completion of a slug",
    ),
    (
        "FROM invitation_lookups WHERE email_hash = $1",
        "sign-up looks for invitations of an address",
    ),
    (
        "SELECT o.id FROM user_organizations u",
        "the organizations of one user",
    ),
    (
        "SELECT EXISTS (SELECT FROM user_organizations u",
        "whether a user is in any organization",
    ),
    (
        "(SELECT count(*) FROM user_organizations m",
        "how many organizations a user has",
    ),
    (
        "UNION ALL (SELECT organization_id FROM webhook_jobs",
        "a worker looks for the organization whose turn it is",
    ),
    (
        "SELECT count(*) AS \"count!\", min(run_at) AS since FROM webhook_jobs",
        "the length of the queue",
    ),
    (
        "SELECT i.kind, i.value, i.organization_id FROM channel_identities i",
        "whose an agent or a number is",
    ),
    (
        "FROM channel_identities UNION ALL",
        "the operator sees the claims of all organizations",
    ),
    (
        "FROM channel_claims c JOIN organizations o ON o.id = c.organization_id AND o.status",
        "how many claims wait",
    ),
    (
        "SELECT organization_id FROM organization_slugs WHERE slug = $1",
        "the public API finds an organization by its slug",
    ),
    (
        "WITH RECURSIVE oldest AS",
        "a worker looks for the organization whose turn it is",
    ),
    (
        "UPDATE outbox_jobs SET run_at = $2",
        "the operator sends what waits",
    ),
    (
        "SELECT count(*) AS \"messages!\", min(run_at) AS next_at FROM outbox_jobs",
        "the operator sees what waits",
    ),
];

/// The tables with `organization_id`, as the migrations make them, and the organizations. That a
/// user has organizations is left out: a statement that names only the user needs an exemption.
fn tables() -> TenantTables {
    let columns = columns();
    let table = |name: &str, key: TenantKey| TenantTable {
        schema: "public".to_owned(),
        name: name.to_owned(),
        key,
        columns: columns.get(name).cloned().expect("a table of our schema"),
        key_has_default: false,
        references: Vec::new(),
        identity: Vec::new(),
    };
    let keyed = purge::TABLES
        .iter()
        .copied()
        .chain(["effective_channel_configurations"])
        .map(|name| table(name, TenantKey::Column("organization_id".to_owned())));
    let root = TenantKey::Root {
        column: "id".to_owned(),
        alternates: vec![vec!["slug".to_owned()]],
    };
    let root = table("organizations", root);
    TenantTables::new(keyed.chain([root]), ["public".to_owned()])
}

/// The columns of each table and view.
fn columns() -> BTreeMap<String, Vec<String>> {
    let rows = block_on(|| async {
        sqlx::query(
            "SELECT table_name::text, array_agg(column_name::text ORDER BY ordinal_position)
               FROM information_schema.columns
              WHERE table_schema = 'public'
              GROUP BY table_name",
        )
        .fetch_all(&mut TestDb::new().raw().await)
        .await
        .expect("columns")
    });
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn statement(sql: &str) -> Statement {
    Statement {
        sql: sql.to_owned(),
        location: None,
        calls: None,
        label: "statement".to_owned(),
    }
}

/// The statements in files below `src/audit`, which name no relation outside of `pg_catalog`.
fn statements_of_the_audit() -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "sql") {
                let text = std::fs::read_to_string(&path).expect("text");
                texts.insert(text.trim().to_owned());
            }
        }
    }
    for text in &texts {
        let named = common_table_expressions(text);
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect();
        let code = code.join("\n");
        let mut words = code.split_whitespace();
        while let Some(word) = words.next() {
            let relation = match word {
                "FROM" | "JOIN" => words.next().unwrap_or_default(),
                _ => continue,
            };
            let own = relation.starts_with("pg_catalog.")
                || relation.starts_with('(')
                || ["FROM", "LATERAL", "ROWS"].contains(&relation)
                || named.contains(relation.trim_end_matches([')', ',', ';']));
            assert!(own, "{relation}: {text}");
        }
    }
    assert!(texts.len() > 15);
    texts
}

/// The names that a WITH clause gives.
fn common_table_expressions(text: &str) -> BTreeSet<&str> {
    let starts = [" AS (", " AS MATERIALIZED ("];
    let found = starts.iter().flat_map(|start| text.match_indices(start));
    let names = found.filter_map(|(at, _)| {
        let before = text[..at].trim_end();
        let before = match before.strip_suffix(')') {
            Some(columns) => &columns[..columns.rfind('(')?],
            None => before,
        };
        before.split_whitespace().next_back()
    });
    names.collect()
}

#[test]
fn every_statement_on_a_tenant_table_names_the_organization() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let read = from_path(&folder).expect(".sqlx is committed");
    assert!(read.statements.len() > 50 && read.skipped.is_empty());
    // The audit reads the catalog alone, with operators that the parser does not know.
    let of_audit = statements_of_the_audit();
    let statements = read.statements.into_iter();
    let statements = statements.filter(|one| !of_audit.contains(one.sql.trim()));
    let (findings, skipped) = check(&tables(), statements);
    assert!(skipped.is_empty(), "{skipped:#?}");
    let mut used = BTreeSet::new();
    let mut offenders = Vec::new();
    for finding in &findings {
        let text = &finding.evidence.facts[0];
        match ACROSS_TENANTS.iter().find(|(part, _)| text.contains(part)) {
            Some((part, _)) => {
                used.insert(*part);
            }
            None => offenders.push(format!("{}: {text}", finding.message)),
        }
    }
    assert!(offenders.is_empty(), "{offenders:#?}");
    for (part, _) in ACROSS_TENANTS {
        assert!(
            used.contains(part),
            "exempt, but no statement has it: {part}"
        );
    }
}

#[test]
fn the_check_sees_a_statement_without_the_organization() {
    let tables = tables();
    let cases = [
        (
            "SELECT email FROM organization_members WHERE user_id = $1",
            true,
        ),
        (
            "SELECT email FROM organization_members WHERE organization_id = $1 AND user_id = $2",
            false,
        ),
        ("UPDATE activity_chains SET last_sequence = $2", true),
        (
            "DELETE FROM organization_members m USING users u WHERE m.user_id = u.id",
            true,
        ),
        (
            "INSERT INTO user_organizations (organization_id, user_id) VALUES ($1, $2)",
            false,
        ),
        ("INSERT INTO user_organizations (user_id) VALUES ($1)", true),
        (
            "SELECT 1 FROM effective_channel_configurations WHERE channel = $1",
            true,
        ),
        ("SELECT name FROM organizations WHERE status = $1", true),
        ("SELECT name FROM organizations WHERE slug = $1", false),
        ("SELECT email FROM users WHERE id = $1", false),
    ];
    for (sql, expected) in cases {
        let (findings, skipped) = check(&tables, [statement(sql)]);
        assert!(skipped.is_empty(), "{skipped:?}");
        assert_eq!(!findings.is_empty(), expected, "{sql}: {findings:#?}");
    }
}
