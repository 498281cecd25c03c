//! An alert as a sighting.

use relay_core::ctim::{
    Confidence, ExternalReference, HttpUrl, LongText, MediumText, ObservedTime, Severity, Sighting, Table,
    Text, Timestamp,
};
use relay_core::escape::UrlBuilder;
use url::Url;

use super::evidence::relations;
use super::{Mapping, account, command_line, target};
use crate::model::{self, Alert, Evidence, text};
use crate::module::TITLE;

/// When an alert was raised and what it covers.
#[derive(Clone, Copy, Debug)]
pub struct AlertTimes {
    /// From the first event to the last.
    pub seen: ObservedTime,
    /// When it was raised; what alerts are sorted by.
    pub raised: Option<Timestamp>,
    changed: Option<Timestamp>,
}

impl AlertTimes {
    /// The times of an alert; nothing where none can be read, and then the alert is of no use.
    pub fn of(alert: &Alert) -> Option<Self> {
        let read = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse);
        let raised = read(&alert.alert_creation_time);
        let updated = read(&alert.last_update_time);
        let start = read(&alert.first_event_time).or(raised).or(updated)?;
        let seen = match read(&alert.last_event_time) {
            Some(end) if end >= start => ObservedTime::between(start, end),
            _ => ObservedTime::at(start),
        };
        Some(Self { seen, raised, changed: updated.or(raised) })
    }
}

/// The sighting of an alert.
pub fn alert(mapping: &Mapping<'_>, alert: &Alert, times: &AlertTimes) -> Option<Sighting> {
    let id = alert.id.as_deref()?;
    let evidence = mapping.details.evidence(alert);
    let closed = Closed::of(alert);
    let title = text(&alert.title).map(|title| format!("{}{title}", closed.prefix()));
    let mut sighting = mapping
        .sighting(id, times.seen)
        .confidence(closed.confidence())
        .title(title)
        .description(LongText::new(alert.description.as_deref()))
        .severity(closed.severity(alert.severity.as_deref().and_then(severity)))
        .timestamp(times.changed)
        .source_uri(page(mapping.portal, "alerts", id, text(&alert.aad_tenant_id)))
        .external_id(id)
        .data(data(mapping, alert, evidence))
        .keep_empty_targets()
        .keep_empty_relations()
        .relations(relations(mapping, alert, evidence))
        .external_reference(incident(mapping, alert));
    let mut referred: Vec<&str> = Vec::new();
    for technique in alert.techniques().iter().map(|technique| technique.trim()) {
        if !referred.contains(&technique) {
            referred.push(technique);
            sighting = sighting.external_reference(attack(technique));
        }
    }
    let machine = text(&alert.machine_id);
    let device = machine.and_then(|id| mapping.details.devices.get(id));
    let related = alert.related_user.as_ref().and_then(|user| text(&user.user_name));
    let accounts = Alert::of_type(evidence, "User").filter_map(|entry| text(&entry.account_name));
    let named = target::Named {
        hostname: text(&alert.computer_dns_name),
        machine,
        users: related.into_iter().chain(accounts).collect(),
    };
    Some(sighting.target(target::target(&named, device, times.seen)))
}

/// What became of an alert: a closed one must not look alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    No,
    Resolved,
    Expected,
    FalsePositive,
}

impl Closed {
    fn of(alert: &Alert) -> Self {
        let letters = |field: &Option<String>| -> String {
            let letters = field.iter().flat_map(|text| text.chars()).filter(|c| c.is_alphabetic());
            letters.flat_map(char::to_lowercase).collect()
        };
        match letters(&alert.classification).as_str() {
            "falsepositive" => Self::FalsePositive,
            "informationalexpectedactivity" => Self::Expected,
            _ if letters(&alert.status) == "resolved" => Self::Resolved,
            _ => Self::No,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Resolved => "[Resolved] ",
            Self::Expected => "[Expected activity] ",
            Self::FalsePositive => "[False positive] ",
        }
    }

    fn confidence(self) -> Confidence {
        match self {
            Self::No | Self::Resolved => Confidence::High,
            Self::Expected => Confidence::Low,
            Self::FalsePositive => Confidence::None,
        }
    }

    fn severity(self, mapped: Option<Severity>) -> Option<Severity> {
        match self {
            Self::No | Self::Resolved => mapped,
            Self::Expected => Some(Severity::Info),
            Self::FalsePositive => Some(Severity::None),
        }
    }
}

fn severity(word: &str) -> Option<Severity> {
    match word {
        "Informational" => Some(Severity::Info),
        "Low" => Some(Severity::Low),
        "Medium" => Some(Severity::Medium),
        "High" => Some(Severity::High),
        "UnSpecified" => Some(Severity::Unknown),
        _ => None,
    }
}

/// A page in the portal about an alert or an incident.
fn page(portal: &Url, kind: &'static str, id: &str, tenant: Option<&str>) -> Option<HttpUrl> {
    let mut url = UrlBuilder::new(portal).path(kind).segment(id);
    if let Some(tenant) = tenant {
        url = url.param("tid", tenant);
    }
    url.link()
}

fn incident(mapping: &Mapping<'_>, alert: &Alert) -> Option<ExternalReference> {
    let id = alert.incident_id.filter(|id| id.0 > 0)?.0.to_string();
    let url = page(mapping.portal, "incidents", &id, text(&alert.aad_tenant_id));
    Some(ExternalReference::new(SOURCE).external_id(id).url(url))
}

/// A technique of MITRE ATT&CK: `T1059` or `T1059.001`.
fn attack(technique: &str) -> Option<ExternalReference> {
    let digits =
        |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let (main, sub) = match technique.split_once('.') {
        Some((main, sub)) => (main, Some(sub)),
        None => (technique, None),
    };
    let fits = main.strip_prefix('T').is_some_and(|number| digits(number, 4))
        && sub.is_none_or(|sub| digits(sub, 3));
    if !fits {
        return None;
    }
    let path = sub.map_or_else(|| main.to_owned(), |sub| format!("{main}/{sub}"));
    let url = HttpUrl::parse(&format!("https://attack.mitre.org/techniques/{path}/"));
    Some(ExternalReference::new(ATTACK).external_id(technique).url(url))
}

const SOURCE: MediumText = Text::constant(TITLE);
const ATTACK: MediumText = Text::constant("mitre-attack");

/// How many command lines an alert has in its table.
const COMMAND_LINES: usize = 3;

fn data(mapping: &Mapping<'_>, alert: &Alert, evidence: &[Evidence]) -> Option<Table> {
    let user = alert
        .related_user
        .as_ref()
        .and_then(|user| text(&user.user_name).map(|name| account(user.domain_name.as_deref(), name)));
    let table = Table::record()
        .cell("Status", text(&alert.status))
        .cell("Classification", model::word(&alert.classification))
        .cell("Determination", model::word(&alert.determination))
        .cell("Category", model::word(&alert.category))
        .cell("ThreatName", text(&alert.threat_name))
        .cell("ThreatFamily", text(&alert.threat_family_name))
        .cell("User", user)
        .cell("CommandLine", command_lines(mapping, evidence));
    table.build().map(Table::counted)
}

fn command_lines(mapping: &Mapping<'_>, evidence: &[Evidence]) -> Option<String> {
    let mut lines: Vec<&str> = Vec::new();
    let all = Alert::of_type(evidence, "Process").filter_map(|entry| text(&entry.process_command_line));
    for line in all.filter(|_| mapping.command_lines) {
        if lines.len() < COMMAND_LINES && !lines.contains(&line) {
            lines.push(line);
        }
    }
    let lines: Vec<String> = lines.into_iter().filter_map(command_line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
