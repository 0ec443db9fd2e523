//! Tables that columns are named after.

/// Returns the possible names of the table that a column such as `patient_id`, `patientId` or
/// `patient_uuid` refers to; empty if the column's name has no such ending.
pub(super) fn tables_named_by(column: &str) -> Vec<String> {
    let Some(stem) = stem(column) else {
        return Vec::new();
    };
    let mut names = vec![stem.clone(), format!("{stem}s"), format!("{stem}es")];
    if let Some(start) = stem.strip_suffix('y') {
        names.push(format!("{start}ies"));
    }
    names
}

fn stem(column: &str) -> Option<String> {
    let stem = ["_id", "_uuid", "Id", "_ID"]
        .iter()
        .find_map(|end| column.strip_suffix(end))?;
    (!stem.is_empty()).then(|| snake_case(stem))
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_named_after_a_table_in_every_spelling() {
        assert!(tables_named_by("patient_id").contains(&"patients".to_owned()));
        assert!(tables_named_by("treatmentPlanId").contains(&"treatment_plans".to_owned()));
        assert!(tables_named_by("category_uuid").contains(&"categories".to_owned()));
        assert!(tables_named_by("box_id").contains(&"boxes".to_owned()));
    }

    #[test]
    fn other_columns_are_named_after_nothing() {
        for column in ["id", "_id", "paid", "valid", "notes"] {
            assert!(tables_named_by(column).is_empty(), "{column}");
        }
    }
}
