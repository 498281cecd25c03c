//! What an investigation comes to: why the bad ones are bad, and how the observables hang together.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use super::table::by_urgency;
use super::{Dossier, Finding};
use crate::answer::Disposition;
use crate::ui::{BOLD, DIM, WIDTH, count, cut, disposition_style, harmless, styled, wrapped};

/// Titles told of one relay's finding; more are counted.
const TITLES: usize = 6;
/// Characters of a title.
const TITLE: usize = 70;

pub(super) fn render(dossiers: &[Dossier], took: Duration) -> String {
    let mut out = String::new();
    let alarming: Vec<&Dossier> = by_urgency(dossiers)
        .into_iter()
        .filter(|dossier| dossier.disposition().is_some_and(Disposition::is_alarming))
        .collect();
    if !alarming.is_empty() {
        let _ = writeln!(out, "{}", styled(BOLD, "What stands out"));
    }
    for dossier in alarming {
        let disposition = dossier.disposition();
        let _ = writeln!(
            out,
            "{}  {}",
            styled(disposition_style(disposition), disposition.map_or("", Disposition::name)),
            harmless(&dossier.about.value)
        );
        let told: Vec<(&str, Vec<String>)> = dossier
            .findings
            .iter()
            .map(|finding| (finding.relay, reasons(finding)))
            .filter(|(_, reasons)| !reasons.is_empty())
            .collect();
        let width = told.iter().map(|(relay, _)| relay.len()).max().unwrap_or_default();
        for (relay, reasons) in told {
            let _ = writeln!(out, "{}", wrapped(&format!("  {relay:<width$}  "), &reasons, "; "));
        }
    }
    let connections = connections(dossiers);
    if !connections.is_empty() {
        let _ = writeln!(out, "\n{}", styled(BOLD, "How they hang together"));
        out.push_str(&connections.concat());
    }
    let _ = writeln!(out, "\n{}", styled(DIM, totals(dossiers, took)));
    out
}

/// What a relay's finding says in words: the titles of indicators, then those of sightings that add to them.
fn reasons(finding: &Finding) -> Vec<String> {
    let entities = &finding.entities;
    let indicators = entities.indicators.docs.iter().filter_map(|one| one.title.as_deref());
    let sightings = entities.sightings.docs.iter().filter_map(|one| one.title.as_deref());
    let mut told: Vec<String> = Vec::new();
    for title in indicators.chain(sightings) {
        let title = cut(&harmless(title), TITLE);
        if !told.iter().any(|known| title.contains(known.as_str())) {
            told.push(title);
        }
    }
    let rest = told.len().saturating_sub(TITLES);
    told.truncate(TITLES);
    if rest > 0 {
        told.push(format!("{rest} more"));
    }
    told
}

/// The relations between two observables of the list, each once, with the relays that tell of it; these on a
/// line of their own where the first is full.
fn connections(dossiers: &[Dossier]) -> Vec<String> {
    let asked = |value: &str| dossiers.iter().any(|dossier| dossier.about.value == value);
    let mut told: Vec<(String, Vec<&str>)> = Vec::new();
    for finding in dossiers.iter().flat_map(|dossier| &dossier.findings) {
        for relation in finding.entities.relations() {
            let (source, related) = (relation.source.value.as_str(), relation.related.value.as_str());
            if !asked(source) || !asked(related) {
                continue;
            }
            let kind = relation.kind.replace('_', " ");
            // Both ends stand in full in the table above; here they only have to be told apart.
            let room = WIDTH.saturating_sub(kind.chars().count() + 4) / 2;
            let text = harmless(&format!("{}  {kind}  {}", cut(source, room), cut(related, room)));
            match told.iter_mut().find(|(known, _)| *known == text) {
                None => told.push((text, vec![finding.relay])),
                Some((_, relays)) if relays.contains(&finding.relay) => {}
                Some((_, relays)) => relays.push(finding.relay),
            }
        }
    }
    let line = |(text, relays): (String, Vec<&str>)| {
        let relays = format!("({})", relays.join(", "));
        let fits = text.chars().count() + 2 + relays.len() <= WIDTH;
        format!("{text}{}  {}\n", if fits { "" } else { "\n" }, styled(DIM, relays))
    };
    told.into_iter().map(line).collect()
}

fn totals(dossiers: &[Dossier], took: Duration) -> String {
    let findings = || dossiers.iter().flat_map(|dossier| &dossier.findings);
    let mut parts = vec![
        count(findings().count(), "lookup"),
        count(findings().map(|finding| finding.calls).sum(), "provider call"),
        format!("{:.2} s in all", took.as_secs_f64()),
    ];
    let left: BTreeSet<&str> =
        dossiers.iter().filter(|one| one.findings.is_empty()).map(|one| one.about.kind.as_str()).collect();
    if !left.is_empty() {
        let kinds: Vec<&str> = left.into_iter().collect();
        parts.push(format!("not looked up by any relay: {}", kinds.join(", ")));
    }
    wrapped("", &parts, "; ")
}
