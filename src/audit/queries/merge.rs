//! MERGE: ON relates the target to the source like an outer join, and each WHEN clause has its own
//! action.

use sqlparser::ast::{
    Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertKind, MergeUpdateKind,
};

use super::{
    from::alias_name,
    graph::Place,
    predicate::Facts,
    query::{Analysis, Surroundings},
    usage::Access,
};

pub(super) fn analyse(analysis: &mut Analysis<'_>, merge: &Merge, place: Surroundings<'_>) {
    let sqlparser::ast::TableFactor::Table { name, alias, .. } = &merge.table else {
        return;
    };
    let access = match merge.clauses.iter().any(deletes) {
        true => Access::Delete,
        false => Access::Update,
    };
    let start = analysis.graph.relations.len();
    let target = analysis.target(name, alias_name(alias), access, place.level);
    if !merge.clauses.iter().any(changes) {
        // Inserts only: rows of the target are compared, not changed.
        analysis.touched.retain(|(relation, _)| *relation != target);
    }
    let target_range = start..analysis.graph.relations.len();
    let mut relations = vec![target];
    analysis.factor(&merge.source, place, &mut relations, false);
    let apart = Surroundings {
        floor: usize::MAX,
        ..place
    };
    let scope = apart.scope(&relations);
    let facts = analysis.facts(&merge.on, &scope);
    let outer = Place::Outer {
        optional: target_range,
    };
    // ON does not restrict a target row that no source row matches.
    let unmatched = |clause: &MergeClause| {
        clause.clause_kind == MergeClauseKind::NotMatchedBySource && changes(clause)
    };
    if !merge.clauses.iter().any(unmatched) {
        analysis.apply(facts, &outer, &scope);
    }
    let mut common: Option<Facts> = None;
    for clause in &merge.clauses {
        let predicate = clause.predicate.as_ref();
        let facts = predicate.map(|predicate| analysis.facts(predicate, &scope));
        if changes(clause) {
            let facts = facts.unwrap_or_default();
            common = Some(match common {
                Some(before) => before.either(facts),
                None => facts,
            });
        }
        match &clause.action {
            MergeAction::Insert(insert) => {
                let values = match &insert.kind {
                    MergeInsertKind::Values(values) => values.rows.first(),
                    _ => None,
                };
                let values = values.map(|row| row.content.as_slice());
                analysis.visit_sub_selects(&insert.kind, &scope);
                analysis.merged_insert(target, &insert.columns, values);
            }
            MergeAction::Update(update) => {
                if let MergeUpdateKind::Set(assignments) = &update.kind {
                    analysis.visit_sub_selects(assignments, &scope);
                    analysis.assignments(target, assignments, Some(&merge.on));
                }
            }
            MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
        }
    }
    analysis.apply(common.unwrap_or_default(), &outer, &scope);
}

fn deletes(clause: &MergeClause) -> bool {
    matches!(clause.action, MergeAction::Delete { .. })
}

fn changes(clause: &MergeClause) -> bool {
    deletes(clause) || matches!(clause.action, MergeAction::Update(_))
}
