//! Reading an answer page by page: the first says how many there are, the others are read concurrently.

use futures::StreamExt;
use futures::stream;
use relay_core::call::Call;
use relay_core::error::{Code, Error, Errors};
use relay_core::lenient::LenientValue;

use crate::SecurityTrails;
use crate::credentials::ApiKey;
use crate::model::{Page, Whole};
use crate::module::TITLE;
use crate::query::Query;

/// Code of the warning that a lookup has more pages than can be read.
const UNPROCESSED_PAGES: Code = Code::new("unprocessed pages");

/// What the pages of one lookup held together.
pub(crate) struct Pages<R> {
    /// The records, page after page.
    pub(crate) records: Vec<R>,
    /// How many there are at the provider, by its own word.
    pub(crate) record_count: Option<u64>,
    /// Why nothing could be read.
    pub(crate) failure: Option<Error>,
    /// What is missing of what could.
    pub(crate) warnings: Errors,
}

impl<R> Pages<R> {
    fn nothing(failure: Option<Error>) -> Self {
        Self { records: Vec::new(), record_count: None, failure, warnings: Errors::default() }
    }
}

/// Reads the pages that the user wants and that there are. What was read stays whatever becomes of later pages.
pub(crate) async fn read<R>(relay: &SecurityTrails, call: &Call<ApiKey>, query: Query<'_>) -> Pages<R>
where
    Page<R>: for<'de> LenientValue<'de>,
    R: Send,
{
    let page = async |number| {
        let page: Option<Page<R>> = relay.page(call, query, number).await?;
        Ok(page.filter(|page| !page.records.is_empty()))
    };
    let mut page_one = match page(1).await {
        Ok(Some(first)) => first,
        Ok(None) => return Pages::nothing(None),
        Err(error) => return Pages::nothing(Some(error)),
    };
    let record_count = page_one.record_count.map(|count| count.0);
    let records = std::mem::take(&mut page_one.records);
    let mut pages = Pages { records, record_count, ..Pages::nothing(None) };
    let extent = Extent::of(&page_one, call.credentials.pages(), relay.options.max_pages);

    let rest: Vec<_> = (2..=extent.last).map(page).collect();
    let mut rest = stream::iter(rest).buffered(call.concurrency());
    let mut read = 1;
    // In order: a page that is empty or fails ends the list, and pages not yet asked for are not paid for.
    while let Some(outcome) = rest.next().await {
        match outcome {
            Ok(Some(next)) => pages.records.extend(next.records),
            Ok(None) => break,
            Err(error) => {
                pages.warnings.add(unread(query, extent.last, read, &error));
                break;
            }
        }
        read += 1;
    }
    if extent.left > 0 {
        pages.warnings.add(left_out(query, extent));
    }
    pages
}

/// How far a lookup goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// The last page to read.
    last: u64,
    /// How many pages are out of reach, of those that the user wants.
    left: u64,
}

impl Extent {
    /// By the first page, the user's number of pages and the bound of the settings.
    fn of<R>(first: &Page<R>, wanted: u64, most: u64) -> Self {
        let some = |number: Option<Whole>| number.map(|number| number.0).filter(|number| *number > 0);
        let meta = first.meta.unwrap_or_default();
        let readable = some(first.pages).or(some(meta.max_page)).unwrap_or(1);
        let total = some(first.pages).or(some(meta.total_pages)).unwrap_or(readable);
        let within_reach = readable.min(most);
        // The user knows of a cut by the number in the token.
        let all_wanted = wanted > 1 && wanted >= within_reach;
        let left = if all_wanted { total.saturating_sub(within_reach) } else { 0 };
        Self { last: wanted.min(within_reach), left }
    }
}

fn unread(query: Query<'_>, last: u64, read: u64, error: &Error) -> Error {
    Error::warning(
        error.code(),
        format!("{} of {last} pages of {query} were not read: {}", last - read, error.message()),
    )
}

fn left_out(query: Query<'_>, Extent { last, left }: Extent) -> Error {
    let total = last + left;
    Error::warning(
        UNPROCESSED_PAGES,
        format!(
            "{left} of {total} pages of {query} are out of reach: {TITLE} and RELAY_PROVIDER__MAX_PAGES allow \
             {last}; for the rest contact support@securitytrails.com."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Hosted, Meta};

    const ALL: u64 = u64::MAX;

    fn extent(
        pages: Option<u64>,
        max_page: Option<u64>,
        total_pages: Option<u64>,
        wanted: u64,
    ) -> (u64, u64) {
        let meta = Meta { max_page: max_page.map(Whole), total_pages: total_pages.map(Whole) };
        let first = Page::<Hosted> {
            records: Vec::new(),
            pages: pages.map(Whole),
            record_count: None,
            meta: Some(meta),
        };
        let extent = Extent::of(&first, wanted, 100);
        (extent.last, extent.left)
    }

    #[test]
    fn pages_beyond_reach_are_reported_only_to_those_who_want_them() {
        for (wanted, expected) in
            [(1, (1, 0)), (4, (4, 0)), (5, (5, 3)), (10, (5, 3)), (1_000_000_000, (5, 3)), (ALL, (5, 3))]
        {
            assert_eq!(extent(None, Some(5), Some(8), wanted), expected, "{wanted}");
        }
    }

    #[test]
    fn what_an_answer_does_not_say_is_one_page() {
        for (pages, max_page, total_pages, expected) in [
            (None, None, None, (1, 0)),
            (Some(0), None, None, (1, 0)),
            (Some(0), Some(0), Some(0), (1, 0)),
            (Some(3), None, None, (3, 0)),
            (Some(3), Some(9), Some(9), (3, 0)),
            (None, None, Some(4), (1, 3)),
            (None, Some(100), Some(593), (100, 493)),
            (None, Some(593), Some(593), (100, 493)),
            (Some(120), None, None, (100, 20)),
        ] {
            assert_eq!(
                extent(pages, max_page, total_pages, ALL),
                expected,
                "{pages:?} {max_page:?} {total_pages:?}"
            );
        }
    }
}
