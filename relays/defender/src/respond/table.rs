//! All actions.

use serde_json::{Map, Value, json};

use crate::api::actions::MachineCall;
use crate::api::indicators::indicator_type;
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

/// The groups of actions that an operator allows.
pub static GROUPS: [&str; 8] =
    ["indicators", "isolate", "restrict", "scan", "collect", "investigate", "quarantine", "cancel"];

/// An action.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// What the platform sends back.
    pub(super) id: &'static str,
    /// The group that it is in.
    pub(super) group: &'static str,
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
        /// What the call's body holds in addition to the comment.
        parameter: Option<(&'static str, &'static str)>,
    },
    /// Stops a file on a device and quarantines it.
    Quarantine,
    /// Cancels an action that has not ended.
    Cancel,
}

/// What an indicator says of its value.
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
    group: &'static str,
    title: &'static str,
    available_as: Option<&'static str>,
    call: MachineCall,
    parameter: Option<(&'static str, &'static str)>,
) -> Entry {
    Entry { id, group, title, effect: Effect::Machine { available_as, call, parameter } }
}

/// All actions, in the order in which they are offered.
pub(super) static ACTIONS: [Entry; 17] = [
    Entry {
        id: "microsoft-defender-add-indicator-alert",
        group: "indicators",
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
        group: "indicators",
        title: "Add indicator: Alert and Block",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Block", HIGH, true),
            legacy: indicator("AlertAndBlock", HIGH, false),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-allowed",
        group: "indicators",
        title: "Add indicator: Allow",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Allowed", None, false),
            legacy: indicator("Allowed", None, false),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-warn",
        group: "indicators",
        title: "Add indicator: Warn",
        effect: Effect::Add {
            hashes_only: false,
            current: indicator("Warn", Some("Medium"), true),
            legacy: indicator("Warn", Some("Medium"), true),
        },
    },
    Entry {
        id: "microsoft-defender-add-indicator-block-and-remediate",
        group: "indicators",
        title: "Add indicator: Block and Remediate",
        effect: Effect::Add {
            hashes_only: true,
            current: indicator("BlockAndRemediate", HIGH, true),
            legacy: indicator("BlockAndRemediate", HIGH, true),
        },
    },
    Entry {
        id: "microsoft-defender-remove-indicator",
        group: "indicators",
        title: "Remove indicator",
        effect: Effect::Remove,
    },
    Entry {
        id: "microsoft-defender-StopAndQuarantineFile",
        group: "quarantine",
        title: "Stop and quarantine file",
        effect: Effect::Quarantine,
    },
    machine(
        "microsoft-defender-CollectInvestigationPackage",
        "collect",
        "Collect investigation package",
        Some("CollectInvestigationPackage"),
        MachineCall::Collect,
        None,
    ),
    machine(
        "microsoft-defender-InitiateInvestigation",
        "investigate",
        "Initiate automated investigation",
        Some("InitiateInvestigation"),
        MachineCall::Investigate,
        None,
    ),
    machine(
        "microsoft-defender-FullIsolation",
        "isolate",
        "Isolate Device: Full",
        Some("FullIsolation"),
        MachineCall::Isolate,
        Some(("IsolationType", "Full")),
    ),
    machine(
        "microsoft-defender-SelectiveIsolation",
        "isolate",
        "Isolate Device: Selective",
        Some("SelectiveIsolation"),
        MachineCall::Isolate,
        Some(("IsolationType", "Selective")),
    ),
    machine(
        "microsoft-defender-RestrictCodeExecution",
        "restrict",
        "Restrict app execution",
        Some("RestrictCodeExecution"),
        MachineCall::Restrict,
        None,
    ),
    machine(
        "microsoft-defender-RunAntiVirusScanFull",
        "scan",
        "Run antivirus scan: Full",
        Some("RunAntiVirusScan"),
        MachineCall::Scan,
        Some(("ScanType", "Full")),
    ),
    machine(
        "microsoft-defender-RunAntiVirusScanQuick",
        "scan",
        "Run antivirus scan: Quick",
        Some("RunAntiVirusScan"),
        MachineCall::Scan,
        Some(("ScanType", "Quick")),
    ),
    machine(
        "microsoft-defender-Unisolate",
        "isolate",
        "Release from isolation",
        None,
        MachineCall::Unisolate,
        None,
    ),
    machine(
        "microsoft-defender-UnrestrictCodeExecution",
        "restrict",
        "Remove app restrictions",
        None,
        MachineCall::Unrestrict,
        None,
    ),
    Entry {
        id: "microsoft-defender-cancel-action",
        group: "cancel",
        title: "Cancel",
        effect: Effect::Cancel,
    },
];

impl Entry {
    /// The action of this id.
    pub(super) fn find(id: &str) -> Option<&'static Self> {
        ACTIONS.iter().find(|entry| entry.id == id)
    }

    /// The action with this effect.
    pub(super) fn with(effect: &Effect) -> Option<&'static Self> {
        ACTIONS.iter().find(|entry| entry.effect == *effect)
    }

    /// Whether it can be taken on a subject at all. An action on a device can be, if the device is known.
    pub(super) fn suits(&self, subject: &Subject) -> bool {
        match self.effect {
            Effect::Add { hashes_only, .. } => {
                indicator_type(subject).is_some() && (subject.is_hash() || !hashes_only)
            }
            Effect::Remove => indicator_type(subject).is_some(),
            Effect::Machine { .. } | Effect::Cancel => {
                matches!(subject, Subject::Machine(_) | Subject::Hostname(_) | Subject::Address(_))
            }
            Effect::Quarantine => matches!(subject, Subject::Sha1(_) | Subject::Sha256(_)),
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
        assert!(ACTIONS.iter().all(|entry| GROUPS.contains(&entry.group)));
        let forward = |entry: &&Entry| matches!(entry.effect, Effect::Machine { available_as: Some(_), .. });
        assert!(ACTIONS.iter().filter(forward).map(|entry| entry.title).is_sorted());
    }
}
