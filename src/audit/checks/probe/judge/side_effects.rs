//! Effects that may outlive a rollback: sequences are not reset (PostgreSQL manual, 9.17), and
//! effects of a function outside of the database persist.

use std::collections::BTreeSet;

use crate::audit::{
    catalog::{Function, Oid, Relation},
    expression::{
        self, Expr, Query, RangeEntry,
        expr::{Command, SubKind},
    },
    model::Model,
    reach::words,
};

/// Words in the source of a function that indicate effects that a rollback does not undo; those
/// that end in `_` are prefixes.
const OUTSIDE: &[&str] = &[
    "nextval",
    "setval",
    "dblink",
    "dblink_",
    "http",
    "http_",
    "copy",
    "lo_export",
    "lo_import",
    "pg_background_launch",
    "pg_file_write",
    "pg_read_file",
    "pg_logical_emit_message",
    "pg_advisory_lock",
    "aws_lambda",
];

/// Built-in functions among them, by the OIDs in parsed bodies (catalog/pg_proc.dat).
const BY_OID: &[(u32, &str)] = &[
    (1574, "nextval"),
    (1576, "setval"),
    (1765, "setval"),
    (764, "lo_import"),
    (767, "lo_import"),
    (765, "lo_export"),
    (2880, "pg_advisory_lock"),
    (2886, "pg_advisory_lock"),
    (3577, "pg_logical_emit_message"),
    (3578, "pg_logical_emit_message"),
];

/// Returns what an expression or a statement uses that a rollback does not undo, based on its text.
pub(crate) fn of_text(model: &Model, text: &str) -> Option<String> {
    let words = words(text);
    if let Some(word) = outside(&words) {
        return Some(word.to_owned());
    }
    if words.contains("insert")
        && let Some(table) = numbered(model, &words)
    {
        return Some(format!("a sequence of {table}"));
    }
    called(model, &words).find_map(|function| through(model, function))
}

/// Returns what functions use that a rollback does not undo, based on their OIDs.
pub(crate) fn of_functions(model: &Model, oids: impl IntoIterator<Item = u32>) -> Option<String> {
    oids.into_iter().find_map(|oid| {
        let own = BY_OID.iter().find(|(known, _)| *known == oid);
        own.map(|(_, name)| (*name).to_owned()).or_else(|| {
            let function = model.catalog.functions.get(&Oid(oid))?;
            through(model, function)
        })
    })
}

fn through(model: &Model, function: &Function) -> Option<String> {
    if function.of_extension {
        let name = BTreeSet::from([function.name.to_lowercase()]);
        return outside(&name).map(str::to_owned);
    }
    let what = of_function(model, function)?;
    Some(format!("{}, which uses {what}", function.display()))
}

/// `true` if a default would advance a sequence, or call a function with effects outside of the
/// transaction.
pub(crate) fn default_has_side_effects(model: &Model, default: &str) -> bool {
    of_text(model, default).is_some()
}

/// Returns what a function uses that a rollback does not undo, directly or through functions that
/// its source names.
pub(crate) fn of_function(model: &Model, function: &Function) -> Option<String> {
    let mut seen = BTreeSet::from([function.oid]);
    let mut waiting = vec![function];
    while let Some(one) = waiting.pop() {
        if !matches!(one.language.as_str(), "sql" | "plpgsql") && !one.trusted {
            return (!is_harmless(one)).then(|| format!("language {}", one.language));
        }
        if let Some(tree) = &one.body_tree {
            let parsed = parsed(model, tree);
            if parsed.what.is_some() {
                return parsed.what;
            }
            waiting.extend(
                parsed
                    .below
                    .into_iter()
                    .filter(|below| seen.insert(below.oid)),
            );
            continue;
        }
        let words = words(&one.source);
        if let Some(word) = outside(&words) {
            return Some(word.to_owned());
        }
        // Statements that are built at run time cannot be checked in advance.
        if words.contains("execute") {
            return Some("EXECUTE".to_owned());
        }
        if words.contains("insert")
            && let Some(table) = numbered(model, &words)
        {
            return Some(format!("a sequence of {table}"));
        }
        waiting.extend(called(model, &words).filter(|below| seen.insert(below.oid)));
    }
    None
}

/// Result of reading a parsed body, which is stored without its source.
struct Parsed<'m> {
    what: Option<String>,
    below: Vec<&'m Function>,
}

fn parsed<'m>(model: &'m Model, tree: &str) -> Parsed<'m> {
    let Ok(queries) = expression::queries(tree) else {
        let what = Some("a body that cannot be parsed".to_owned());
        let below = Vec::new();
        return Parsed { what, below };
    };
    let mut called = BTreeSet::new();
    let mut what = None;
    for query in queries {
        what = what.or_else(|| advanced_sequence(model, &query));
        let expr = Expr::Sub {
            kind: SubKind::Other,
            test: None,
            query: Box::new(query),
        };
        called.extend(expression::functions(&expr));
    }
    let own = BY_OID.iter().find(|(known, _)| called.contains(known));
    let functions = called.iter();
    let functions = functions.filter_map(|oid| model.catalog.functions.get(&Oid(*oid)));
    let (brought, below): (Vec<&Function>, Vec<&Function>) =
        functions.partition(|function| function.of_extension);
    let brought = brought.into_iter().find_map(|one| through(model, one));
    Parsed {
        what: what
            .or_else(|| own.map(|(_, name)| (*name).to_owned()))
            .or(brought),
        below,
    }
}

/// Returns the sequence that an insertion advances: the server adds the call when it plans the
/// statement.
fn advanced_sequence(model: &Model, query: &Query) -> Option<String> {
    let mut tables = query.tables.iter();
    let target = tables.find_map(|entry| match entry {
        RangeEntry::Relation { oid, .. } => model.catalog.relations.get(&Oid(*oid)),
        _ => None,
    });
    let inserted = target.filter(|_| query.command == Command::Insert);
    let numbered = inserted.filter(|table| is_numbered(model, table));
    let mut below = query.ctes.iter();
    numbered
        .map(|table| format!("a sequence of {}", table.display()))
        .or_else(|| below.find_map(|cte| advanced_sequence(model, &cte.query)))
}

/// `true` for trigger functions of PostgreSQL's own modules that only change the row (manual,
/// appendix F).
fn is_harmless(function: &Function) -> bool {
    function.of_extension
        && matches!(
            function.name.as_str(),
            "moddatetime" | "insert_username" | "lo_manage"
        )
}

fn outside(words: &BTreeSet<String>) -> Option<&'static str> {
    OUTSIDE.iter().copied().find(|outside| {
        words
            .iter()
            .any(|word| word == outside || (outside.ends_with('_') && word.starts_with(outside)))
    })
}

/// Returns a table that the words name and that has a column numbered by a sequence.
fn numbered(model: &Model, words: &BTreeSet<String>) -> Option<String> {
    let mut relations = model.catalog.relations.values();
    let table = relations.find(|relation| {
        words.contains(&relation.name.to_lowercase()) && is_numbered(model, relation)
    });
    table.map(Relation::display)
}

fn is_numbered(model: &Model, relation: &Relation) -> bool {
    let mut columns = model.catalog.columns_of(relation.oid).iter();
    columns.any(|column| {
        let default = column.default_text.as_deref();
        column.identity || default.is_some_and(|text| text.contains("nextval("))
    })
}

fn called<'m>(model: &'m Model, words: &BTreeSet<String>) -> impl Iterator<Item = &'m Function> {
    let functions = words
        .iter()
        .flat_map(|word| model.catalog.functions_named(word));
    functions.filter(|function| !function.of_extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        let harmless = words("UPDATE programs SET network = 'x' WHERE copyright FOR 'x'");
        assert_eq!(outside(&harmless), None);
        assert_eq!(outside(&words("PERFORM net.http_post(url)")), Some("http_"));
        assert_eq!(
            outside(&words("NEW.number := nextval('s');")),
            Some("nextval")
        );
    }
}
