//! X-Force's scales and what they mean in CTIM. It never calls anything clean.

use relay_core::ctim::{Disposition, Severity};

/// Disposition and severity that a figure of X-Force comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rating {
    pub(super) disposition: Disposition,
    pub(super) severity: Severity,
}

impl Rating {
    const fn new(disposition: Disposition, severity: Severity) -> Self {
        Self { disposition, severity }
    }

    /// A category that says what kind of thing the observable is, not that it is hostile.
    pub(super) const NEUTRAL: Self = Self::new(Disposition::Unknown, Severity::Low);

    /// A risk score from 0 to 10; 0 and nothing mean that there is no opinion.
    pub(super) fn of_score(score: Option<f64>) -> Self {
        match score {
            Some(score) if score > 6.9 => Self::new(Disposition::Malicious, Severity::High),
            Some(score) if score > 3.9 => Self::new(Disposition::Suspicious, Severity::Medium),
            Some(score) if score != 0.0 && !score.is_nan() => Self::NEUTRAL,
            _ => Self::new(Disposition::Unknown, Severity::Unknown),
        }
    }

    /// The risk of a file in words.
    pub(super) fn of_risk(risk: Option<&str>) -> Self {
        match risk.map(str::to_ascii_lowercase).as_deref() {
            None => Self::new(Disposition::Unknown, Severity::None),
            Some("low") => Self::NEUTRAL,
            Some("medium") => Self::new(Disposition::Suspicious, Severity::Medium),
            Some("high") => Self::new(Disposition::Malicious, Severity::High),
            Some(_) => Self::new(Disposition::Unknown, Severity::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Disposition::{Malicious, Suspicious, Unknown};

    #[test]
    fn scores_are_compared_as_they_are_not_rounded() {
        let table = [
            (Some(0.0), Unknown, Severity::Unknown),
            (None, Unknown, Severity::Unknown),
            (Some(f64::NAN), Unknown, Severity::Unknown),
            (Some(1.0), Unknown, Severity::Low),
            (Some(3.9), Unknown, Severity::Low),
            (Some(3.95), Suspicious, Severity::Medium),
            (Some(6.9), Suspicious, Severity::Medium),
            (Some(6.95), Malicious, Severity::High),
            (Some(10.0), Malicious, Severity::High),
            (Some(10.1), Malicious, Severity::High),
        ];
        for (score, disposition, severity) in table {
            assert_eq!(Rating::of_score(score), Rating { disposition, severity }, "{score:?}");
        }
    }

    #[test]
    fn an_unknown_word_for_a_risk_is_no_failure() {
        let table = [
            (None, Unknown, Severity::None),
            (Some("low"), Unknown, Severity::Low),
            (Some("Medium"), Suspicious, Severity::Medium),
            (Some("HIGH"), Malicious, Severity::High),
            (Some("critical"), Unknown, Severity::Unknown),
            (Some(""), Unknown, Severity::Unknown),
        ];
        for (risk, disposition, severity) in table {
            assert_eq!(Rating::of_risk(risk), Rating { disposition, severity }, "{risk:?}");
        }
    }
}
