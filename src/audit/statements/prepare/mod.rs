//! Makes a statement readable for the parser: rewrites what it does not know and what does not
//! matter for who sees which row. It works on tokens, so that strings and comments stay whole.

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

/// The most operators in one statement: each nests the tree by one, and a tree is walked and freed
/// by recursion.
const MOST_OPERATORS: usize = 1_000;

/// The tokens of the part of `sql` that touches rows; none where it is DDL or a setting.
///
/// # Errors
/// Text that is no SQL, and statements too large to be parsed.
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
        // A cast of each value of a long list does not nest.
        | Token::DoubleColon
        | Token::Eq => false,
        _ => true,
    }
}
