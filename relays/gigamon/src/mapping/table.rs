//! The table shown with a sighting: one row, first about the detection, then about the event.

use relay_core::ctim::{Record, Table};
use serde_json::Number;

use super::relations::server_name;
use super::{DetectionWithRule, Ruled};
use crate::model::{End, Event, Value, filled};

/// How a field of an event is shown.
#[derive(Clone, Copy)]
enum Shown {
    Text,
    Integer,
    Number,
    Truth,
    /// How many items the list has; 0 where there is none.
    Length,
}

/// A column: its name, where its value stands (the first place that has one counts), and how it is shown.
type Column = (&'static str, &'static [&'static str], Shown);

/// The columns of a type of event.
fn columns(kind: &str) -> &'static [Column] {
    match kind {
        "flow" => &[
            ("• flow_state", &["flow_state"], Shown::Text),
            ("• proto", &["proto"], Shown::Text),
            ("• service", &["service"], Shown::Text),
            ("• total_pkts", &["total_pkts"], Shown::Integer),
        ],
        "dns" => &[
            ("• qtype", &["qtype"], Shown::Integer),
            ("• qtype_name", &["qtype_name"], Shown::Text),
            ("• rcode", &["rcode"], Shown::Integer),
            ("• rcode_name", &["rcode_name"], Shown::Text),
            ("• rejected", &["rejected"], Shown::Truth),
        ],
        "http" => &[
            ("• method", &["method"], Shown::Text),
            ("• status_code", &["status_code"], Shown::Integer),
            ("• status_msg", &["status_msg"], Shown::Text),
            ("• files", &["files"], Shown::Length),
        ],
        "ssh" => &[
            ("• direction", &["direction"], Shown::Text),
            ("• client", &["client"], Shown::Text),
            ("• server", &["server"], Shown::Text),
        ],
        "ssl" => &[
            ("• server_name", &[SERVER_NAME], Shown::Text),
            ("• version", &["version"], Shown::Text),
            ("• ja3", &["ja3"], Shown::Text),
        ],
        "suricata" => &[
            ("• sig_name", &["sig_name"], Shown::Text),
            ("• sig_category", &["sig_category"], Shown::Text),
            ("• sig_id", &["sig_id"], Shown::Integer),
            ("• sig_rev", &["sig_rev"], Shown::Number),
            ("• sig_severity", &["sig_severity"], Shown::Integer),
            ("• http_method", &["http.method"], Shown::Text),
            ("• http_status", &["http.status"], Shown::Integer),
        ],
        "observation" => &[
            ("• title", OBSERVATION_TITLE, Shown::Text),
            ("• category", &["category", "observation_category"], Shown::Text),
            ("• confidence", &["confidence", "observation_confidence"], Shown::Text),
        ],
        _ => &[],
    }
}

/// The field that holds the name that a TLS client asked for, a text or an object.
const SERVER_NAME: &str = "server_name_indication";
/// Where the title of an observation stands.
pub(super) const OBSERVATION_TITLE: &[&str] = &["title", "observation_title"];

/// The table of an event, with its detection. None where there is nothing to show.
pub(super) fn of_event(event: &Event, ruled: Option<Ruled<'_>>) -> Option<Table> {
    let detection = ruled.map_or_else(Table::record, |ruled| detection_part(ruled.case));
    detection.followed_by(event_part(event)).build()
}

/// The table of a detection alone.
pub(super) fn of_detection(case: &DetectionWithRule) -> Option<Table> {
    detection_part(case).build()
}

fn detection_part(case: &DetectionWithRule) -> Record {
    Table::record()
        .cell("Detection Summary", " ")
        .cell("Impacted Devices", case.impacted_devices)
        .cell("Indicator Values", case.indicator_values)
        .cell("Muted", case.muted())
}

fn event_part(event: &Event) -> Record {
    let mut fields = Table::record();
    for (column, paths, shown) in columns(event.kind()) {
        let number = || paths.iter().find_map(|path| event.at_path(path)?.as_number());
        fields = match shown {
            Shown::Text => fields.cell(*column, text(event, paths)),
            Shown::Integer => fields.cell(*column, number().and_then(Number::as_i64)),
            Shown::Number => fields.cell(*column, number().cloned()),
            Shown::Truth => {
                let truth = paths.iter().find_map(|path| event.at_path(path)?.as_bool());
                fields.cell(*column, truth)
            }
            Shown::Length => fields.cell(*column, event.list(paths[0]).len()),
        };
    }
    let fields = fields.followed_by(ends(event));
    if fields.is_empty() { fields } else { Table::record().cell("Event Summary", " ").followed_by(fields) }
}

/// The first text at one of these places.
pub(super) fn text<'e>(event: &'e Event, paths: &[&str]) -> Option<&'e str> {
    paths.iter().find_map(|path| match *path {
        SERVER_NAME => server_name(event),
        path => filled(event.at_path(path)?.as_str()),
    })
}

/// What every type of event may have: ports, where the other end is, and what feeds say of values in it.
fn ends(event: &Event) -> Record {
    let port = |end: Option<End<'_>>| end.and_then(|end| end.port());
    let outside = || event.ends().rev().filter(|end| !end.internal);
    Table::record()
        .cell("• src_port", port(event.source()))
        .cell("• dst_port", port(event.destination()))
        .cell("• country", outside().find_map(|end| end.facts.get("geo")?.text("country")))
        .cell("• asn", outside().find_map(|end| network(end.facts.get("asn")?)))
        .cell("• intel", intel(event))
}

/// The autonomous system of an address: its number and who runs it.
fn network(asn: &Value) -> Option<String> {
    let number = asn.integer("asn").map(|number| format!("AS{number}"));
    match (number, asn.text("asn_org")) {
        (Some(number), Some(name)) => Some(format!("{number} {name}")),
        (number, name) => number.or(name.map(str::to_owned)),
    }
}

fn intel(event: &Event) -> Option<String> {
    const MOST: usize = 5;
    let mut texts: Vec<String> = Vec::new();
    for intel in event.intel() {
        let grades: Vec<&str> =
            ["severity", "confidence"].into_iter().filter_map(|name| intel.text(name)).collect();
        let feed = intel.text("feed")?;
        let text = if grades.is_empty() { feed.to_owned() } else { format!("{feed} ({})", grades.join("/")) };
        if texts.len() < MOST && !texts.contains(&text) {
            texts.push(text);
        }
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}
