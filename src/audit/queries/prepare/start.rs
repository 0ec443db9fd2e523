//! Start of the part of a statement that accesses rows.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use super::{
    super::ParseError,
    tokens::{closing, is_word, keyword},
};

/// Commands that do not access rows directly (PostgreSQL manual, part VI, SQL Commands).
const WITHOUT_ROWS: &[&str] = &[
    "ABORT",
    "ALTER",
    "ANALYZE",
    "BEGIN",
    "CALL",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "IMPORT",
    "LISTEN",
    "LOAD",
    "LOCK",
    "MOVE",
    "NOTIFY",
    "PREPARE",
    "REASSIGN",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SECURITY",
    "SET",
    "SHOW",
    "START",
    "UNLISTEN",
    "VACUUM",
];

/// Words that may follow BEGIN and END of a transaction.
const OF_TRANSACTION: &[&str] = &[
    "WORK",
    "TRANSACTION",
    "AND",
    "ISOLATION",
    "READ",
    "NOT",
    "DEFERRABLE",
];

/// Returns the start of the statement that accesses rows: after EXPLAIN, PREPARE and DECLARE
/// CURSOR. `None` if there is no such statement.
///
/// # Errors
/// If it is not an SQL statement, such as part of a PL/pgSQL function body: its effect is unknown.
pub(super) fn statement_start(tokens: &[TokenWithSpan]) -> Result<Option<usize>, ParseError> {
    if let Some(first) = tokens.first() {
        check_command(first, tokens)?;
    }
    Ok(rows_begin(tokens))
}

fn check_command(first: &TokenWithSpan, tokens: &[TokenWithSpan]) -> Result<(), ParseError> {
    let procedural = || Err(ParseError("PL/pgSQL is not supported".to_owned()));
    match keyword(Some(first)) {
        Keyword::BEGIN | Keyword::END => match tokens.get(1) {
            Some(next) if !OF_TRANSACTION.iter().any(|word| is_word(next, word)) => procedural(),
            _ => Ok(()),
        },
        Keyword::DECLARE if !tokens.iter().any(|token| is_word(token, "cursor")) => procedural(),
        Keyword::DO => procedural(),
        _ if touches_rows(first) => Ok(()),
        _ if WITHOUT_ROWS.iter().any(|word| is_word(first, word)) => Ok(()),
        _ => Err(ParseError(format!(
            "not a statement: starts with {}",
            first.token
        ))),
    }
}

fn touches_rows(token: &TokenWithSpan) -> bool {
    token.token == Token::LParen
        || matches!(
            keyword(Some(token)),
            Keyword::SELECT
                | Keyword::INSERT
                | Keyword::UPDATE
                | Keyword::DELETE
                | Keyword::MERGE
                | Keyword::WITH
                | Keyword::VALUES
                | Keyword::TABLE
                | Keyword::TRUNCATE
                | Keyword::COPY
        )
}

fn rows_begin(tokens: &[TokenWithSpan]) -> Option<usize> {
    let mut at = 0;
    loop {
        let token = tokens.get(at)?;
        match keyword(Some(token)) {
            _ if touches_rows(token) => return Some(at),
            Keyword::EXPLAIN => at = past_options(tokens, at + 1),
            Keyword::ANALYZE | Keyword::VERBOSE if at > 0 => at += 1,
            Keyword::PREPARE => at = past(tokens, at, Keyword::AS)?,
            Keyword::DECLARE => at = past(tokens, at, Keyword::FOR)?,
            _ => return None,
        }
    }
}

fn past(tokens: &[TokenWithSpan], from: usize, wanted: Keyword) -> Option<usize> {
    let found = tokens[from..]
        .iter()
        .position(|token| keyword(Some(token)) == wanted)?;
    Some(from + found + 1)
}

/// Returns the end of `( … )`, if it begins here and contains no statement.
fn past_options(tokens: &[TokenWithSpan], at: usize) -> usize {
    let opens = tokens
        .get(at)
        .is_some_and(|token| token.token == Token::LParen);
    match keyword(tokens.get(at + 1)) {
        _ if !opens => at,
        Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE => at,
        _ => closing(tokens, at).map_or(at, |end| end + 1),
    }
}
