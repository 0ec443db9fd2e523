//! Clauses that the parser does not support and that do not affect the tenant of the rows.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan},
};

use super::tokens::{closing, is_word, keyword, without_spans};

/// Returns the query of `COPY (…) TO`; otherwise COPY without its options, to or from a file.
pub(super) fn plain_copy(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    if tokens
        .get(1)
        .is_some_and(|token| token.token == Token::LParen)
        && let Some(end) = closing(&tokens, 1)
    {
        return tokens.drain(2..end).collect();
    }
    let direction = tokens
        .iter()
        .position(|token| matches!(keyword(Some(token)), Keyword::FROM | Keyword::TO));
    if let Some(at) = direction {
        let span = tokens[at].span;
        tokens.truncate(at + 1);
        tokens.push(TokenWithSpan {
            token: Token::SingleQuotedString("file".to_owned()),
            span,
        });
    }
    tokens
}

/// Drops `FOR UPDATE` and other locking clauses: the parser supports only two of the four
/// strengths and one table.
pub(super) fn without_locks(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    without_spans(&tokens, lock_clause)
}

/// Returns the end of the locking clause that begins here (PostgreSQL manual, SELECT).
fn lock_clause(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let word = |place: usize| match tokens.get(place).map(|token| &token.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_uppercase(),
        _ => String::new(),
    };
    if keyword(tokens.get(at)) != Keyword::FOR {
        return None;
    }
    let strengths: [&[&str]; 4] = [
        &["UPDATE"],
        &["NO", "KEY", "UPDATE"],
        &["SHARE"],
        &["KEY", "SHARE"],
    ];
    let words = strengths.into_iter().find(|words| {
        let mut places = words.iter().enumerate();
        places.all(|(place, wanted)| word(at + 1 + place) == *wanted)
    })?;
    let mut end = at + 1 + words.len();
    if word(end) == "OF" {
        end += 2;
        while matches!(
            tokens.get(end).map(|token| &token.token),
            Some(Token::Comma | Token::Period)
        ) {
            end += 2;
        }
    }
    match word(end).as_str() {
        "NOWAIT" => end += 1,
        "SKIP" => end += 2,
        _ => {}
    }
    Some(end.min(tokens.len()))
}

/// Returns the end of `[1]` in `SET a[1] = …`, or of `AS j` in `USING (a) AS j`, if it begins here.
pub(super) fn subscript_or_join_alias(tokens: &[TokenWithSpan], at: usize) -> Option<usize> {
    let token = |place: usize| tokens.get(place).map(|token| &token.token);
    match token(at)? {
        Token::LBracket => {
            let before = at.checked_sub(2)?;
            let assigns =
                keyword(tokens.get(before)) == Keyword::SET || token(before) == Some(&Token::Comma);
            let length = tokens[at..]
                .iter()
                .position(|token| token.token == Token::RBracket)?;
            let end = at + length + 1;
            (assigns && token(end) == Some(&Token::Eq)).then_some(end)
        }
        Token::Word(word) if word.keyword == Keyword::AS => {
            let close = at
                .checked_sub(1)
                .filter(|close| token(*close) == Some(&Token::RParen))?;
            let open = tokens[..close]
                .iter()
                .rposition(|token| !matches!(token.token, Token::Word(_) | Token::Comma))?;
            let using = keyword(tokens.get(open.checked_sub(1)?)) == Keyword::USING;
            (using && token(open) == Some(&Token::LParen)).then_some(at + 2)
        }
        _ => None,
    }
}

/// Rewrites `WHERE CURRENT OF cursor` as `WHERE false`: it only affects rows of the cursor, and the
/// query of its DECLARE is checked separately.
pub(super) fn without_cursors(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        let current_of = keyword(kept.last()) == Keyword::WHERE
            && is_word(&token, "current")
            && tokens
                .as_slice()
                .first()
                .is_some_and(|next| is_word(next, "of"));
        if current_of {
            tokens.nth(1);
            let never = Token::make_keyword("FALSE");
            kept.push(TokenWithSpan {
                token: never,
                ..token
            });
        } else {
            kept.push(token);
        }
    }
    kept
}
