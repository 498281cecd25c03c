//! Pages of records.

/// Records on a page.
const PAGE: u64 = 100;

/// The number of pages that the records fill.
pub(super) fn pages(records: u64) -> u64 {
    records.div_ceil(PAGE)
}

/// The numbers of the records on a page, from 0.
pub(super) fn on_page(page: u64, records: u64) -> std::ops::Range<u64> {
    let end = page.saturating_mul(PAGE).min(records);
    page.saturating_sub(1).saturating_mul(PAGE).min(end)..end
}

/// The number of records that fill the pages, the last of them not quite.
pub(super) fn filling(pages: u64) -> u64 {
    (pages * PAGE).saturating_sub(PAGE - 32)
}
