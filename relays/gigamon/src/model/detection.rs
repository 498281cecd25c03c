//! Detections and the rules that opened them
//! (<https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/fnc-python-library/911438>).

use relay_core::ctim::ObservedTime;
use relay_core::lenient::{self, List, required};
use serde::Deserialize;

use super::{Event, filled, time};

/// `GET /v1/detections`.
#[derive(Debug, Deserialize)]
pub struct DetectionPage {
    /// Detections of this page.
    #[serde(deserialize_with = "required")]
    pub detections: List<Detection>,
    /// Their rules, perhaps not all.
    #[serde(default, deserialize_with = "lenient::list")]
    pub rules: Vec<Rule>,
    /// How many detections there are on all pages.
    #[serde(default, deserialize_with = "lenient::field")]
    pub total_count: Option<i64>,
}

impl DetectionPage {
    /// How many detections there are on all pages, if the provider says so in a number that can be one.
    pub fn total(&self) -> Option<usize> {
        usize::try_from(self.total_count?).ok()
    }
}

/// A rule matched traffic of a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Detection {
    /// Identifies it; one without is passed over.
    #[serde(deserialize_with = "lenient::field")]
    pub uuid: Option<String>,
    /// Its rule.
    #[serde(deserialize_with = "lenient::field")]
    pub rule_uuid: Option<String>,
    /// The account that it belongs to.
    #[serde(deserialize_with = "lenient::field")]
    pub account_uuid: Option<String>,
    /// Which sensor saw it.
    #[serde(deserialize_with = "lenient::field")]
    pub sensor_id: Option<String>,
    /// The device's address, or a network in CIDR notation.
    #[serde(deserialize_with = "lenient::field")]
    pub device_ip: Option<String>,
    /// The device's name.
    #[serde(deserialize_with = "lenient::field")]
    pub hostname: Option<String>,
    /// Who uses the device.
    #[serde(deserialize_with = "lenient::field")]
    pub username: Option<String>,
    /// Whether the detection itself is muted.
    #[serde(deserialize_with = "lenient::field")]
    pub muted: Option<bool>,
    /// Whether its rule is.
    #[serde(deserialize_with = "lenient::field")]
    pub muted_rule: Option<bool>,
    /// Its device, where that is muted.
    #[serde(deserialize_with = "lenient::field")]
    pub muted_device_uuid: Option<String>,
    /// Why it is muted.
    #[serde(deserialize_with = "lenient::field")]
    pub muted_comment: Option<String>,
    /// When its first event was seen.
    #[serde(deserialize_with = "lenient::field")]
    pub first_seen: Option<String>,
    /// When its last event was seen.
    #[serde(deserialize_with = "lenient::field")]
    pub last_seen: Option<String>,
    /// When it was opened.
    #[serde(deserialize_with = "lenient::field")]
    pub created: Option<String>,
    /// How many events it has.
    #[serde(deserialize_with = "lenient::field")]
    pub event_count: Option<i64>,
    /// What its events have in common.
    #[serde(deserialize_with = "lenient::list")]
    pub indicators: Vec<IndicatorField>,
}

impl Detection {
    /// From its first to its last event; when it was opened where those are unknown.
    pub fn seen(&self) -> Option<ObservedTime> {
        let [first, last, created] =
            [&self.first_seen, &self.last_seen, &self.created].map(|moment| time(moment.as_deref()));
        let last = last.or(first).or(created)?;
        Some(ObservedTime::between(first.unwrap_or(last), last))
    }

    /// What the customer's own team has muted: the detection, its rule or its device.
    pub fn muted(&self) -> Option<&'static str> {
        if self.muted == Some(true) {
            Some("detection")
        } else if self.muted_rule == Some(true) {
            Some("rule")
        } else {
            filled(self.muted_device_uuid.as_deref()).map(|_| "device")
        }
    }
}

/// Values that a field took in the events of a detection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IndicatorField {
    /// A field of the query language, perhaps with an event type before it: `dns:query.domain`.
    #[serde(deserialize_with = "lenient::field")]
    pub field: Option<String>,
    /// The values.
    #[serde(deserialize_with = "lenient::list")]
    pub values: Vec<String>,
}

impl IndicatorField {
    /// Where in an event the values stand.
    pub fn path(&self) -> Option<&str> {
        let field = self.field.as_deref()?;
        filled(Some(field.rsplit_once(':').map_or(field, |(_, path)| path)))
    }

    /// Whether its values are addresses, names or hashes.
    pub fn names_values(&self) -> bool {
        const LAST: [&str; 9] =
            ["ip", "domain", "md5", "sha1", "sha256", "host", "server_name_indication", "san_dns", "san_ip"];
        self.path().is_some_and(|path| LAST.contains(&path.rsplit_once('.').map_or(path, |(_, last)| last)))
    }
}

/// `GET /v1/rules/{uuid}`.
#[derive(Debug, Deserialize)]
pub struct RuleAnswer {
    /// The rule.
    #[serde(deserialize_with = "required")]
    pub rule: Rule,
}

/// A saved query that opens detections.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Identifies it.
    #[serde(deserialize_with = "lenient::field")]
    pub uuid: Option<String>,
    /// What it is called.
    #[serde(deserialize_with = "lenient::field")]
    pub name: Option<String>,
    /// Such as `Attack:Command and Control`.
    #[serde(deserialize_with = "lenient::field")]
    pub category: Option<String>,
    /// What it finds.
    #[serde(deserialize_with = "lenient::field")]
    pub description: Option<String>,
    /// `high`, `moderate` or `low`.
    #[serde(deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// `high`, `moderate` or `low`.
    #[serde(deserialize_with = "lenient::field")]
    pub confidence: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "lenient::field")]
    pub created: Option<String>,
    /// MITRE ATT&CK technique.
    #[serde(deserialize_with = "lenient::field")]
    pub primary_attack_id: Option<String>,
    /// Another one.
    #[serde(deserialize_with = "lenient::field")]
    pub secondary_attack_id: Option<String>,
}

impl Rule {
    /// Its identifier, where it has one.
    pub fn id(&self) -> Option<&str> {
        filled(self.uuid.as_deref())
    }
}

/// An entry of `GET /v1/events`, which wraps the event.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wrapped {
    #[serde(deserialize_with = "lenient::field")]
    pub(super) event: Option<Event>,
}

lenient::object!(DetectionPage, Detection, IndicatorField, RuleAnswer, Rule, Wrapped);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_in_an_event_is_what_follows_the_event_type() {
        for (field, path, names_values) in [
            ("src.ip", Some("src.ip"), true),
            ("http:files.sha256", Some("files.sha256"), true),
            ("dns:answers.ip", Some("answers.ip"), true),
            ("a:b:host.domain", Some("host.domain"), true),
            ("domain", Some("domain"), true),
            ("suricata:http.host", Some("http.host"), true),
            ("x509:san_dns", Some("san_dns"), true),
            ("dns:qtype_name", Some("qtype_name"), false),
            ("src.ip.port", Some("src.ip.port"), false),
            ("", None, false),
        ] {
            let indicator = IndicatorField { field: Some(field.to_owned()), values: Vec::new() };
            assert_eq!((indicator.path(), indicator.names_values()), (path, names_values), "{field}");
        }
    }

    #[test]
    fn a_detection_without_a_time_was_never_seen() {
        let at = |text: &str| Some(text.to_owned());
        let mut detection = Detection { created: at("2026-03-02T08:20:00Z"), ..Detection::default() };
        let seen = detection.seen().unwrap();
        assert_eq!(seen.start(), seen.end());
        detection.first_seen = at("2026-03-01T00:00:00Z");
        detection.last_seen = at("2026-03-02T00:00:00Z");
        assert_eq!(detection.seen().unwrap().start().to_string(), "2026-03-01T00:00:00Z");
        detection = Detection { created: at("yesterday"), ..Detection::default() };
        assert_eq!(detection.seen(), None);
    }

    #[test]
    fn what_is_muted_is_the_first_of_detection_rule_and_device() {
        let device =
            |uuid: &str| Detection { muted_device_uuid: Some(uuid.to_owned()), ..Detection::default() };
        assert_eq!(Detection::default().muted(), None);
        assert_eq!(device(" ").muted(), None);
        assert_eq!(device("d1").muted(), Some("device"));
        assert_eq!(Detection { muted_rule: Some(true), ..device("d1") }.muted(), Some("rule"));
        let all = Detection { muted: Some(true), muted_rule: Some(true), ..device("d1") };
        assert_eq!(all.muted(), Some("detection"));
    }
}
