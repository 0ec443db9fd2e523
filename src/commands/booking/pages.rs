//! Lists of the booking data. They are fetched page by page, each in a separate transaction, so
//! that memory is limited for lists of any length and each access is logged before it is shown.

use async_stream::try_stream;
use futures_util::{StreamExt, stream::BoxStream};

use crate::{domain::booking::parameters::LONGEST_PAGE, error::Result};

/// Returns the rows of all pages, up to `limit`. If there are more, the last row is repeated once:
/// the list counts and removes it, and no further record is read for it.
pub(in crate::commands) fn rows<T, C, F>(
    limit: Option<u64>,
    fetch: impl Fn(u32, Option<C>) -> F + Send + 'static,
) -> BoxStream<'static, Result<T>>
where
    T: Clone + Send + 'static,
    C: Send + 'static,
    F: Future<Output = Result<(Vec<T>, Option<C>)>> + Send + 'static,
{
    try_stream! {
        let mut left = limit;
        let mut after = None;
        loop {
            let most = left.and_then(|left| u32::try_from(left).ok());
            let most = most.unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE);
            let (page, next) = fetch(most, after).await?;
            left = left.map(|left| left.saturating_sub(page.len() as u64));
            let last = page.last().cloned();
            for row in page {
                yield row;
            }
            match (next, left, last) {
                (None, ..) => break,
                (Some(_), Some(0), Some(last)) => {
                    yield last;
                    break;
                }
                (Some(next), ..) => after = Some(next),
            }
        }
    }
    .boxed()
}
