//! Suggested expression for a policy: the one that other policies of this database use.

use std::collections::BTreeMap;

use super::{
    effective::{Effective, Side, expression, protected, text},
    gaps::{Faulty, Gap, Mistake},
};
use crate::{
    audit::{
        catalog::{Policy, PolicyCommand, Relation},
        expression::{Confinement, Expr, How, Why, row_columns},
        model::Model,
        report::{Fix, Phase},
    },
    quoting::identifier,
};

/// Most common comparison of the tenant of the row with the session. `\0` stands for the column.
pub(super) struct Convention(Option<String>);

impl Convention {
    pub(super) fn of(effective: &Effective<'_>) -> Self {
        let model = effective.model;
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for relation in protected(model) {
            for policy in model.catalog.policies_of(relation.oid) {
                if let Some(pattern) = pattern(effective, relation, policy) {
                    *seen.entry(pattern).or_default() += 1;
                }
            }
        }
        Self(
            seen.into_iter()
                .max_by_key(|(_, count)| *count)
                .map(|(pattern, _)| pattern),
        )
    }

    /// Returns the condition for a table; `None` if no other policy provides a pattern.
    fn condition(&self, model: &Model, relation: &Relation) -> Option<String> {
        let row = identifier(&relation.name);
        let tenant = model
            .tenancy
            .tenant_of_row(&model.catalog, relation.oid, &row)?;
        Some(self.0.as_ref()?.replace('\0', &tenant))
    }
}

/// Returns the pattern of a policy that only compares the tenant of the row with the session.
fn pattern(effective: &Effective<'_>, relation: &Relation, policy: &Policy) -> Option<String> {
    let model = effective.model;
    let key = model.tenancy.key(relation.oid)?;
    let (expr, text) = (
        expression(model, policy, Side::Reached)?,
        text(policy, Side::Reached)?,
    );
    let Some(Confinement::Confined(hows)) = effective.meaning(policy, Side::Reached) else {
        return None;
    };
    let by_key = hows
        .iter()
        .all(|how| matches!(how, How::Session { column, .. } if *column == key));
    let plain = matches!(
        expr,
        Expr::Operator { .. } | Expr::AnyOf { .. } | Expr::Sub { .. }
    );
    if !by_key || !plain || !row_columns(expr).into_iter().eq([key]) {
        return None;
    }
    let name = model.column_name(relation.oid, key);
    let pattern = with_placeholder(text, name);
    // A second occurrence may be a column of the same name in another table.
    (pattern.matches('\0').count() == 1).then_some(pattern)
}

/// Replaces each unqualified occurrence of the column by `\0`, except in string constants,
/// qualified names and function calls.
fn with_placeholder(text: &str, column: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = token(rest, first);
        let (word, after) = rest.split_at(end);
        let qualified = out.ends_with('.') || after.starts_with(['.', '(']);
        if !qualified && (word == column || word == identifier(column)) {
            out.push('\0');
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out
}

/// Returns the end of the word, name or constant at the start of the text.
fn token(text: &str, first: char) -> usize {
    match first {
        '\'' | '"' => text[1..].find(first).map_or(text.len(), |end| end + 2),
        _ if is_word(first) => text.find(|letter| !is_word(letter)).unwrap_or(text.len()),
        _ => first.len_utf8(),
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

/// Returns the fix for a policy.
pub(super) fn fix(convention: &Convention, model: &Model, faulty: &Faulty<'_, '_>) -> Fix {
    let (relation, policy) = (faulty.relation, faulty.policy);
    if let Some(repeated) = repeat_using(faulty) {
        return repeated;
    }
    let Some(condition) = convention.condition(model, relation) else {
        return Fix::advice(Phase::Policies, advice(faulty.mistake));
    };
    let mut clauses = String::new();
    for gap in &faulty.gaps {
        let is_check = gap.side == Side::Written
            && (policy.check_text.is_some() || policy.command == PolicyCommand::Insert);
        let clause = match (gap.side, is_check) {
            (Side::Reached, _) => "USING",
            (Side::Written, true) => "WITH CHECK",
            // USING is the other gap and is fixed there.
            (Side::Written, false) if faulty.gaps.len() > 1 => continue,
            (Side::Written, false) => "USING",
        };
        clauses.push_str(&format!(
            " {clause} ({})",
            narrowed(policy, gap, &condition)
        ));
    }
    Fix::proposal(
        Phase::Policies,
        format!(
            "let policy {} compare the tenant as other policies do",
            policy.name
        ),
        [alter(relation, policy, &clauses)],
    )
}

/// Returns a fix for a WITH CHECK that is weaker than USING. A correct application only writes rows
/// that it can see, so repeating USING does not break it.
fn repeat_using(faulty: &Faulty<'_, '_>) -> Option<Fix> {
    let policy = faulty.policy;
    let [gap] = faulty.gaps.as_slice() else {
        return None;
    };
    let (using, check) = (policy.using_text.as_ref()?, policy.check_text.as_ref()?);
    if gap.side != Side::Written || !matches!(faulty.mistake, Mistake::WeakWrite) {
        return None;
    }
    let summary = format!(
        "let policy {} apply the condition for existing rows to new rows too",
        policy.name
    );
    let mechanical = *gap.why == Why::AlwaysTrue;
    let clause = if mechanical {
        format!(" WITH CHECK ({using})")
    } else {
        format!(" WITH CHECK (({using}) AND ({check}))")
    };
    let sql = [alter(faulty.relation, policy, &clause)];
    Some(if mechanical {
        Fix::mechanical(Phase::Policies, summary, sql)
    } else {
        Fix::proposal(Phase::Policies, summary, sql)
    })
}

/// Returns the condition on the tenant, joined with the existing condition if that restricts the
/// rows further.
fn narrowed(policy: &Policy, gap: &Gap<'_, '_>, condition: &str) -> String {
    let narrows = matches!(
        gap.why.innermost(),
        Why::IgnoresTenantColumn { .. } | Why::UncorrelatedSubselect { .. }
    );
    match text(policy, gap.side) {
        Some(asked) if narrows => format!("({condition}) AND ({asked})"),
        _ => condition.to_owned(),
    }
}

fn alter(relation: &Relation, policy: &Policy, clauses: &str) -> String {
    format!(
        "ALTER POLICY {} ON {}{clauses}",
        identifier(&policy.name),
        relation.quoted()
    )
}

fn advice(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::AlwaysTrue | Mistake::IgnoresTenant | Mistake::WeakWrite => {
            "compare the tenant of the row with the tenant of the session"
        }
        Mistake::LooseComparison => "compare the tenant of the row with =",
        Mistake::WrongColumn => "compare the column that names the tenant of the row",
        Mistake::SelfComparison => {
            "qualify the column of the policy's row with the name of the table"
        }
        Mistake::NullEscape => {
            "move shared rows to a separate table, and make the tenant's column NOT NULL"
        }
        Mistake::OpenWhenUnset => "let a session that names no tenant see no rows",
        Mistake::Uncorrelated => "correlate the subquery with the row by its tenant",
        Mistake::Undone => "drop the policy, or make it AS RESTRICTIVE so that both must be true",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_alone_is_replaced() {
        let replaced = |text| with_placeholder(text, "organization_id");
        assert_eq!(
            replaced("(organization_id = (current_setting('app.organization_id'::text))::uuid)"),
            "(\0 = (current_setting('app.organization_id'::text))::uuid)"
        );
        assert_eq!(
            replaced("(organization_id = organization_id())"),
            "(\0 = organization_id())"
        );
        assert_eq!(
            replaced("(m.organization_id = app_organization_id)"),
            "(m.organization_id = app_organization_id)"
        );
    }

    #[test]
    fn quoted_names_and_constants_are_one_token() {
        assert_eq!(
            with_placeholder("(\"Org\" = 'it''s Org')", "Org"),
            "(\0 = 'it''s Org')"
        );
        assert_eq!(with_placeholder("('ä' = key)", "key"), "('ä' = \0)");
    }
}
