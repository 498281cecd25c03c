//! The summary of an investigation: reasons for bad verdicts, relations between the observables, and pages to read on.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::alarm::worst_first;
use super::{Finding, Report};
use crate::ui::{BAD, BOLD, DIM, columns, count, cut, harmless, styled, width, wrapped};

/// Titles shown per finding; further ones are counted.
const TITLES: usize = 6;
/// Longest title, in characters.
const TITLE: usize = 70;

pub(super) fn render(reports: &[Report], took: Duration) -> String {
    let mut out = String::new();
    let alarming: Vec<(&Report, &str)> = worst_first(reports)
        .into_iter()
        .filter_map(|report| report.alarm().words().map(|words| (report, words)))
        .collect();
    if !alarming.is_empty() {
        let _ = writeln!(out, "{}", styled(BOLD, "What stands out"));
    }
    for (report, words) in alarming {
        let _ = writeln!(out, "{}  {}", styled(report.alarm().style(), words), harmless(&report.about.value));
        let lines: Vec<(&str, Vec<String>)> = report
            .findings
            .iter()
            .map(|finding| (finding.relay.as_str(), reasons(finding)))
            .filter(|(_, reasons)| !reasons.is_empty())
            .collect();
        let width = lines.iter().map(|(relay, _)| relay.len()).max().unwrap_or_default();
        for (relay, reasons) in lines {
            let _ = writeln!(out, "{}", wrapped(&format!("  {relay:<width$}  "), &reasons, "; "));
        }
    }
    let connections = connections(reports);
    if !connections.is_empty() {
        let _ = writeln!(out, "\n{}", styled(BOLD, "Relations between them"));
        out.push_str(&connections.concat());
    }
    let pages = pages(reports);
    if !pages.is_empty() {
        let _ = writeln!(out, "\n{}", styled(BOLD, "Where to read on"));
        out.push_str(&pages.concat());
    }
    let failures = failures(reports);
    if !failures.is_empty() {
        let _ = writeln!(out, "\n{}", styled(BAD, "What failed"));
        out.push_str(&failures.concat());
    }
    let _ = writeln!(out, "\n{}", styled(DIM, totals(reports, took)));
    out
}

/// A finding in words: the titles of indicators, then those of sightings that add something.
fn reasons(finding: &Finding) -> Vec<String> {
    let entities = &finding.entities;
    let indicators = entities.indicators.docs.iter().filter_map(|one| one.title.as_deref());
    let sightings = entities.sightings.docs.iter().filter_map(|one| one.title.as_deref());
    let mut lines: Vec<String> = Vec::new();
    for title in indicators.chain(sightings) {
        let title = cut(&harmless(title), TITLE);
        if !lines.iter().any(|known| title.contains(known.as_str())) {
            lines.push(title);
        }
    }
    let rest = lines.len().saturating_sub(TITLES);
    lines.truncate(TITLES);
    if rest > 0 {
        lines.push(format!("{rest} more"));
    }
    lines
}

/// The relations between observables of the list, each once, with the relays that report it, on a second line if the
/// first is full.
fn connections(reports: &[Report]) -> Vec<String> {
    let asked = |value: &str| reports.iter().any(|report| report.about.value == value);
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for finding in reports.iter().flat_map(|report| &report.findings) {
        for relation in finding.entities.relations() {
            let (source, related) = (relation.source.value.as_str(), relation.related.value.as_str());
            if !asked(source) || !asked(related) {
                continue;
            }
            let kind = relation.kind.replace('_', " ");
            // The table above has both values in full; here they only need to be recognisable.
            let room = width().saturating_sub(kind.chars().count() + 4) / 2;
            let text = harmless(&format!("{}  {kind}  {}", cut(source, room), cut(related, room)));
            match lines.iter_mut().find(|(known, _)| *known == text) {
                None => lines.push((text, vec![&finding.relay])),
                Some((_, relays)) if relays.contains(&finding.relay.as_str()) => {}
                Some((_, relays)) => relays.push(&finding.relay),
            }
        }
    }
    let line = |(text, relays): (String, Vec<&str>)| {
        let relays = format!("({})", relays.join(", "));
        let fits = columns(&text) + 2 + columns(&relays) <= width();
        format!("{text}{}  {}\n", if fits { "" } else { "\n" }, styled(DIM, relays))
    };
    lines.into_iter().map(line).collect()
}

/// The page of one sighting per relay, of those of the worst observable first.
fn pages(reports: &[Report]) -> Vec<String> {
    let mut pages: Vec<(&str, &str)> = Vec::new();
    for finding in worst_first(reports).into_iter().flat_map(|report| &report.findings) {
        let page = finding.entities.sightings.docs.iter().find_map(|one| one.page.as_deref());
        if let Some(page) = page.filter(|_| pages.iter().all(|(relay, _)| *relay != finding.relay)) {
            pages.push((&finding.relay, page));
        }
    }
    let width = pages.iter().map(|(relay, _)| relay.len()).max().unwrap_or_default();
    // In full, so that it can be followed.
    let line = |(relay, page): (&str, &str)| format!("  {relay:<width$}  {}\n", harmless(page));
    pages.into_iter().map(line).collect()
}

/// Every failure once, with the relay and how many lookups it ended.
fn failures(reports: &[Report]) -> Vec<String> {
    let mut lines: Vec<(String, String, usize)> = Vec::new();
    for finding in reports.iter().flat_map(|report| &report.findings) {
        for problem in finding.errors.iter().filter(|problem| problem.is_failure()) {
            let text = format!("{}: {}", harmless(&problem.code), harmless(&problem.message));
            match lines.iter_mut().find(|(relay, known, _)| *relay == finding.relay && *known == text) {
                Some((.., times)) => *times += 1,
                None => lines.push((finding.relay.clone(), text, 1)),
            }
        }
    }
    let line = |(relay, text, times): (String, String, usize)| {
        let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
        format!("{}\n", wrapped(&format!("  {}  ", harmless(&relay)), &[format!("{text}{times}")], ""))
    };
    lines.into_iter().map(line).collect()
}

fn totals(reports: &[Report], took: Duration) -> String {
    let findings = || reports.iter().flat_map(|report| &report.findings);
    let mut parts =
        vec![count(findings().count(), "lookup"), format!("{:.2} s in total", took.as_secs_f64())];
    let calls: Option<usize> = findings().map(|finding| finding.calls).sum();
    if let Some(calls) = calls.filter(|_| findings().next().is_some()) {
        parts.insert(1, count(calls, "provider call"));
    }
    let left: BTreeSet<&str> =
        reports.iter().filter(|one| one.findings.is_empty()).map(|one| one.about.kind.as_str()).collect();
    if !left.is_empty() {
        let kinds: Vec<&str> = left.into_iter().collect();
        parts.push(format!("not looked up by any relay: {}", kinds.join(", ")));
    }
    wrapped("", &parts, "; ")
}
