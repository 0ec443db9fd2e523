//! Formatted texts of policies and defaults.
//!
//! Formatting one costs the server more than reading the rest of its row, and in most schemas many
//! tables share the same few. So each text is requested once, for one row, and copied to the other
//! rows with an identical source.

use std::{collections::HashMap, rc::Rc};

use sqlx::{PgConnection, query_file};

use super::{Catalog, Column, Oid, Policy};
use crate::error::{Context, Result};

/// Adds the texts to a catalog that was read without them. Formatting a text of a `locked` table
/// would wait for the lock, so such a table only gets texts that another table shares.
pub(super) async fn fill(
    catalog: &mut Catalog,
    connection: &mut PgConnection,
    locked: &[Oid],
) -> Result<()> {
    let policies = policies(catalog, connection, locked).await?;
    let defaults = defaults(catalog, connection, locked).await?;
    let all = catalog.policies.values_mut().flatten();
    for (policy, (using, check)) in all.zip(policies) {
        policy.using_text = using;
        policy.check_text = check;
    }
    let all = catalog.columns.values_mut().flatten();
    let with_default = all.filter(|column| column.default_text.is_some());
    for (column, text) in with_default.zip(defaults) {
        column.default_text = text;
    }
    Ok(())
}

type Pair = (Option<String>, Option<String>);

async fn policies(
    catalog: &Catalog,
    connection: &mut PgConnection,
    locked: &[Oid],
) -> Result<Vec<Pair>> {
    let all: Vec<&Policy> = catalog.policies.values().flatten().collect();
    let mut trees = Trees::default();
    let examples = Examples::choose(all.iter().map(|policy| {
        let texts = [&policy.using_tree, &policy.check_tree].map(Option::as_deref);
        let asked = !locked.contains(&policy.relation);
        (trees.reading(catalog, policy.relation, texts), asked)
    }));
    let asked: Vec<Oid> = examples.asked().map(|place| all[place].oid).collect();
    let rows = query_file!(
        "src/audit/catalog/policy_texts.sql",
        &asked as _,
        locked as _
    )
    .fetch_all(connection)
    .await
    .context("could not read the policies")?;
    let rows = rows.into_iter();
    let texts: HashMap<Oid, Pair> = rows
        .map(|row| (row.oid, (row.using_text, row.check_text)))
        .collect();
    Ok(examples.give(|place| texts.get(&all[place].oid).cloned().unwrap_or_default()))
}

async fn defaults(
    catalog: &Catalog,
    connection: &mut PgConnection,
    locked: &[Oid],
) -> Result<Vec<Option<String>>> {
    let all: Vec<(&Column, &str)> = catalog
        .columns
        .values()
        .flatten()
        .filter_map(|column| Some((column, column.default_text.as_deref()?)))
        .collect();
    let mut trees = Trees::default();
    let examples = Examples::choose(all.iter().map(|(column, tree)| {
        let asked = !locked.contains(&column.relation);
        let texts = [Some(*tree), None];
        (trees.reading(catalog, column.relation, texts), asked)
    }));
    let (relations, numbers): (Vec<Oid>, Vec<i16>) = examples
        .asked()
        .map(|place| (all[place].0.relation, all[place].0.number))
        .unzip();
    let rows = query_file!(
        "src/audit/catalog/default_texts.sql",
        &relations as _,
        &numbers
    )
    .fetch_all(connection)
    .await
    .context("could not read the defaults")?;
    let rows = rows.into_iter();
    let texts: HashMap<(Oid, i16), String> = rows
        .map(|row| ((row.relation, row.number), row.text))
        .collect();
    Ok(examples.give(|place| {
        let column = all[place].0;
        texts.get(&(column.relation, column.number)).cloned()
    }))
}

/// Source of a text. Rows with the same source have the same text.
#[derive(Eq, Hash, PartialEq)]
struct Reading<'a> {
    trees: [Option<usize>; 2],
    /// The names of the columns. Trees contain only their numbers.
    columns: Vec<&'a str>,
    /// The table, if the text may name it.
    table: Option<Oid>,
}

/// Trees found so far, each analyzed once.
#[derive(Default)]
struct Trees<'a> {
    by_text: HashMap<&'a str, Rc<Tree>>,
    numbers: HashMap<String, usize>,
}

/// Properties of a tree.
struct Tree {
    /// The same for identical trees.
    number: usize,
    /// The numbers of the columns that it names.
    columns: Vec<i16>,
    /// `true` if it names its table.
    names_table: bool,
    has_sub_select: bool,
}

impl<'a> Trees<'a> {
    fn tree(&mut self, text: &'a str) -> Rc<Tree> {
        if let Some(known) = self.by_text.get(text) {
            return known.clone();
        }
        let next = self.numbers.len();
        let number = *self.numbers.entry(without_places(text)).or_insert(next);
        let tree = Rc::new(Tree::read(text, number));
        self.by_text.insert(text, tree.clone());
        tree
    }

    fn reading(
        &mut self,
        catalog: &'a Catalog,
        table: Oid,
        texts: [Option<&'a str>; 2],
    ) -> Reading<'a> {
        let relation = catalog.relations.get(&table);
        let mut columns = Vec::new();
        let mut named = false;
        let trees = texts.map(|text| {
            let text = text?;
            let tree = self.tree(text);
            named |= relation.is_none_or(|relation| tree.may_name(text, &relation.name));
            columns.extend(tree.columns.iter().map(|number| {
                let column = catalog.column(table, *number);
                column.map_or("", |column| column.name.as_str())
            }));
            Some(tree.number)
        });
        Reading {
            trees,
            columns,
            table: named.then_some(table),
        }
    }
}

impl Tree {
    fn read(text: &str, number: usize) -> Self {
        let columns: Vec<i16> = numbers_of(text, "varattno").collect();
        let has_sub_select = text.contains("{SUBLINK ");
        let from_within = numbers_of(text, "varlevelsup").any(|level| level != 0);
        Self {
            number,
            names_table: columns.contains(&0) || has_sub_select && from_within,
            columns,
            has_sub_select,
        }
    }

    /// `true` if the text may name the table that it belongs to: as a whole row, inside a subquery,
    /// or because a table of a subquery needs an alias to differ from it.
    fn may_name(&self, text: &str, table: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let clashes = || !table.bytes().all(plain) || text.contains(table);
        self.names_table || self.has_sub_select && clashes()
    }
}

/// Returns the numbers in the fields with that name.
fn numbers_of<'a>(tree: &'a str, field: &str) -> impl Iterator<Item = i16> + use<'a> {
    let field = format!(":{field} ");
    let mut rest = tree;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(&field)?;
        rest = after;
        let end = after.find([' ', '}']).unwrap_or(after.len());
        Some(after[..end].parse().unwrap_or_default())
    })
}

/// Returns a tree without source locations: they depend on the length of earlier names and do not
/// affect the text.
fn without_places(tree: &str) -> String {
    let mut kept = String::with_capacity(tree.len());
    let mut parts = tree.split(":location ");
    kept.extend(parts.next());
    for part in parts {
        kept.push_str(part.trim_start_matches(|one: char| one == '-' || one.is_ascii_digit()));
    }
    kept
}

/// For each row, the index of the row that provides its text.
struct Examples(Vec<Option<usize>>);

impl Examples {
    /// Chooses the first row that may be queried among rows with the same source.
    fn choose<'a>(rows: impl Iterator<Item = (Reading<'a>, bool)>) -> Self {
        let mut groups: HashMap<Reading<'_>, usize> = HashMap::new();
        let mut first: Vec<Option<usize>> = Vec::new();
        let of_rows = rows.enumerate().map(|(place, (reading, asked))| {
            let group = *groups.entry(reading).or_insert(first.len());
            if group == first.len() {
                first.push(None);
            }
            if asked {
                first[group].get_or_insert(place);
            }
            group
        });
        let of_rows: Vec<usize> = of_rows.collect();
        Self(of_rows.into_iter().map(|group| first[group]).collect())
    }

    fn asked(&self) -> impl Iterator<Item = usize> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(place, example)| (*example == Some(place)).then_some(place))
    }

    /// Returns the text of each row, taken from its example.
    fn give<T: Default>(&self, mut of: impl FnMut(usize) -> T) -> Vec<T> {
        let examples = self.0.iter();
        examples
            .map(|example| example.map_or_else(T::default, &mut of))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "{SUBLINK :subselect {QUERY :rtable ({RANGETBLENTRY :eref {ALIAS :aliasname members :colnames (\"org\")}}) :quals {VAR :varno 1 :varattno 2 :varlevelsup 0}}}";

    #[test]
    fn places_make_no_difference() {
        assert_eq!(
            without_places("{VAR :varattno 12 :location 40} {CONST :location -1 :constvalue 2}"),
            "{VAR :varattno 12 } {CONST  :constvalue 2}"
        );
    }

    #[test]
    fn columns_are_found_by_number() {
        let tree = "({VAR :varattno 12 :location 4} {VAR :varattno -6} {VAR :varattnosyn 3})";
        let numbers: Vec<i16> = numbers_of(tree, "varattno").collect();
        assert_eq!(numbers, [12, -6]);
    }

    #[test]
    fn a_text_that_may_name_its_table_is_its_own() {
        let may_name = |text: &str, table: &str| Tree::read(text, 0).may_name(text, table);
        assert!(!may_name("{VAR :varattno 2 :varlevelsup 0}", "notes"));
        assert!(may_name("{VAR :varattno 0 :varlevelsup 0}", "notes"));
        assert!(!may_name(SUB, "notes"));
        let from_within = SUB.replace(":varlevelsup 0", ":varlevelsup 1");
        assert!(may_name(&from_within, "notes"));
        // The table in the subquery would get an alias.
        assert!(may_name(SUB, "members"));
        assert!(may_name(SUB, "My notes"));
    }

    #[test]
    fn who_may_not_be_asked_is_given_what_another_has() {
        let reading = |tree| Reading {
            trees: [Some(tree), None],
            columns: vec!["org"],
            table: None,
        };
        let rows = [(1, false), (2, true), (1, true), (1, true), (3, false)];
        let rows = rows.map(|(tree, asked)| (reading(tree), asked));
        let examples = Examples::choose(rows.into_iter());
        assert_eq!(examples.asked().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(examples.give(|place| place + 1), [3, 2, 3, 3, 0]);
    }
}
