//! An investigation as one JSON document, for programs. `docs/relayctl.md` describes its fields.

use serde_json::{Value, json};

use super::{Finding, Report, Results};
use crate::answer::{Disposition, words};

impl Results {
    /// The document.
    pub(crate) fn document(&self, notes: &[String]) -> Value {
        json!({
            "observables": self.reports.iter().map(report).collect::<Vec<_>>(),
            "notes": notes,
            "took_ms": millis(self.took),
        })
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn report(report: &Report) -> Value {
    let asked = report.findings.iter().map(finding);
    let not_asked = report
        .not_asked
        .iter()
        .map(|one| json!({"relay": one.relay, "outcome": words::NOT_ASKED, "why": one.why}));
    json!({
        "type": report.about.kind,
        "value": report.about.value,
        "verdict": report.disposition().map(Disposition::name),
        "relays": asked.chain(not_asked).collect::<Vec<_>>(),
    })
}

/// What one relay says. The workbench sends the same to its page.
pub(crate) fn finding(finding: &Finding) -> Value {
    json!({
        "relay": finding.relay,
        "outcome": finding.outcome(),
        "verdict": finding.entities.disposition().map(Disposition::name),
        "sightings": finding.entities.sightings.docs.len(),
        "took_ms": millis(finding.took),
        "errors": finding.errors,
        "data": finding.data,
    })
}
