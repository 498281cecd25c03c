//! The table of an investigation: observables, worst first, and below each the findings of every relay.

use super::{Finding, Report};
use crate::answer::{Disposition, Problem};
use crate::ui::{
    Align, BAD, BOLD, Cell, DIM, DOUBTFUL, PLAIN, Table, WIDTH, disposition_style, harmless, styled, wrapped,
};

impl Report {
    /// The worst disposition of all relays.
    pub(super) fn disposition(&self) -> Option<Disposition> {
        self.findings.iter().filter_map(|finding| finding.entities.disposition()).min()
    }

    /// Whether no relay found anything.
    fn is_blank(&self) -> bool {
        self.findings.iter().all(|finding| finding.entities.is_empty())
    }
}

/// Bad verdicts first, then sightings without a verdict, harmless ones, and those without findings. Otherwise in the
/// order of the list.
pub(super) fn worst_first(reports: &[Report]) -> Vec<&Report> {
    let mut sorted: Vec<&Report> = reports.iter().collect();
    sorted.sort_by_key(|report| {
        let disposition = report.disposition();
        let alarming = disposition.is_some_and(Disposition::is_alarming);
        (report.is_blank(), !alarming, disposition.is_some(), disposition)
    });
    sorted
}

pub(super) fn render(reports: &[Report]) -> String {
    let mut table = Table::new(
        [
            ("RELAY", Align::Left),
            ("VERDICT", Align::Left),
            ("SIGHTINGS", Align::Right),
            ("INDICATORS", Align::Right),
            ("JUDGEMENTS", Align::Right),
            ("RELATIONS", Align::Right),
            ("CALLS", Align::Right),
            ("MS", Align::Right),
        ],
        2,
        1,
    );
    for report in worst_first(reports) {
        if report.findings.is_empty() {
            continue;
        }
        table.line("");
        table.line(title(report));
        for finding in &report.findings {
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

/// Value, type and note, with the note on a second line if the first is full.
fn title(report: &Report) -> String {
    let value = harmless(&report.about.value);
    let kind = &report.about.kind;
    let mark = styled(disposition_style(report.disposition()), if report.is_blank() { "○" } else { "●" });
    let head = format!("{mark} {}  {}", styled(BOLD, &value), styled(DIM, kind));
    let Some(note) = &report.note else { return head };
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
