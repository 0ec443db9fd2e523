//! Updates of optional fields: a new value, `--clear`, or neither.

use clap::ValueEnum;

use crate::{
    domain::booking::parameters::Patch,
    error::{Error, Result},
};

/// Returns the patch of a field: `value` was given with `flag`, or the field is among those to
/// clear.
///
/// # Errors
/// `Usage` if both are given, or if a text is empty. An empty text is usually an unset variable in
/// a script, and must not clear a field by accident.
pub(in crate::commands) fn patch<F, T>(
    clear: &[F],
    field: F,
    flag: &str,
    value: Option<T>,
) -> Result<Patch<T>>
where
    F: ValueEnum + PartialEq,
{
    let is_cleared = clear.contains(&field);
    match value {
        Some(_) if is_cleared => {
            let clear = clearing(&field);
            Err(
                Error::usage(format!("{flag} and {clear} are mutually exclusive"))
                    .hint("specify only one of them"),
            )
        }
        Some(value) => Ok(Some(Some(value))),
        None if is_cleared => Ok(Some(None)),
        None => Ok(None),
    }
}

/// Same as [`patch`], for a text.
pub(in crate::commands) fn text<F>(
    clear: &[F],
    field: F,
    flag: &str,
    value: Option<&String>,
) -> Result<Patch<String>>
where
    F: ValueEnum + PartialEq,
{
    if value.is_some_and(|text| text.trim().is_empty()) {
        return Err(Error::usage(format!("{flag} is empty"))
            .hint(format!("use {} to clear it", clearing(&field))));
    }
    patch(clear, field, flag, value.cloned())
}

fn clearing<F: ValueEnum>(field: &F) -> String {
    let name = field.to_possible_value();
    let name = name.map(|value| value.get_name().to_owned());
    format!("--clear {}", name.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[derive(Clone, Copy, PartialEq, ValueEnum)]
    #[value(rename_all = "snake_case")]
    enum Field {
        ExternalId,
    }

    #[test]
    fn a_value_and_its_clearing_contradict_each_other() {
        let (clear, value) = ([Field::ExternalId], "P-1".to_owned());
        let patched =
            |clear: &[Field], value| text(clear, Field::ExternalId, "--external-id", value);
        assert_eq!(patched(&[], None).unwrap(), None);
        assert_eq!(patched(&clear, None).unwrap(), Some(None));
        assert_eq!(
            patched(&[], Some(&value)).unwrap(),
            Some(Some(value.clone()))
        );
        let error = patched(&clear, Some(&value)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_eq!(
            error.to_string(),
            "--external-id and --clear external_id are mutually exclusive"
        );
        let error = patched(&[], Some(&" ".to_owned())).unwrap_err();
        assert_eq!(error.hints(), ["use --clear external_id to clear it"]);
    }
}
