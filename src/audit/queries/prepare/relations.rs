//! Syntax for naming relations that the parser does not support.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use super::tokens::{closing, is_word, keyword};

/// Rewrites `TABLE t` as `SELECT * FROM t`, `ONLY (t)` and `t *` as `t`, `ROWS FROM (…)` as a call,
/// and drops ONLY and `OVERRIDING … VALUE`.
pub(super) fn plain_relations(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 2);
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let before = keyword(kept.last());
        let after_sign = kept.last().map(|last| last.token.clone());
        let opens_query = match &after_sign {
            None | Some(Token::LParen) => true,
            _ => is_set_operation(before),
        };
        let opens_relation = after_sign == Some(Token::Comma) || leads_to_relation(before);
        let span = token.span;
        match keyword(Some(&token)) {
            Keyword::TABLE if opens_query => {
                let words = [
                    Token::make_keyword("SELECT"),
                    Token::Mul,
                    Token::make_keyword("FROM"),
                ];
                kept.extend(words.map(|token| TokenWithSpan { token, span }));
            }
            Keyword::ONLY if opens_relation => {
                if let Some(end) = closing(tokens.as_slice(), 0).filter(|end| *end > 0) {
                    tokens.next();
                    kept.extend(tokens.by_ref().take(end - 1));
                    tokens.next();
                }
            }
            _ if token.token == Token::Mul
                && ends_relation(tokens.as_slice().first())
                && follows_relation(&kept) => {}
            _ if is_word(&token, "overriding")
                && keyword(tokens.as_slice().get(1)) == Keyword::VALUE =>
            {
                tokens.nth(1);
            }
            Keyword::ROWS
                if opens_relation && keyword(tokens.as_slice().first()) == Keyword::FROM =>
            {
                tokens.next();
                let token = Token::make_word("rows_from", None);
                kept.push(TokenWithSpan { token, span });
            }
            _ => kept.push(token),
        }
    }
    kept
}

fn is_set_operation(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::ALL
            | Keyword::DISTINCT
            | Keyword::FOR
    )
}

fn leads_to_relation(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::FROM
            | Keyword::UPDATE
            | Keyword::JOIN
            | Keyword::INTO
            | Keyword::USING
            | Keyword::TRUNCATE
            | Keyword::TABLE
            | Keyword::LATERAL
    )
}

/// Returns `true` if the tokens end with the name of a relation.
fn follows_relation(tokens: &[TokenWithSpan]) -> bool {
    let mut at = tokens.len();
    loop {
        let Some(name) = at.checked_sub(1) else {
            return false;
        };
        if !matches!(tokens[name].token, Token::Word(_)) {
            return false;
        }
        match name.checked_sub(1).map(|before| &tokens[before]) {
            Some(before) if before.token == Token::Period => at = name - 1,
            Some(before) if before.token == Token::Comma => return true,
            before => return leads_to_relation(keyword(before)),
        }
    }
}

/// Returns `true` if the next token cannot be the right operand of a multiplication.
fn ends_relation(next: Option<&TokenWithSpan>) -> bool {
    let Some(next) = next else {
        return true;
    };
    match &next.token {
        Token::Comma | Token::RParen => true,
        _ => matches!(
            keyword(Some(next)),
            Keyword::AS
                | Keyword::WHERE
                | Keyword::SET
                | Keyword::USING
                | Keyword::JOIN
                | Keyword::INNER
                | Keyword::LEFT
                | Keyword::RIGHT
                | Keyword::FULL
                | Keyword::CROSS
                | Keyword::NATURAL
                | Keyword::ON
                | Keyword::GROUP
                | Keyword::ORDER
                | Keyword::HAVING
                | Keyword::LIMIT
                | Keyword::UNION
                | Keyword::RETURNING
        ),
    }
}
