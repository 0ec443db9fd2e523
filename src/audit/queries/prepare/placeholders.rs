//! Placeholders of other drivers.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

/// Rewrites the placeholders of other drivers, `?` and `@name`, as those of PostgreSQL.
pub(super) fn placeholders(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(mut token) = tokens.next() {
        let operand = kept
            .last()
            .is_none_or(|before| expects_operand(&before.token));
        match &token.token {
            Token::Question if operand => token.token = Token::Placeholder("?".to_owned()),
            Token::AtSign if operand => {
                if let Some(Token::Word(word)) = tokens.peek().map(|next| &next.token) {
                    token.token = Token::Placeholder(format!("@{}", word.value));
                    tokens.next();
                }
            }
            Token::CustomBinaryOperator(text) => {
                if let Some(operator) = text.strip_suffix('?').and_then(comparison) {
                    kept.push(TokenWithSpan {
                        token: operator,
                        span: token.span,
                    });
                    token.token = Token::Placeholder("?".to_owned());
                }
            }
            _ => {}
        }
        kept.push(token);
    }
    kept
}

fn comparison(text: &str) -> Option<Token> {
    Some(match text {
        "=" => Token::Eq,
        "<>" | "!=" => Token::Neq,
        "<" => Token::Lt,
        ">" => Token::Gt,
        "<=" => Token::LtEq,
        ">=" => Token::GtEq,
        _ => return None,
    })
}

/// Returns `true` if a value must follow.
fn expects_operand(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && !matches!(
                    word.keyword,
                    Keyword::NoKeyword | Keyword::END | Keyword::NULL
                )
                && is_lead(word.keyword)
        }
        Token::Eq
        | Token::Neq
        | Token::Lt
        | Token::Gt
        | Token::LtEq
        | Token::GtEq
        | Token::LParen
        | Token::LBracket
        | Token::Comma
        | Token::Plus
        | Token::Minus
        | Token::Mul
        | Token::Div
        | Token::StringConcat => true,
        _ => false,
    }
}

fn is_lead(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::SELECT
            | Keyword::WHERE
            | Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::ON
            | Keyword::HAVING
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::BETWEEN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::IN
            | Keyword::IS
            | Keyword::VALUES
            | Keyword::RETURNING
            | Keyword::CASE
            | Keyword::BY
            | Keyword::SET
            | Keyword::FROM
    )
}
