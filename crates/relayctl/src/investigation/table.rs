//! The table of an investigation: observables, worst first, and below each the findings of every relay.

use super::alarm::worst_first;
use super::{Finding, Report};
use crate::answer::words;
use crate::ui::{
    Align, BAD, BOLD, Cell, DIM, DOUBTFUL, PLAIN, Table, columns, disposition_style, harmless, styled, width,
    wrapped,
};

/// Below this width the table keeps only what matters most.
const WIDE: usize = 78;

pub(super) fn render(reports: &[Report]) -> String {
    let is_wide = width() >= WIDE;
    let counted = reports.iter().flat_map(|report| &report.findings).any(|one| one.calls.is_some());
    let head = |head, shown: bool| (if shown { head } else { "" }, Align::Right);
    let mut table = Table::new(
        [
            ("RELAY", Align::Left),
            ("VERDICT", Align::Left),
            ("SEEN", Align::Right),
            head("INDICATORS", is_wide),
            head("JUDGEMENTS", is_wide),
            head("RELATIONS", is_wide),
            head("CALLS", is_wide && counted),
            head("MS", is_wide),
        ],
        2,
        1,
    );
    for report in worst_first(reports) {
        table.line("");
        table.line(title(report));
        for finding in &report.findings {
            table.row(row(finding, is_wide));
            for error in &finding.errors {
                let style = if error.is_failure() { BAD } else { DOUBTFUL };
                let head =
                    format!("    {} {}: ", styled(style, harmless(&error.severity)), harmless(&error.code));
                table.line(wrapped(&head, &[harmless(&error.message)], ""));
            }
        }
        for line in not_asked(report) {
            table.line(line);
        }
    }
    table.to_string()
}

/// The relays that were not asked, by reason.
fn not_asked(report: &Report) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in &report.not_asked {
        match reasons.iter_mut().find(|(why, _)| *why == one.why) {
            Some((_, relays)) => relays.push(&one.relay),
            None => reasons.push((&one.why, vec![&one.relay])),
        }
    }
    let line = |(why, relays): (&str, Vec<&str>)| {
        let text = format!("{}: {}", harmless(&relays.join(", ")), harmless(why));
        styled(DIM, wrapped(&format!("  {}: ", words::NOT_ASKED), &[text], ""))
    };
    reasons.into_iter().map(line).collect()
}

/// Value, type and note, with the note on a second line if the first is full.
fn title(report: &Report) -> String {
    let value = harmless(&report.about.value);
    let kind = &report.about.kind;
    let mark = styled(report.alarm().style(), if report.is_blank() { "○" } else { "●" });
    let head = format!("{mark} {}  {}", styled(BOLD, &value), styled(DIM, kind));
    let Some(note) = &report.note else { return head };
    let length = [&value, kind, note].map(|text| 2 + columns(text)).iter().sum::<usize>();
    let line_end = if length <= width() { "" } else { "\n" };
    format!("{head}{line_end}  {}", styled(DIM, note))
}

fn row(finding: &Finding, is_wide: bool) -> [Cell; 8] {
    let Finding { entities, .. } = finding;
    let (verdict, verdict_style) = match entities.disposition() {
        Some(disposition) => (disposition.name(), disposition_style(Some(disposition))),
        None if !entities.is_empty() => ("–", DIM),
        None if finding.has_failed() => (words::FAILED, BAD),
        None => (words::NOTHING_KNOWN, DIM),
    };
    let number = |number: usize| if is_wide { Cell::number(number) } else { Cell::new(PLAIN, "") };
    [
        Cell::new(PLAIN, harmless(&finding.relay)),
        Cell::new(verdict_style, verdict),
        Cell::number(entities.sightings.docs.len()),
        number(entities.indicators.docs.len()),
        number(entities.judgements.docs.len()),
        number(entities.relations().count()),
        finding.calls.map_or(Cell::new(PLAIN, ""), number),
        Cell::new(
            DIM,
            if is_wide { format!("{:.0}", finding.took.as_secs_f64() * 1000.0) } else { String::new() },
        ),
    ]
}
