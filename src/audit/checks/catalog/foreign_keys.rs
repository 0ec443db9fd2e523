//! Foreign keys between tenant tables that do not include the tenant key. The server checks foreign
//! keys without applying row-level security (PostgreSQL manual, 5.8), so only the key itself
//! prevents a row from referring to another tenant's row.

use std::collections::BTreeSet;

use super::{
    check,
    wording::{columns_for_people, columns_for_statements, unused_name},
};
use crate::{
    audit::{
        catalog::{Constraint, Oid, Relation, RelationKind},
        findings::{Claim, Findings, Rule},
        model::{Belonging, Model},
        report::{Check, Confidence, Finding, Fix, Operation, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const WITHOUT_KEY: Rule = Rule {
    check: check(
        "fk-without-tenant-key",
        (Severity::Medium, Confidence::High),
        "a foreign key lets a row refer to another tenant's row",
        include_str!("../../../../docs/audit/fk-without-tenant-key.md"),
    ),
    run: without_key,
};

fn without_key(model: &Model, check: &Check, findings: &mut Findings) {
    for relation in model.tenant_tables() {
        for constraint in model.catalog.foreign_keys(relation.oid) {
            let Some(edge) = Edge::of(model, relation, constraint) else {
                continue;
            };
            let name = relation.display();
            let columns = columns_for_people(model, relation.oid, &constraint.columns);
            let message = format!(
                "foreign key {} of {name} ({columns}) to {} does not include the tenant key: a \
                 row can refer to another tenant's row, and the error for a missing row reveals \
                 which rows exist",
                constraint.name,
                edge.target.display(),
            );
            let finding = Finding::new(check, &name, message, edge.fix(model))
                .part(&constraint.name)
                .fact(&constraint.definition);
            let claim = Claim {
                operations: &[Operation::Reference],
                ..Claim::reads(relation.oid)
            };
            findings.suspect(finding, vec![claim]);
        }
    }
}

/// A foreign key between two tables with tenant keys that does not include them.
struct Edge<'m> {
    relation: &'m Relation,
    key: i16,
    target: &'m Relation,
    target_key: i16,
    constraint: &'m Constraint,
}

impl<'m> Edge<'m> {
    fn of(model: &'m Model, relation: &'m Relation, constraint: &'m Constraint) -> Option<Self> {
        let keyed = |oid| match *model.tenancy.of(oid) {
            Belonging::Keyed(key) => Some(key),
            _ => None,
        };
        let edge = Self {
            relation,
            key: keyed(relation.oid)?,
            target: model.catalog.relations.get(&constraint.target)?,
            target_key: keyed(constraint.target)?,
            constraint,
        };
        // Another foreign key may cover the same columns together with the tenant key.
        let mut others = model.catalog.foreign_keys(relation.oid);
        let carried = others.any(|other| edge.is_carried_by(other));
        (!constraint.inherited && !carried).then_some(edge)
    }

    fn is_carried_by(&self, other: &Constraint) -> bool {
        let pairs: BTreeSet<(i16, i16)> = other.pairs().collect();
        other.target == self.constraint.target
            && pairs.contains(&(self.key, self.target_key))
            && self.constraint.pairs().all(|pair| pairs.contains(&pair))
    }

    /// Adds a unique key on the target that begins with the tenant key and a foreign key over both,
    /// and drops the old foreign key.
    fn fix(&self, model: &Model) -> Fix {
        let (name, target) = (self.relation.display(), self.target.display());
        let summary = format!(
            "include the tenant key in {} of {name} to {target}",
            self.constraint.name
        );
        let Some(clauses) = Clauses::of(self.constraint) else {
            return Fix::advice(Phase::References, summary);
        };
        let unique = self.unique_key(model);
        // On a partitioned target, a unique key must also include the partition key.
        let surely = unique.is_empty() || self.target.kind != RelationKind::Partitioned;
        let same_type = self.key_type(model, self.relation.oid, self.key)
            == self.key_type(model, self.target.oid, self.target_key);
        let mut sql = unique;
        sql.extend(self.foreign_key(model, &clauses));
        if surely && same_type {
            Fix::mechanical(Phase::References, summary, sql)
        } else {
            Fix::proposal(Phase::References, summary, sql)
        }
    }

    fn key_type(&self, model: &Model, relation: Oid, key: i16) -> Option<Oid> {
        model
            .catalog
            .column(relation, key)
            .map(|column| column.base_type)
    }

    /// Returns the statement that creates the unique key for the new foreign key, empty if it
    /// exists. Several foreign keys may need the same one, so it is created with IF NOT EXISTS.
    fn unique_key(&self, model: &Model) -> Vec<String> {
        let mut columns = vec![self.target_key];
        columns.extend(&self.constraint.target_columns);
        let wanted: BTreeSet<i16> = columns.iter().copied().collect();
        let mut indexes = model.catalog.indexes_of(self.target.oid).iter();
        let exists = indexes.any(|index| {
            let usable = index.unique && index.valid && !index.partial && !index.exclusion;
            usable && index.keys.iter().copied().collect::<BTreeSet<_>>() == wanted
        });
        if exists {
            return Vec::new();
        }
        let middle = columns_for_people(model, self.target.oid, &columns).replace(", ", "_");
        vec![format!(
            "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} ({})",
            identifier(&unused_name(
                &model.catalog,
                self.target.oid,
                &middle,
                "key"
            )),
            self.target.quoted(),
            columns_for_statements(&model.catalog, self.target.oid, &columns)
        )]
    }

    fn foreign_key(&self, model: &Model, clauses: &Clauses) -> Vec<String> {
        let catalog = &model.catalog;
        let table = self.relation.quoted();
        let own = columns_for_statements(catalog, self.relation.oid, &self.constraint.columns);
        let theirs =
            columns_for_statements(catalog, self.target.oid, &self.constraint.target_columns);
        let middle = columns_for_people(model, self.relation.oid, &self.constraint.columns);
        let middle = format!("tenant_{}", middle.replace(", ", "_"));
        let name = identifier(&unused_name(catalog, self.relation.oid, &middle, "fkey"));
        let add = format!(
            "ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({}, {own}) REFERENCES {} ({}, {theirs}){}",
            identifier(model.column_name(self.relation.oid, self.key)),
            self.target.quoted(),
            identifier(model.column_name(self.target.oid, self.target_key)),
            clauses.render(&own)
        );
        // Partitioned tables do not support NOT VALID foreign keys before PostgreSQL 18.
        let mut sql = if self.relation.kind == RelationKind::Partitioned {
            vec![add]
        } else {
            vec![
                format!("{add} NOT VALID"),
                format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name}"),
            ]
        };
        // A foreign key with a NULL tenant key is not checked, so the old one is kept.
        let required = catalog
            .column(self.relation.oid, self.key)
            .is_some_and(|column| column.not_null);
        if required {
            let old = identifier(&self.constraint.name);
            sql.push(format!("ALTER TABLE {table} DROP CONSTRAINT {old}"));
        }
        sql
    }
}

/// Actions and deferrability of a foreign key.
struct Clauses {
    on_update: &'static str,
    /// Action code from `pg_constraint.confdeltype`.
    on_delete: String,
    deferrable: &'static str,
}

impl Clauses {
    /// Returns `None` if a clause cannot be applied to more columns unchanged.
    fn of(constraint: &Constraint) -> Option<Self> {
        let text = after_columns(&constraint.definition)?;
        let full = text.contains("MATCH FULL") && constraint.columns.len() > 1;
        if full || text.contains("ON UPDATE SET") {
            return None;
        }
        let on_update = if text.contains("ON UPDATE CASCADE") {
            " ON UPDATE CASCADE"
        } else if text.contains("ON UPDATE RESTRICT") {
            " ON UPDATE RESTRICT"
        } else {
            ""
        };
        let deferrable = if text.contains("INITIALLY DEFERRED") {
            " DEFERRABLE INITIALLY DEFERRED"
        } else if constraint.deferrable {
            " DEFERRABLE"
        } else {
            ""
        };
        Some(Self {
            on_update,
            on_delete: constraint.on_delete.clone(),
            deferrable,
        })
    }

    /// Renders the clauses. SET NULL and SET DEFAULT name the old columns so that they do not
    /// change the tenant key (PostgreSQL 15 and later).
    fn render(&self, own_columns: &str) -> String {
        let on_delete = match self.on_delete.as_str() {
            "c" => " ON DELETE CASCADE".to_owned(),
            "r" => " ON DELETE RESTRICT".to_owned(),
            "n" => format!(" ON DELETE SET NULL ({own_columns})"),
            "d" => format!(" ON DELETE SET DEFAULT ({own_columns})"),
            _ => String::new(),
        };
        format!("{}{on_delete}{}", self.on_update, self.deferrable)
    }
}

/// Returns the text after `FOREIGN KEY (…) REFERENCES table(…)`. Parentheses inside quoted names
/// are ignored.
fn after_columns(definition: &str) -> Option<&str> {
    let mut quoted = false;
    let mut closed = 0;
    for (at, character) in definition.char_indices() {
        match character {
            '"' => quoted = !quoted,
            ')' if !quoted => closed += 1,
            _ => {}
        }
        if closed == 2 {
            return Some(&definition[at + 1..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::catalog::ConstraintKind;

    fn constraint(definition: &str, on_delete: &str) -> Constraint {
        Constraint {
            oid: Oid(1),
            name: "f".to_owned(),
            relation: Oid(2),
            kind: ConstraintKind::Foreign,
            columns: vec![3],
            target: Oid(4),
            target_columns: vec![1],
            index: Oid(5),
            validated: true,
            on_delete: on_delete.to_owned(),
            deferrable: definition.contains("DEFERRABLE"),
            inherited: false,
            definition: definition.to_owned(),
        }
    }

    fn carried_over(definition: &str, on_delete: &str) -> Option<String> {
        let clauses = Clauses::of(&constraint(definition, on_delete))?;
        Some(clauses.render("\"a\""))
    }

    #[test]
    fn clauses_are_carried_over() {
        let plain = "FOREIGN KEY (a) REFERENCES public.t(id)";
        assert_eq!(carried_over(plain, "a").as_deref(), Some(""));
        let null = format!("{plain} ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED");
        let expected = " ON DELETE SET NULL (\"a\") DEFERRABLE INITIALLY DEFERRED";
        assert_eq!(carried_over(&null, "n").as_deref(), Some(expected));
        let quoted =
            "FOREIGN KEY (\"a)\") REFERENCES public.t(id) ON UPDATE CASCADE ON DELETE CASCADE";
        let expected = " ON UPDATE CASCADE ON DELETE CASCADE";
        assert_eq!(carried_over(quoted, "c").as_deref(), Some(expected));
        assert_eq!(
            carried_over(&format!("{plain} ON UPDATE SET NULL"), "a"),
            None
        );
    }
}
