//! The hunting queries of tiles. They hold no value that comes from outside.

use relay_core::tiles::Window;

use crate::search::query::hunting::MOST_DAYS;

/// How far back the call looks: as far as hunting reaches, since the query has the start of the window.
pub(super) const DAYS: u32 = MOST_DAYS;
/// How many things with most alerts are shown.
pub(super) const MOST: usize = 10;

/// What one hunting query counts; a list of alerts serves all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Alerts by time, severity and source.
    Alerts,
    /// Alerts by device.
    Devices,
    /// Alerts by account.
    Users,
}

impl Counted {
    /// The column with the things that alerts are counted of.
    pub(super) fn column(self) -> &'static str {
        match self {
            Self::Alerts => "Bucket",
            Self::Devices => "DeviceName",
            Self::Users => "AccountUpn",
        }
    }
}

/// The query of what is counted.
pub(super) fn of(counted: Counted, window: &Window) -> String {
    let start = window.start_text();
    let most = |column: &str| {
        format!(
            "AlertEvidence | where Timestamp >= datetime({start}) | where isnotempty({column}) | summarize Alerts = \
             dcount(AlertId) by {column} | top {MOST} by Alerts desc"
        )
    };
    match counted {
        Counted::Devices | Counted::Users => most(counted.column()),
        // An alert has a row for each change of it.
        Counted::Alerts => {
            let step = if window.step.as_hours() < 24 { "1h" } else { "1d" };
            format!(
                "AlertInfo | where Timestamp >= datetime({start}) | summarize Created = min(Timestamp), \
                 arg_max(Timestamp, Severity, ServiceSource) by AlertId | summarize Alerts = count() by Bucket = \
                 bin(Created, {step}), Severity, ServiceSource"
            )
        }
    }
}

#[cfg(test)]
mod proof;
