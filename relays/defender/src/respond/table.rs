//! All actions.

use serde_json::{Map, Value, json};

use crate::client::changes::MachineCall;
use crate::subject::Subject;

/// How the actions of indicators are called
/// (<https://learn.microsoft.com/defender-endpoint/api/post-ti-indicator>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// `Audit` and `Block`.
    Current,
    /// `Alert` and `AlertAndBlock`, as before 2022.
    Legacy,
}

/// An action.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// What the platform sends back.
    pub(super) id: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// What it does.
    pub(super) effect: Effect,
}

/// What an action does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Adds an indicator.
    Add {
        /// Only files can be remediated.
        hashes_only: bool,
        /// With today's words.
        current: Indicator,
        /// With yesterday's.
        legacy: Indicator,
    },
    /// Removes an indicator.
    Remove,
    /// Asks something of a device.
    Machine {
        /// What the provider calls it in its list of available actions; the reverse actions are not in there.
        available_as: Option<&'static str>,
        /// The call.
        call: MachineCall,
        /// What the call's body says besides the comment.
        parameter: Option<(&'static str, &'static str)>,
    },
}

/// What an indicator says besides what it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Indicator {
    action: &'static str,
    severity: Option<&'static str>,
    generate_alert: bool,
}

const fn indicator(action: &'static str, severity: Option<&'static str>, generate_alert: bool) -> Indicator {
    Indicator { action, severity, generate_alert }
}

impl Indicator {
    /// Adds its fields to the body of a call.
    pub(super) fn write(&self, body: &mut Map<String, Value>) {
        body.insert("action".to_owned(), json!(self.action));
        if let Some(severity) = self.severity {
            body.insert("severity".to_owned(), json!(severity));
        }
        if self.generate_alert {
            body.insert("generateAlert".to_owned(), json!(true));
        }
    }
}

const HIGH: Option<&str> = Some("High");

const fn machine(
    id: &'static str,
    title: &'static str,
    available_as: Option<&'static str>,
    call: MachineCall,
    parameter: Option<(&'static str, &'static str)>,
) -> Entry {
    Entry { id, title, effect: Effect::Machine { available_as, call, parameter } }
}

/// All actions, in the order in which they are offered.
pub(super) static ACTIONS: [Entry; 15] = [
    Entry {
        id: "microsoft-defender-add-indicator-alert",
        title: "Add indicator: Alert",
        effect: Effect::Add {
            hashes_only: false,
            // An indicator that only audits must alert.
            current: indicator("Audit", HIGH, true),
            legacy: indicator("Alert", HIGH, false),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-alert-and-block",
        title: "Add indicator: Alert and Block",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Block", HIGH, true),
            legacy: indicator("AlertAndBlock", HIGH, false),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-allowed",
        title: "Add indicator: Allow",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Allowed", None, false),
            legacy: indicator("Allowed", None, false),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-warn",
        title: "Add indicator: Warn",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Warn", Some("Medium"), true),
            legacy: indicator("Warn", Some("Medium"), true),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-block-and-remediate",
        title: "Add indicator: Block and Remediate",
        effect: Effect::Add {
            hashes_only: true,
            current: indicator("BlockAndRemediate", HIGH, true),
            legacy: indicator("BlockAndRemediate", HIGH, true),
        },
    },
    Entry { id: "microsoft-defender-remove-indicator", title: "Remove indicator", effect: Effect::Remove },
    machine(
        "microsoft-defender-CollectInvestigationPackage",
        "Collect investigation package",
        Some("CollectInvestigationPackage"),
        MachineCall::Collect,
        None,
    ),
    machine(
        "microsoft-defender-InitiateInvestigation",
        "Initiate automated investigation",
        Some("InitiateInvestigation"),
        MachineCall::Investigate,
        None,
    ),
    machine(
        "microsoft-defender-FullIsolation",
        "Isolate Device: Full",
        Some("FullIsolation"),
        MachineCall::Isolate,
        Some(("IsolationType", "Full")),
    ),
    machine(
        "microsoft-defender-SelectiveIsolation",
        "Isolate Device: Selective",
        Some("SelectiveIsolation"),
        MachineCall::Isolate,
        Some(("IsolationType", "Selective")),
    ),
    machine(
        "microsoft-defender-RestrictCodeExecution",
        "Restrict app execution",
        Some("RestrictCodeExecution"),
        MachineCall::Restrict,
        None,
    ),
    machine(
        "microsoft-defender-RunAntiVirusScanFull",
        "Run antivirus scan: Full",
        Some("RunAntiVirusScan"),
        MachineCall::Scan,
        Some(("ScanType", "Full")),
    ),
    machine(
        "microsoft-defender-RunAntiVirusScanQuick",
        "Run antivirus scan: Quick",
        Some("RunAntiVirusScan"),
        MachineCall::Scan,
        Some(("ScanType", "Quick")),
    ),
    machine("microsoft-defender-Unisolate", "Release from isolation", None, MachineCall::Unisolate, None),
    machine(
        "microsoft-defender-UnrestrictCodeExecution",
        "Remove app restrictions",
        None,
        MachineCall::Unrestrict,
        None,
    ),
];

impl Entry {
    /// The action of this id.
    pub(super) fn find(id: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|entry| entry.id == id)
    }

    /// Whether it can be taken on a subject at all.
    pub(super) fn suits(&self, subject: &Subject) -> bool {
        let is_machine = matches!(subject, Subject::Machine(_));
        let is_hash = matches!(subject, Subject::Sha1(_) | Subject::Sha256(_) | Subject::Md5(_));
        match self.effect {
            Effect::Add { hashes_only, .. } => !is_machine && (is_hash || !hashes_only),
            Effect::Remove => !is_machine,
            Effect::Machine { .. } => is_machine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_different_and_offered_ones_sorted_by_title() {
        let ids: std::collections::HashSet<_> = ACTIONS.iter().map(|entry| entry.id).collect();
        assert_eq!(ids.len(), ACTIONS.len());
        let forward = |entry: &&Entry| matches!(entry.effect, Effect::Machine { available_as: Some(_), .. });
        assert!(ACTIONS.iter().filter(forward).map(|entry| entry.title).is_sorted());
    }
}
