//! Every statement of ours that touches a tenant table names the organization itself: row-level
//! security is the second line, not the first. The statements come from `.sqlx/`, where the
//! compiler put them.

use std::{collections::BTreeSet, ops::ControlFlow, path::Path};

use sqlparser::{
    ast::{BinaryOperator, Expr, Ident, ObjectName, Statement, Visit, Visitor},
    dialect::PostgreSqlDialect,
    parser::Parser,
};

/// Statements that cross tenants on purpose, each with the reason. They take a `PlatformConn`.
const ACROSS_TENANTS: &[(&str, &str)] = &[
    (
        "FROM invitation_lookups WHERE email_hash = $1",
        "sign-up looks for invitations of an address",
    ),
    (
        "FROM user_organizations u JOIN organizations o",
        "the organizations of one user",
    ),
    (
        "FROM user_organizations m WHERE m.user_id = u.id",
        "how many organizations a user has",
    ),
    (
        "u.organization_id = o.id AND u.user_id = $3",
        "the organizations that a user may list",
    ),
];

struct Statements {
    tables: BTreeSet<String>,
    scoped: bool,
}

impl Visitor for Statements {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.tables.insert(relation.to_string());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } = expr
        {
            let column = matches!(&**left, Expr::Identifier(Ident { value, .. }) if value == "organization_id");
            let bound = matches!(&**right, Expr::Value(value) if value.to_string() == "$1");
            self.scoped |= column && bound;
        }
        ControlFlow::Continue(())
    }
}

/// The tables with `organization_id`, as the migrations make them.
fn tenant_tables() -> BTreeSet<String> {
    let mut tables: BTreeSet<String> = tenantctl::db::purge::TABLES
        .iter()
        .map(|table| (*table).to_owned())
        .collect();
    tables.insert("effective_channel_configurations".to_owned());
    tables
}

/// The first value of an INSERT is the organization's id.
fn inserts_with_organization(sql: &str) -> bool {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let sql = words.join(" ");
    ["(organization_id,", "( organization_id,"]
        .iter()
        .any(|first| sql.contains(first))
        && (sql.contains("VALUES ($1,") || sql.contains("SELECT $1,"))
}

fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    std::fs::read_dir(folder)
        .expect(".sqlx is committed")
        .map(|entry| {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
            let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            json["query"].as_str().expect("a query").to_owned()
        })
        .collect()
}

fn offends(sql: &str, tenant_tables: &BTreeSet<String>) -> bool {
    // The parser does not know this strength of lock.
    let sql = &sql.replace("FOR NO KEY UPDATE", "FOR UPDATE");
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .unwrap_or_else(|error| panic!("{error}: {sql}"));
    let mut found = Statements {
        tables: BTreeSet::new(),
        scoped: false,
    };
    let _ = parsed.visit(&mut found);
    let touches = found
        .tables
        .iter()
        .any(|table| tenant_tables.contains(table));
    let is_insert = matches!(parsed.first(), Some(Statement::Insert(_)));
    touches && !found.scoped && !(is_insert && inserts_with_organization(sql))
}

#[test]
fn every_statement_on_a_tenant_table_names_the_organization() {
    let tenant_tables = tenant_tables();
    let mut used = BTreeSet::new();
    let mut offenders = Vec::new();
    for sql in statements() {
        let folded = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let exempt = ACROSS_TENANTS
            .iter()
            .find(|(part, _)| folded.contains(part));
        match exempt {
            Some((part, _)) => {
                used.insert(*part);
            }
            None if offends(&sql, &tenant_tables) => offenders.push(folded),
            None => {}
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
    let tables = tenant_tables();
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
        (
            "INSERT INTO user_organizations (user_id, organization_id) VALUES ($1, $2)",
            true,
        ),
        ("SELECT email FROM users WHERE id = $1", false),
    ];
    for (sql, expected) in cases {
        assert_eq!(offends(sql, &tables), expected, "{sql}");
    }
}
