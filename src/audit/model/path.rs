//! Search path as stored in a setting.

/// Returns the names of a stored list (`SplitIdentifierString` in utils/adt/varlena.c). A role can
/// set its own path to any text that the server accepts as a list, so the text must never become
/// part of a statement: `public;SELECT/**/1` is a single name there.
pub fn search_path(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, behind) = match rest.strip_prefix('"') {
            Some(quoted) => of_quoted(quoted),
            None => {
                let end = rest.find(|letter: char| letter == ',' || letter.is_ascii_whitespace());
                let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
                (name.to_lowercase(), behind)
            }
        };
        names.push(name);
        rest = behind.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

/// Returns a quoted name and the text after its closing quote. Two quotes stand for one.
fn of_quoted(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('"') {
        name.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return (name, behind),
        }
    }
    name.push_str(rest);
    (name, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinguished_as_the_server_does() {
        assert_eq!(search_path(r#""$user", public"#), ["$user", "public"]);
        assert_eq!(search_path(r#""a,""b" ,C"#), ["a,\"b", "c"]);
        assert_eq!(search_path("public;SELECT/**/1"), ["public;select/**/1"]);
        assert!(search_path("").is_empty());
    }
}
