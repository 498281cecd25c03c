//! Tables for the analyst: what a relation has no place for.

use std::collections::BTreeMap;

use relay_core::ctim::Table;

use super::{Mapping, joined};
use crate::model::{Hosted, Period, Resolved};

/// What a record says of a domain.
type Fact = fn(&Hosted) -> Option<String>;

struct Row<'a> {
    address: &'a str,
    resolved: &'a Resolved,
    period: &'a Period,
}

impl Mapping<'_> {
    /// A row for every address of every period, in the provider's order: the latest period first.
    pub(super) fn history_table(&self, periods: &[Period]) -> Option<Table> {
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
            .column("Organizations", |row| joined(&row.period.organizations))
            .column("Shared by", |row| row.resolved.shared_by());
        table.build().map(Table::counted)
    }

    /// A row for every domain of an address, in the order of their names; columns that no row fills are left out.
    pub(super) fn domains_table(&self, domains: &BTreeMap<String, &Hosted>) -> Option<Table> {
        if !self.options.domains_table {
            return None;
        }
        let rows: Vec<(&str, &Hosted)> =
            domains.iter().take(self.limit).map(|(name, record)| (name.as_str(), *record)).collect();
        let columns: [(&'static str, Fact); 6] = [
            ("Hosting provider", |record| joined(&record.host_provider)),
            ("Mail provider", |record| joined(&record.mail_provider)),
            ("Company", |record| given(record.computed.as_ref()?.company_name.as_ref())),
            ("Registrar", |record| given(record.whois.as_ref()?.registrar.as_ref())),
            ("Created", |record| day(record.whois.as_ref()?.created_date)),
            ("Expires", |record| day(record.whois.as_ref()?.expires_date)),
        ];
        let mut table = Table::of(&rows).column("Domain", |(name, _)| *name);
        for (title, value) in columns {
            if rows.iter().any(|(_, record)| value(record).is_some()) {
                table = table.column(title, move |(_, record)| value(record));
            }
        }
        table.build().map(Table::counted)
    }
}

fn given(text: Option<&String>) -> Option<String> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The day of a time in milliseconds since 1970.
fn day(milliseconds: Option<i64>) -> Option<String> {
    let time = jiff::Timestamp::from_millisecond(milliseconds?).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
