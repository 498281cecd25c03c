//! The DNS history as a table for the analyst: what a relation has no place for.

use relay_core::ctim::Table;

use super::Mapping;
use crate::model::{Period, Resolved};

struct Row<'a> {
    address: &'a str,
    resolved: &'a Resolved,
    period: &'a Period,
}

impl Mapping<'_> {
    /// A row for every address of every period, in the provider's order: the latest period first.
    pub(super) fn table(&self, periods: &[Period]) -> Option<Table> {
        if !self.options.history_table {
            return None;
        }
        let rows: Vec<Row<'_>> = periods
            .iter()
            .flat_map(|period| {
                period.resolved().map(move |(address, resolved)| Row { address, resolved, period })
            })
            .take(self.limit)
            .collect();
        let table = Table::of(&rows)
            .column("Address", |row| row.address)
            .column("First seen", |row| row.period.first_seen.map(|day| day.to_string()))
            .column("Last seen", |row| row.period.last_seen.map(|day| day.to_string()))
            .column("Organizations", |row| organizations(row.period))
            .column("Shared by", |row| row.resolved.shared_by());
        table.build().map(Table::counted)
    }
}

fn organizations(period: &Period) -> Option<String> {
    let names: Vec<&str> =
        period.organizations.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
