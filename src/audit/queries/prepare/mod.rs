//! Prepares a statement for the parser: rewrites or drops syntax that it does not support and that
//! does not affect row visibility. Works on tokens, so that strings and comments remain intact.

mod clauses;
mod conflict;
mod placeholders;
mod relations;
mod start;
mod tokens;

use sqlparser::{
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Tokenizer},
};

use super::ParseError;
use tokens::{keyword, without_spans};

/// Maximum number of operators in a statement: each adds a level to the tree, and the tree is
/// walked and freed recursively.
const MOST_OPERATORS: usize = 1_000;

/// Returns the tokens of the part of `sql` that accesses rows; `None` for DDL or a setting.
///
/// # Errors
/// If the text is not SQL, or the statement is too large to be parsed.
pub(super) fn prepare(sql: &str) -> Result<Option<Vec<TokenWithSpan>>, ParseError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql)
        .tokenize_with_location()
        .map_err(|error| ParseError(error.to_string()))?;
    let mut tokens: Vec<TokenWithSpan> = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    let Some(start) = start::statement_start(&tokens)? else {
        return Ok(None);
    };
    tokens.drain(..start);
    if keyword(tokens.first()) == Keyword::COPY {
        tokens = clauses::plain_copy(tokens);
    }
    check_size(&tokens)?;
    let tokens = relations::plain_relations(clauses::without_locks(tokens));
    let tokens = without_spans(&tokens, clauses::subscript_or_join_alias);
    let tokens = conflict::plain_conflict_targets(clauses::without_cursors(tokens));
    Ok(Some(placeholders::placeholders(tokens)))
}

fn check_size(tokens: &[TokenWithSpan]) -> Result<(), ParseError> {
    let operators = tokens.iter().filter(|token| is_operator(&token.token));
    if operators.count() > MOST_OPERATORS {
        return Err(ParseError(format!(
            "the statement has more than {MOST_OPERATORS} operators"
        )));
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::UNION | Keyword::INTERSECT
                | Keyword::EXCEPT | Keyword::JOIN | Keyword::CASE
        ),
        Token::Comma
        | Token::Period
        | Token::LParen
        | Token::RParen
        | Token::SemiColon
        | Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::SingleQuotedByteStringLiteral(_)
        | Token::Placeholder(_)
        | Token::LBracket
        | Token::RBracket
        // Casts of the values in a long list do not nest.
        | Token::DoubleColon
        | Token::Eq => false,
        _ => true,
    }
}
