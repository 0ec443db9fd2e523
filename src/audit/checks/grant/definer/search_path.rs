//! Functions with a search path that their caller controls (CVE-2018-1058; PostgreSQL manual,
//! CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely", and 5.10.3 on temporary tables).

use super::{Definer, body::Reader, called, fired};
use crate::{
    audit::{
        catalog::Function,
        checks::grant::{check, schemas::revokes_of_create},
        findings::{Findings, Rule},
        model::Model,
        report::{Check, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(in crate::audit::checks::grant) const SEARCH_PATH: Rule = Rule {
    check: check(
        "definer-search-path",
        Severity::Medium,
        "a SECURITY DEFINER function uses a search path that its caller controls",
        include_str!("../../../../../docs/audit/definer-search-path.md"),
    ),
    run: search_path,
};

fn search_path(model: &Model, check: &Check, findings: &mut Findings) {
    let definers: Vec<Definer<'_>> = called(model).into_iter().chain(fired(model)).collect();
    if definers.is_empty() {
        return;
    }
    let reader = Reader::new(model);
    for definer in definers {
        let function = definer.function;
        // A parsed body has resolved names, and the lookups of compiled code are unknown.
        if function.body_tree.is_some() || matches!(function.language.as_str(), "c" | "internal") {
            continue;
        }
        let finding = match function.setting("search_path") {
            None => Some(unset(model, check, &definer)),
            Some(value) => {
                let path = schemas(value);
                let bare = reader.read(function).is_ok_and(|body| body.bare);
                creatable(model, check, &definer, &path)
                    .or_else(|| shadowed(check, function, &path).filter(|_| bare))
            }
        };
        if let Some(finding) = finding {
            findings.push(finding);
        }
    }
}

/// Returns the schemas in which a function looks up names: its search path, otherwise presumably
/// its own schema and `public`.
pub(super) fn searched(function: &Function) -> Vec<String> {
    match function.setting("search_path") {
        Some(value) => schemas(value),
        None => vec![function.schema.clone(), "public".to_owned()],
    }
}

fn unset(model: &Model, check: &Check, definer: &Definer<'_>) -> Finding {
    let function = definer.function;
    let name = function.display();
    let message = format!(
        "function {name} runs as {} with the search path of its caller, who can create a table or \
         an operator that is found before the intended one",
        model.catalog.role_name(function.owner)
    );
    let own = std::slice::from_ref(&function.schema);
    let mut statements = vec![fixing(function, own)];
    if !open_schemas(model, definer, own).is_empty() {
        statements.extend(revokes_of_create(model, &function.schema));
    }
    let summary = "set its search path: system objects first, temporary ones last";
    // Its body may use objects of another schema, which only its author knows.
    let fix = Fix::proposal(Phase::Functions, summary, statements);
    Finding::new(check, name, message, fix)
}

/// Reports a fixed search path with a schema in which the caller may create objects.
fn creatable(
    model: &Model,
    check: &Check,
    definer: &Definer<'_>,
    path: &[String],
) -> Option<Finding> {
    let open = open_schemas(model, definer, path);
    if open.is_empty() {
        return None;
    }
    let name = definer.function.display();
    let message = format!(
        "function {name} looks up names in schema {}, where {} may create objects",
        open.join(" and "),
        definer.callers()
    );
    let statements: Vec<String> = open
        .iter()
        .flat_map(|schema| revokes_of_create(model, schema))
        .collect();
    let summary = "revoke CREATE on the schema from the application, or remove the schema from \
                   the path";
    Some(Finding::new(
        check,
        name,
        message,
        Fix::proposal(Phase::Functions, summary, statements),
    ))
}

/// Reports a search path without `pg_temp`: temporary tables of the caller are then found first.
fn shadowed(check: &Check, function: &Function, path: &[String]) -> Option<Finding> {
    if path.is_empty() || path.last().is_some_and(|last| last == "pg_temp") {
        return None;
    }
    let name = function.display();
    let message = format!(
        "function {name} uses tables without their schema, and its search path does not end in \
         pg_temp: temporary tables of its caller are found first"
    );
    let fix = Fix::mechanical(
        Phase::Functions,
        "put temporary objects last in its search path",
        [fixing(function, path)],
    );
    Some(Finding::new(check, name, message, fix).severity(Severity::Low))
}

/// Returns the schemas in which a caller may create objects.
fn open_schemas<'s>(model: &Model, definer: &Definer<'_>, schemas: &'s [String]) -> Vec<&'s str> {
    let rights = &model.catalog.rights;
    let creates = |name: &&str| {
        let schema = model
            .catalog
            .schemas
            .values()
            .find(|schema| schema.name == *name);
        schema.is_some_and(|schema| {
            let mut callers = definer.callers.iter();
            callers.any(|role| rights.creates_in_schema(role.oid, schema.oid))
        })
    };
    schemas.iter().map(String::as_str).filter(creates).collect()
}

fn fixing(function: &Function, path: &[String]) -> String {
    let own = path
        .iter()
        .map(String::as_str)
        .filter(|one| !matches!(*one, "pg_catalog" | "pg_temp"));
    let schemas: Vec<String> = own.map(identifier).collect();
    let path = [
        &["pg_catalog".to_owned()][..],
        &schemas,
        &["pg_temp".to_owned()],
    ]
    .concat();
    format!(
        "ALTER ROUTINE {} SET search_path = {}",
        function.quoted(),
        path.join(", ")
    )
}

/// Splits a `search_path` as stored in the catalog: names are quoted if necessary, and `""` stands
/// for an empty path.
fn schemas(value: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(last) = found.last_mut() else { break };
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => last.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(String::new()),
            ' ' if !quoted => {}
            other => last.push(other),
        }
    }
    found.retain(|schema| !schema.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::schemas;

    #[test]
    fn a_search_path_is_taken_apart() {
        assert_eq!(
            schemas("pg_catalog, public, pg_temp"),
            ["pg_catalog", "public", "pg_temp"]
        );
        assert_eq!(schemas("\"a, b\", \"c\"\"d\""), ["a, b", "c\"d"]);
        assert!(schemas("\"\"").is_empty());
    }
}
