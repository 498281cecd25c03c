//! The generated network: which values were seen in it, by which rules they were detected, and its devices.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use crate::seeded::Rng;

/// A value that sensors see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity {
    field: &'static str,
    value: String,
}

impl Entity {
    /// None for a text that is no address, name or hash.
    pub(super) fn of(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self { field: "ip", value: address.to_string() });
        }
        let hash = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let field = match text.len() {
            32 if hash => "md5",
            40 if hash => "sha1",
            64 if hash => "sha256",
            1..=253 if is_name(text) => "domain",
            _ => return None,
        };
        Some(Self { field, value: text.to_ascii_lowercase() })
    }

    /// What the query language calls it.
    pub(super) fn field(&self) -> &'static str {
        self.field
    }

    /// In lower case, as the sensors write it.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// Whether it is an address of the user's own network.
    pub(super) fn is_internal(&self) -> bool {
        self.value.parse().is_ok_and(|address: Ipv4Addr| address.is_private())
    }

    /// The generator for one fact about it.
    pub(super) fn rng(&self, fact: &str) -> Rng {
        Rng::new(&["gigamon", fact, &self.value])
    }

    /// How the network knows it.
    pub(super) fn visibility(&self) -> Visibility {
        match STORY.iter().find(|(value, _)| *value == self.value) {
            Some((_, visibility)) => *visibility,
            None => match self.rng("standing").below(100) {
                0..30 => Visibility::Unseen,
                30..60 => Visibility::Seen,
                _ => Visibility::Detected,
            },
        }
    }
}

fn is_name(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}

/// How the network knows a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// Never.
    Unseen,
    /// It occurs in traffic.
    Seen,
    /// It occurs in traffic, and rules found that bad.
    Detected,
}

/// What is known about the values of the demonstration.
const STORY: &[(&str, Visibility)] = &[
    ("login-verify.example", Visibility::Detected),
    ("203.0.113.9", Visibility::Detected),
    ("2001:db8:85a3::8a2e:370:7334", Visibility::Seen),
    ("474b9ccf5ab9d72ca8a333889bbb34f0", Visibility::Detected),
    ("ca118f05d354d16d50ffe2f421abce38d8bacffc", Visibility::Seen),
    ("323bd9118547125694702f46aa6f4bb7087cd3844d0a1db84473e4f422911ef9", Visibility::Detected),
    ("198.51.100.7", Visibility::Seen),
    ("quiet-garden.example", Visibility::Unseen),
    (MUTED, Visibility::Detected),
    (BUSY, Visibility::Seen),
    (EVERY_KIND, Visibility::Seen),
];

/// Its detections are muted, in each of the three ways.
pub(super) const MUTED: &str = "muted-scanner.example";
/// It has more events in a week than an answer holds.
pub(super) const BUSY: &str = "busy-hub.example";
/// It occurs in events of every type.
pub(super) const EVERY_KIND: &str = "every-kind.example";

/// A rule: what it is called, what it is about, how bad and how sure, and which technique it finds.
pub(super) struct Rule {
    pub(super) uuid: &'static str,
    /// The field of the value that its detections are about, by [`Entity::field`].
    pub(super) about: &'static str,
    name: &'static str,
    category: &'static str,
    description: &'static str,
    pub(super) severity: &'static str,
    confidence: &'static str,
    attack: Option<&'static str>,
}

/// All rules; those of hashes are about every kind of hash.
pub(super) const RULES: &[Rule] = &[
    Rule {
        uuid: "4c2d7d0a-1f52-4a0e-9f1e-6b4b1b1f0a01",
        about: "domain",
        name: "Lookup of a newly registered domain with beaconing",
        category: "Attack:Command and Control",
        description: "Fires when a device resolves a young domain at regular intervals.",
        severity: "high",
        confidence: "moderate",
        attack: Some("T1071.004"),
    },
    Rule {
        uuid: "4c2d7d0a-1f52-4a0e-9f1e-6b4b1b1f0a02",
        about: "domain",
        name: "Credentials sent to an imitated sign-in page",
        category: "Attack:Infection Vector",
        description: "Fires when a form with a password goes to a host whose name imitates another.",
        severity: "moderate",
        confidence: "high",
        attack: Some("T1566.002"),
    },
    Rule {
        uuid: "4c2d7d0a-1f52-4a0e-9f1e-6b4b1b1f0a03",
        about: "ip",
        name: "Long connection to a rare external address",
        category: "Attack:Command and Control",
        description: "Fires when a device keeps a connection to an address that few others talk to.",
        severity: "moderate",
        confidence: "moderate",
        attack: Some("T1571"),
    },
    Rule {
        uuid: "4c2d7d0a-1f52-4a0e-9f1e-6b4b1b1f0a04",
        about: "ip",
        name: "Outbound SSH to an address without a name",
        category: "Posture:Anomalous Activity",
        description: "Fires when a device opens SSH sessions to an address that no name resolves to.",
        severity: "low",
        confidence: "low",
        attack: None,
    },
    Rule {
        uuid: "4c2d7d0a-1f52-4a0e-9f1e-6b4b1b1f0a05",
        about: "file",
        name: "Download of a known malicious program",
        category: "Attack:Installation",
        description: "Fires when a device downloads a file whose hash is on a list of malware.",
        severity: "high",
        confidence: "high",
        attack: Some("T1105"),
    },
];

impl Rule {
    /// Whether its detections are about such values.
    pub(super) fn suits(&self, entity: &Entity) -> bool {
        match entity.field() {
            "ip" | "domain" => self.about == entity.field(),
            _ => self.about == "file",
        }
    }

    /// As the API shows it.
    pub(super) fn json(&self) -> Value {
        json!({
            "uuid": self.uuid,
            "account_uuid": "b1f533b5-6360-494a-9f8b-9d90f1ad0207",
            "shared_account_uuids": null,
            "run_account_uuids": null,
            "name": self.name,
            "category": self.category,
            "query_signature": null,
            "description": self.description,
            "severity": self.severity,
            "confidence": self.confidence,
            "specificity": "tactic",
            "primary_attack_id": self.attack,
            "secondary_attack_id": null,
            "enabled": true,
            "auto_resolution_minutes": 10080,
            "device_ip_fields": ["DEFAULT"],
            "indicator_fields": [],
            "source_excludes": [],
            "created": "2025-11-20T10:00:00.000000Z",
            "updated": "2026-01-05T09:30:00.000000Z",
            "critical_updated": "2026-01-05T09:30:00.000000Z",
            "rule_accounts": [],
        })
    }
}

/// The address of a device in the network.
pub(super) fn device(rng: &mut Rng) -> String {
    format!("10.20.{}.{}", rng.below(4) + 30, rng.below(60) + 20)
}
