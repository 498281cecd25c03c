//! The table of an investigation: observables, the worst first, and below each what every relay found.

use super::{Dossier, Finding};
use crate::answer::{Disposition, Problem};
use crate::ui::{
    BAD, BOLD, Cell, DIM, DOUBTFUL, PLAIN, Side, Table, WIDTH, disposition_style, harmless, styled, wrapped,
};

impl Dossier {
    /// The worst that a relay says.
    pub(super) fn disposition(&self) -> Option<Disposition> {
        self.findings.iter().filter_map(|finding| finding.entities.disposition()).min()
    }

    /// Whether no relay found anything.
    fn is_blank(&self) -> bool {
        self.findings.iter().all(|finding| finding.entities.is_empty())
    }
}

/// The worst first, then what was seen without a verdict, then the harmless, last what nobody knows; of equals
/// in the order of the list.
pub(super) fn by_urgency(dossiers: &[Dossier]) -> Vec<&Dossier> {
    let mut sorted: Vec<&Dossier> = dossiers.iter().collect();
    sorted.sort_by_key(|dossier| {
        let disposition = dossier.disposition();
        let alarming = disposition.is_some_and(Disposition::is_alarming);
        (dossier.is_blank(), !alarming, disposition.is_some(), disposition)
    });
    sorted
}

pub(super) fn render(dossiers: &[Dossier]) -> String {
    let mut table = Table::new(
        [
            ("RELAY", Side::Left),
            ("VERDICT", Side::Left),
            ("SIGHTINGS", Side::Right),
            ("INDICATORS", Side::Right),
            ("JUDGEMENTS", Side::Right),
            ("RELATIONS", Side::Right),
            ("CALLS", Side::Right),
            ("MS", Side::Right),
        ],
        2,
        1,
    );
    for dossier in by_urgency(dossiers) {
        if dossier.findings.is_empty() {
            continue;
        }
        table.line("");
        table.line(title(dossier));
        for finding in &dossier.findings {
            table.row(row(finding));
            for error in &finding.errors {
                let style = if error.is_failure() { BAD } else { DOUBTFUL };
                let head =
                    format!("    {} {}: ", styled(style, harmless(&error.severity)), harmless(&error.code));
                table.line(wrapped(&head, &[harmless(&error.message)], ""));
            }
        }
    }
    table.to_string()
}

/// Value, type and note; the note on a line of its own where the first is full.
fn title(dossier: &Dossier) -> String {
    let value = harmless(&dossier.about.value);
    let kind = &dossier.about.kind;
    let mark = styled(disposition_style(dossier.disposition()), if dossier.is_blank() { "○" } else { "●" });
    let head = format!("{mark} {}  {}", styled(BOLD, &value), styled(DIM, kind));
    let Some(note) = &dossier.note else { return head };
    let length = [&value, kind, note].map(|text| 2 + text.chars().count()).iter().sum::<usize>();
    let line_end = if length <= WIDTH { "" } else { "\n" };
    format!("{head}{line_end}  {}", styled(DIM, note))
}

fn row(finding: &Finding) -> [Cell; 8] {
    let Finding { entities, .. } = finding;
    let disposition = entities.disposition();
    let failed = finding.errors.iter().any(Problem::is_failure);
    let (verdict, verdict_style) = match disposition {
        Some(disposition) => (disposition.name(), disposition_style(Some(disposition))),
        None if !entities.is_empty() => ("–", DIM),
        None if failed => ("failed", BAD),
        None => ("nothing", DIM),
    };
    [
        Cell::new(PLAIN, finding.relay),
        Cell::new(verdict_style, verdict),
        Cell::number(entities.sightings.docs.len()),
        Cell::number(entities.indicators.docs.len()),
        Cell::number(entities.judgements.docs.len()),
        Cell::number(entities.relations().count()),
        Cell::number(finding.calls),
        Cell::new(DIM, format!("{:.0}", finding.took.as_secs_f64() * 1000.0)),
    ]
}
