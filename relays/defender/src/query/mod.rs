//! The hunting queries (<https://learn.microsoft.com/defender-xdr/advanced-hunting-schema-tables>): one for all
//! observables of a request and all tables that know them.
//!
//! A query declares lists of values by kind ([`lists`]), and each table has a leg with the tests that name them
//! ([`legs`]). Every leg keeps the newest rows of each value, so that a busy one never pushes out a quiet one.
//! Values are checked before ([`Subject`]) and escaped all the same.

pub mod legs;
pub mod lists;

use relay_core::escape::kql;

use crate::subject::{MachineId, Subject};

pub use legs::{Cut, Leg, Table};
pub use lists::Lists;

/// Most observables of one query.
const OBSERVABLES: usize = 50;
/// Longest query. The provider documents no bound.
const LENGTH: usize = 10_000;
/// Most rows that a query asks for.
pub const ROWS: usize = 10_000;

/// What advanced hunting is asked about one observable.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its place in the request.
    pub position: usize,
    /// The observable.
    pub subject: &'a Subject,
    /// The SHA-1 of a file that is asked about by another hash: the other columns are often empty.
    pub sha1: Option<&'a str>,
    /// How many of its rows are wanted.
    pub room: usize,
}

/// How hard hunting looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The usual tables.
    Standard,
    /// Image loads too, and the connections that a file made.
    Deep,
}

/// The part of a request that one query asks about.
#[derive(Clone, Debug)]
pub struct Batch<'a> {
    /// The observables.
    pub targets: Vec<Target<'a>>,
    /// Rows per value.
    pub rows: usize,
    /// Whether the bound of rows, and not the user's limit, decided on `rows`.
    pub bounded: bool,
    lists: Lists,
    depth: Depth,
}

impl<'a> Batch<'a> {
    /// A query about these.
    pub fn new(targets: &[Target<'a>], depth: Depth) -> Self {
        let wanted = targets.iter().map(|target| target.room).max().unwrap_or(0);
        let most = ROWS / targets.len().max(1);
        Self {
            targets: targets.to_vec(),
            rows: wanted.min(most),
            bounded: wanted > most,
            lists: Lists::of(targets),
            depth,
        }
    }

    /// The legs that have a test.
    pub fn legs(&self) -> Vec<Leg> {
        legs::of(&self.lists, self.depth)
    }

    /// The query of all these legs.
    pub fn union(&self, legs: &[Leg]) -> String {
        let texts: Vec<String> = legs.iter().map(|leg| leg.text(Cut::PerValue(self.rows))).collect();
        match texts.as_slice() {
            [] => String::new(),
            [only] => format!("{}{only}", self.lists.declarations(legs)),
            all => format!("{}union ({})", self.lists.declarations(legs), all.join("), (")),
        }
    }

    /// The query of one leg, with the fair cut.
    pub fn alone(&self, leg: &Leg) -> String {
        self.union(std::slice::from_ref(leg))
    }

    /// The query of one leg for a provider that refuses the fair cut.
    pub fn plain(&self, leg: &Leg) -> String {
        let declarations = self.lists.declarations(std::slice::from_ref(leg));
        format!("{declarations}{}", leg.text(Cut::Whole(self.plain_rows())))
    }

    /// How many rows the plain query asks for.
    pub fn plain_rows(&self) -> usize {
        self.rows.saturating_mul(self.targets.len()).min(ROWS)
    }

    /// The two halves of it; nothing where it is about one observable only.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let (first, second) = self.targets.split_at(self.targets.len().div_ceil(2));
        (!second.is_empty()).then(|| [first, second].map(|half| Self::new(half, self.depth)))
    }
}

/// Splits what is asked into queries within the bounds, of about equal size.
pub fn batches<'a>(targets: &[Target<'a>], depth: Depth) -> Vec<Batch<'a>> {
    if targets.is_empty() {
        return Vec::new();
    }
    let mut count = targets.len().div_ceil(OBSERVABLES);
    loop {
        let size = targets.len().div_ceil(count);
        let split: Vec<Batch<'a>> = targets.chunks(size).map(|part| Batch::new(part, depth)).collect();
        let fits = |batch: &Batch<'_>| batch.targets.len() == 1 || batch.union(&batch.legs()).len() <= LENGTH;
        if size == 1 || split.iter().all(fits) {
            return split.into_iter().filter(|batch| !batch.legs().is_empty()).collect();
        }
        // Larger steps for larger requests: each try writes all queries.
        count = (count + count.div_ceil(4)).min(targets.len());
    }
}

/// The newest addresses of each network adapter of devices, at most 100 of them.
pub fn adapters<'a>(devices: impl IntoIterator<Item = &'a MachineId>) -> Option<String> {
    let ids: Option<Vec<String>> = devices.into_iter().take(100).map(|id| kql(id.as_str())).collect();
    let ids = ids.filter(|ids| !ids.is_empty())?.join(", ");
    Some(format!(
        "DeviceNetworkInfo | where DeviceId in ({ids}) | summarize arg_max(Timestamp, IPAddresses) by \
         DeviceId, MacAddress"
    ))
}

#[cfg(test)]
mod proof;
#[cfg(test)]
mod tests;
