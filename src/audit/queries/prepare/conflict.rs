//! ON CONFLICT with expressions, operator classes and partial indexes.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::tokens::{closing, keyword};

/// Reduces ON CONFLICT (…) to plain columns, and drops the predicate of a partial index.
pub(super) fn plain_conflict_targets(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        kept.push(tokens[at].clone());
        at += 1;
        let conflict = keyword(kept.last()) == Keyword::CONFLICT
            && tokens
                .get(at)
                .is_some_and(|token| token.token == Token::LParen);
        let Some(end) = conflict.then(|| closing(&tokens, at)).flatten() else {
            continue;
        };
        let columns = plain_items(&tokens[at + 1..end]);
        kept.push(tokens[at].clone());
        for (place, column) in columns.into_iter().enumerate() {
            if place > 0 {
                kept.push(column.with(Token::Comma));
            }
            kept.push(column.with(column.0.token.clone()));
        }
        kept.push(tokens[end].clone());
        at = end + 1;
        if keyword(tokens.get(at)) == Keyword::WHERE {
            let rest = tokens[at..].iter();
            let action = rest
                .clone()
                .position(|token| keyword(Some(token)) == Keyword::DO);
            at += action.unwrap_or(0);
        }
    }
    kept
}

/// One column of a conflict target.
struct Item(TokenWithSpan);

impl Item {
    fn with(&self, token: Token) -> TokenWithSpan {
        TokenWithSpan {
            token,
            span: self.0.span,
        }
    }
}

/// Returns the items between top-level commas. An expression becomes a name that no column has.
fn plain_items(tokens: &[TokenWithSpan]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut depth = 0_usize;
    let mut first: Option<&TokenWithSpan> = None;
    let mut plain = true;
    for (place, token) in tokens.iter().enumerate() {
        match token.token {
            Token::LParen => {
                depth += 1;
                plain = false;
            }
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                items.extend(first.take().map(|first| item(first, plain)));
                plain = true;
                continue;
            }
            _ => {}
        }
        first.get_or_insert(token);
        if place + 1 == tokens.len() {
            items.extend(first.take().map(|first| item(first, plain)));
        }
    }
    items
}

fn item(first: &TokenWithSpan, plain: bool) -> Item {
    let mut item = Item(first.clone());
    if !plain {
        item.0.token = Token::Word(Word {
            value: "(expression)".to_owned(),
            quote_style: Some('"'),
            keyword: Keyword::NoKeyword,
        });
    }
    item
}
