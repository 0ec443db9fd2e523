//! Statements and their problems.

mod findings;
mod language;
mod predicates;
mod queries;
mod tables;
mod writes;

use super::{
    ParseError, Problem, Reference, SharedTable, TableName, TenantKey, TenantTable, TenantTables,
    Use, with_room,
};

fn analyse(tables: &TenantTables, sql: &str) -> Result<Vec<Use>, ParseError> {
    with_room(|| super::analyse(tables, sql)).expect("a thread")
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn public(name: &str) -> TableName {
    ("public".to_owned(), name.to_owned())
}

fn reference(columns: &[&str], table: &str, referenced: &[&str]) -> Reference {
    Reference {
        columns: strings(columns),
        table: public(table),
        referenced: strings(referenced),
    }
}

fn table(name: &str, key: TenantKey, columns: &[&str], references: &[Reference]) -> TenantTable {
    TenantTable {
        schema: "public".to_owned(),
        name: name.to_owned(),
        key,
        columns: strings(columns),
        key_has_default: name == "drafts",
        references: references.to_vec(),
        identity: match name {
            "members" => strings(&["user_id"]),
            _ => Vec::new(),
        },
    }
}

fn shared(name: &str, columns: &[&str], unique: &[&[&str]]) -> SharedTable {
    SharedTable {
        schema: "public".to_owned(),
        name: name.to_owned(),
        columns: strings(columns),
        unique: unique.iter().map(|key| strings(key)).collect(),
    }
}

/// A root, tables with a tenant key, a child without one, and shared tables.
fn schema() -> TenantTables {
    let own = || TenantKey::Column("org_id".to_owned());
    let author = reference(&["author_id"], "members", &["id"]);
    let note = reference(&["note_id"], "notes", &["id"]);
    let root = TenantKey::Root {
        column: "id".to_owned(),
        alternates: vec![strings(&["slug"])],
    };
    TenantTables::new(
        [
            table("orgs", root, &["id", "slug", "status"], &[]),
            table(
                "members",
                own(),
                &["org_id", "id", "name", "role", "user_id"],
                &[],
            ),
            table(
                "notes",
                own(),
                &["org_id", "id", "author_id", "body", "at"],
                &[author],
            ),
            table("drafts", own(), &["id", "body", "org_id"], &[]),
            table("Odd Name", own(), &["org_id", "Id"], &[]),
            table(
                "comments",
                TenantKey::Parent(note.clone()),
                &["id", "note_id", "text"],
                &[note],
            ),
        ],
        strings(&["public"]),
    )
    .with_shared([
        shared("users", &["id", "email", "name"], &[&["id"], &["email"]]),
        shared("sessions", &["token", "org", "at"], &[&["token"]]),
        shared("plans", &["id", "org", "status"], &[&["id"]]),
        shared("keys", &["app", "number", "org"], &[&["app", "number"]]),
    ])
}

fn problems(sql: &str) -> Result<Vec<(String, Problem)>, ParseError> {
    let uses = analyse(&schema(), sql)?;
    let mut found: Vec<(String, Problem)> = uses
        .into_iter()
        .filter_map(|one| Some((one.alias, one.problem?)))
        .collect();
    found.sort();
    Ok(found)
}

#[track_caller]
fn expect(cases: &[(&str, &[(&str, Problem)])]) {
    let mut wrong = Vec::new();
    for (sql, expected) in cases {
        let expected: Vec<(String, Problem)> = expected
            .iter()
            .map(|(alias, problem)| ((*alias).to_owned(), *problem))
            .collect();
        let found = problems(sql);
        if found.as_ref() != Ok(&expected) {
            wrong.push(format!(
                "{sql}\n   expected {expected:?}\n   found    {found:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[track_caller]
fn fine(statements: &[&str]) {
    let cases: Vec<(&str, &[(&str, Problem)])> =
        statements.iter().map(|sql| (*sql, &[][..])).collect();
    expect(&cases);
}
