//! A statement about the rows of one table, built together with the list of the columns that it
//! reads, so that the required privileges are known before it runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    audit::{
        catalog::{Column, Oid},
        model::{Belonging, Model},
        spelling,
    },
    quoting::identifier,
};

/// Alias of the row that a question is about.
pub(super) const ROW: &str = "c";
/// Alias of the row that it refers to.
pub(super) const TARGET: &str = "p";

/// The columns that a statement reads, by relation.
pub(super) type Reads = BTreeMap<Oid, BTreeSet<i16>>;

/// A statement under construction.
pub(super) struct Draft<'m> {
    model: &'m Model,
    reads: Reads,
    from: String,
    conditions: Vec<String>,
}

/// A column of a row, as written in the statement.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    sql: String,
    family: Family,
    base_type: Oid,
}

/// Types that can be compared without a cast.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Number,
    Text,
    /// `citext`: its operators are not in the search path, which contains only `pg_catalog`.
    Caseless,
    Other(Oid),
}

impl<'m> Draft<'m> {
    /// Starts a statement about the rows of a relation; `None` if the relation is unknown.
    pub(super) fn new(model: &'m Model, relation: Oid) -> Option<Self> {
        let from = format!("{} {ROW}", model.catalog.relations.get(&relation)?.quoted());
        Some(Self {
            model,
            reads: Reads::new(),
            from,
            conditions: Vec::new(),
        })
    }

    /// Returns a column of the row called `alias`.
    pub(super) fn column(&mut self, relation: Oid, alias: &str, number: i16) -> Option<Operand> {
        let column = self.model.catalog.column(relation, number)?;
        self.reads.entry(relation).or_default().insert(number);
        Some(Operand {
            sql: format!("{alias}.{}", identifier(&column.name)),
            family: Family::of(column),
            base_type: column.base_type,
        })
    }

    /// Returns the condition that the pairs of columns are equal: `alias` of `relation` on one
    /// side, `there` of `target` on the other.
    pub(super) fn matches(
        &mut self,
        (relation, alias): (Oid, &str),
        (target, there): (Oid, &str),
        pairs: impl IntoIterator<Item = (i16, i16)>,
    ) -> Option<String> {
        let mut equal = Vec::new();
        for (here_number, there_number) in pairs {
            let here = self.column(relation, alias, here_number)?;
            equal.push(
                self.column(target, there, there_number)?
                    .compared("=", &here),
            );
        }
        Some(equal.join(" AND "))
    }

    /// Joins the rows that the pairs of columns refer to.
    pub(super) fn join(
        &mut self,
        here: (Oid, &str),
        there: (Oid, &str),
        pairs: impl IntoIterator<Item = (i16, i16)>,
    ) -> Option<()> {
        let table = self.model.catalog.relations.get(&there.0)?.quoted();
        let matches = self.matches(here, there, pairs)?;
        self.from
            .push_str(&format!("\n  JOIN {table} {} ON {matches}", there.1));
        Some(())
    }

    /// Adds the condition that no row of `target`, called `there`, matches the pairs of columns and
    /// `further`.
    pub(super) fn no_row(
        &mut self,
        here: (Oid, &str),
        there: (Oid, &str),
        pairs: impl IntoIterator<Item = (i16, i16)>,
        further: impl FnOnce(&mut Self) -> Option<String>,
    ) -> Option<()> {
        let table = self.model.catalog.relations.get(&there.0)?.quoted();
        let mut matches = self.matches(here, there, pairs)?;
        let further = further(self)?;
        if !further.is_empty() {
            matches = format!("{matches} AND {further}");
        }
        let condition = format!(
            "NOT EXISTS (SELECT FROM {table} {} WHERE {matches})",
            there.1
        );
        self.filter(condition);
        Some(())
    }

    /// Returns the tenant of the row called `alias`, through joins with its parents if it has no
    /// tenant key; `None` if the relation is not a tenant table.
    pub(super) fn tenant(&mut self, relation: Oid, alias: &str) -> Option<Operand> {
        match self.model.tenancy.of(relation) {
            Belonging::Root(key) | Belonging::Keyed(key) => self.column(relation, alias, *key),
            Belonging::Child(link) => {
                // `c`, its parent `cp`, and so on, so never an alias of the other side.
                let parent = format!("{alias}p");
                let pairs = link
                    .columns
                    .iter()
                    .copied()
                    .zip(link.parent_columns.iter().copied());
                self.join((relation, alias), (link.parent, &parent), pairs)?;
                self.tenant(link.parent, &parent)
            }
            Belonging::Global | Belonging::Reference => None,
        }
    }

    /// Restricts the statement to rows that meet the condition.
    pub(super) fn filter(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// Returns the text from `FROM` to the end, and the columns that it reads.
    pub(super) fn finish(self) -> (String, Reads) {
        let conditions = self.conditions.join("\n   AND ");
        (
            format!("  FROM {}\n WHERE {conditions}", self.from),
            self.reads,
        )
    }
}

impl Operand {
    /// Returns the SQL expression.
    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// Returns the SQL expression for a JSON document.
    pub(super) fn document(&self) -> String {
        spelling::document(&self.sql, self.base_type)
    }

    fn text(&self) -> String {
        spelling::text(&self.sql, self.base_type)
    }

    /// Returns the comparison with another operand, as text if the types differ.
    pub(super) fn compared(&self, operator: &str, other: &Self) -> String {
        let (one, two) = (&self.sql, &other.sql);
        let operator = spelling::operator(operator);
        if [self.family, other.family].contains(&Family::Caseless) {
            let lower = |text: String| format!("pg_catalog.lower({text})");
            let (one, two) = (lower(self.text()), lower(other.text()));
            format!("{one} {operator} {two}")
        } else if self.family == other.family {
            format!("{one} {operator} {two}")
        } else {
            format!("{} {operator} {}", self.text(), other.text())
        }
    }
}

impl Family {
    fn of(column: &Column) -> Self {
        if column.type_name == "citext" || column.type_name.ends_with(".citext") {
            return Self::Caseless;
        }
        // OIDs from pg_type.dat: int8, int2, int4, numeric; text, char(n), varchar.
        match column.base_type.0 {
            20 | 21 | 23 | 1700 => Self::Number,
            25 | 1042 | 1043 => Self::Text,
            _ => Self::Other(column.base_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(sql: &str, family: Family) -> Operand {
        Operand {
            sql: sql.to_owned(),
            family,
            base_type: Oid(25),
        }
    }

    #[test]
    fn unlike_types_are_compared_as_text() {
        let uuid = operand("a.x", Family::Other(Oid(2950)));
        let text = operand("b.y", Family::Text);
        let caseless = operand("d.z", Family::Caseless);
        assert_eq!(uuid.compared("=", &uuid), "a.x OPERATOR(pg_catalog.=) a.x");
        assert_eq!(
            uuid.compared("<>", &text),
            "a.x::pg_catalog.text OPERATOR(pg_catalog.<>) b.y::pg_catalog.text"
        );
        assert_eq!(
            text.compared("=", &caseless),
            "pg_catalog.lower(b.y::pg_catalog.text) OPERATOR(pg_catalog.=) \
             pg_catalog.lower(d.z::pg_catalog.text)"
        );
    }
}
