//! Function calls that a plan evaluates for each row (PostgreSQL manual, EXPLAIN and 14.1).

use std::collections::BTreeSet;

use serde_json::Value;

/// A function, by schema and name.
pub(super) type Name<'n> = (&'n str, &'n str);

/// Returns the functions in `names` that the plan calls once for each row that is read.
///
/// A filter condition is evaluated for each row. A subplan that is not hashed runs for each row,
/// including everything in it. An index condition and an InitPlan are evaluated once.
pub(super) fn called_per_row<'n>(plan: &Value, names: &BTreeSet<Name<'n>>) -> BTreeSet<Name<'n>> {
    let mut search = Search {
        names,
        hashed: BTreeSet::new(),
        found: BTreeSet::new(),
    };
    search.find_hashed(plan);
    search.node(plan, false);
    search.found
}

struct Search<'s, 'n> {
    names: &'s BTreeSet<Name<'n>>,
    /// The subplans that run once, such as `SubPlan 1`.
    hashed: BTreeSet<String>,
    found: BTreeSet<Name<'n>>,
}

impl Search<'_, '_> {
    /// Finds hashed subplans. Only the condition that uses a subplan shows that it is hashed.
    fn find_hashed(&mut self, node: &Value) {
        const MARK: &str = "hashed ";
        for (_, text) in texts(node) {
            for (place, _) in text.match_indices(MARK) {
                let name = &text[place + MARK.len()..];
                let end = name.find(|letter: char| !(letter.is_alphanumeric() || letter == ' '));
                self.hashed
                    .insert(name[..end.unwrap_or(name.len())].to_owned());
            }
        }
        for child in children(node) {
            self.find_hashed(child);
        }
    }

    fn node(&mut self, node: &Value, per_row: bool) {
        for (key, text) in texts(node) {
            if per_row && key != "Output" || key == "Filter" || key == "Join Filter" {
                self.find_calls(text);
            }
        }
        for child in children(node) {
            let name = child
                .get("Subplan Name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let per_row = match child.get("Parent Relationship").and_then(Value::as_str) {
                Some("InitPlan") => false,
                Some("SubPlan") => !self.hashed.contains(name),
                _ => per_row,
            };
            self.node(child, per_row);
        }
    }

    fn find_calls(&mut self, text: &str) {
        // The server quotes a name only if necessary.
        let text = text.replace('"', "");
        for (schema, name) in self.names {
            let mut places = text.match_indices(name);
            let is_call = places.any(|(place, _)| {
                let before = &text[..place];
                let own = match before.strip_suffix('.') {
                    Some(qualifier) => qualifier.ends_with(schema),
                    // The schema is omitted if it is in the search path.
                    None => !before.ends_with(|one: char| one.is_alphanumeric() || one == '_'),
                };
                own && text[place + name.len()..].starts_with('(')
            });
            if is_call {
                self.found.insert((schema, name));
            }
        }
    }
}

/// Returns the text properties of a node.
fn texts(node: &Value) -> impl Iterator<Item = (&str, &str)> {
    let properties = node.as_object().into_iter().flatten();
    properties.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    node.get("Plans")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn called(plan: &Value) -> Vec<&'static str> {
        let names = BTreeSet::from([("auth", "uid"), ("public", "mine")]);
        called_per_row(plan, &names)
            .into_iter()
            .map(|(_, name)| name)
            .collect()
    }

    #[test]
    fn a_filter_is_for_each_row_and_an_index_condition_is_not() {
        let scan = json!({"Node Type": "Seq Scan", "Filter": "(notes.author = auth.uid())"});
        assert_eq!(called(&scan), ["uid"]);
        let index = json!({"Node Type": "Index Scan", "Index Cond": "(notes.author = auth.uid())"});
        assert!(called(&index).is_empty());
        let gate = json!({"Node Type": "Result", "One-Time Filter": "(auth.uid() IS NOT NULL)"});
        assert!(called(&gate).is_empty());
    }

    #[test]
    fn an_init_plan_and_a_hashed_sub_plan_run_once() {
        let init = json!({"Filter": "(notes.author = $0)", "Plans": [
            {"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)",
             "Output": ["auth.uid()"]}]});
        assert!(called(&init).is_empty());
        let sub = |filter: &str| {
            json!({"Filter": filter, "Plans": [
                {"Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1",
                 "Index Cond": "(m.user_id = auth.uid())"}]})
        };
        assert!(called(&sub("(hashed SubPlan 1)")).is_empty());
        assert_eq!(called(&sub("(SubPlan 1)")), ["uid"]);
    }

    #[test]
    fn part_of_a_name_is_not_the_name() {
        let plan = json!({"Filter": "(other.mine(a) OR public.mine_too(a) OR public.mine = a OR undermine(a))"});
        assert!(called(&plan).is_empty());
        assert_eq!(called(&json!({"Filter": "\"public\".mine(a)"})), ["mine"]);
    }
}
