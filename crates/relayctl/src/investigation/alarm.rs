//! How much attention an observable needs: by verdicts, and by the severity of alerts about it.

use super::Report;
use crate::answer::{Disposition, Sighting};
use crate::ui::{BAD, DOUBTFUL, Style, disposition_style};

/// What stands out, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// A bad verdict.
    Malicious,
    /// An alert of high or critical severity.
    HighSeverity,
    /// A doubtful verdict.
    Suspicious,
    /// An alert of medium severity.
    MediumSeverity,
    /// It was seen, and nobody says what it is.
    Seen,
    /// No more than a harmless verdict.
    Calm(Option<Disposition>),
    /// Nobody knows anything.
    Blank,
}

impl Alarm {
    /// In words, where it needs attention.
    pub(crate) fn words(self) -> Option<&'static str> {
        match self {
            Self::Malicious => Some("Malicious"),
            Self::HighSeverity => Some("Alert of high severity"),
            Self::Suspicious => Some("Suspicious"),
            Self::MediumSeverity => Some("Alert of medium severity"),
            Self::Seen | Self::Calm(_) | Self::Blank => None,
        }
    }

    /// The style of its mark.
    pub(crate) fn style(self) -> Style {
        match self {
            Self::Malicious | Self::HighSeverity => BAD,
            Self::Suspicious | Self::MediumSeverity => DOUBTFUL,
            Self::Calm(disposition) => disposition_style(disposition),
            Self::Seen | Self::Blank => disposition_style(None),
        }
    }
}

impl Report {
    /// The worst disposition of all relays.
    pub(crate) fn disposition(&self) -> Option<Disposition> {
        self.findings.iter().filter_map(|finding| finding.entities.disposition()).min()
    }

    /// How much attention it needs.
    pub(crate) fn alarm(&self) -> Alarm {
        let by_verdict = match self.disposition() {
            Some(Disposition::Malicious) => Alarm::Malicious,
            Some(Disposition::Suspicious) => Alarm::Suspicious,
            other => Alarm::Calm(other),
        };
        let sightings = self.findings.iter().flat_map(|finding| &finding.entities.sightings.docs);
        let by_alerts = sightings.filter_map(by_severity).min().unwrap_or(Alarm::Blank);
        match by_verdict.min(by_alerts) {
            Alarm::Calm(None) if self.is_blank() => Alarm::Blank,
            Alarm::Calm(None) => Alarm::Seen,
            alarm => alarm,
        }
    }

    /// Whether no relay found anything.
    pub(super) fn is_blank(&self) -> bool {
        self.findings.iter().all(|finding| finding.entities.is_empty())
    }
}

fn by_severity(sighting: &Sighting) -> Option<Alarm> {
    match sighting.severity.as_deref() {
        Some("Critical" | "High") => Some(Alarm::HighSeverity),
        Some("Medium") => Some(Alarm::MediumSeverity),
        _ => None,
    }
}

/// What stands out first, those without findings last. Otherwise in the order of the list.
pub(super) fn worst_first(reports: &[Report]) -> Vec<&Report> {
    let mut sorted: Vec<&Report> = reports.iter().collect();
    sorted.sort_by_key(|report| report.alarm());
    sorted
}
