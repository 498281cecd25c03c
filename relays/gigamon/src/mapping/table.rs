//! The table shown with a sighting: one row, first about the detection, then about the event.

use relay_core::ctim::{Record, Table};
use serde_json::Number;

use super::{DetectionWithRule, Ruled};
use crate::model::{Event, Value};

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

/// The mark before the name of a field.
const BULLET: &str = "• ";

/// The columns of a type of event; the field is what follows the [`BULLET`].
fn columns(kind: &str) -> &'static [(&'static str, Shown)] {
    match kind {
        "flow" => &[
            ("• flow_state", Shown::Text),
            ("• proto", Shown::Text),
            ("• service", Shown::Text),
            ("• total_pkts", Shown::Integer),
        ],
        "dns" => &[
            ("• qtype", Shown::Integer),
            ("• qtype_name", Shown::Text),
            ("• rcode", Shown::Integer),
            ("• rcode_name", Shown::Text),
            ("• rejected", Shown::Truth),
        ],
        "http" => &[
            ("• method", Shown::Text),
            ("• status_code", Shown::Integer),
            ("• status_msg", Shown::Text),
            ("• files", Shown::Length),
        ],
        "ssh" => &[("• direction", Shown::Text), ("• client", Shown::Text), ("• server", Shown::Text)],
        "suricata" => &[
            ("• sig_name", Shown::Text),
            ("• sig_category", Shown::Text),
            ("• sig_id", Shown::Integer),
            ("• sig_rev", Shown::Number),
        ],
        _ => &[],
    }
}

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
}

fn event_part(event: &Event) -> Record {
    let mut fields = Table::record();
    for (column, shown) in columns(event.kind()) {
        let name = column.trim_start_matches(BULLET);
        let value = event.field(name);
        fields = match shown {
            Shown::Text => fields.cell(*column, event.text(name)),
            Shown::Integer => fields.cell(*column, value.and_then(Value::as_number).and_then(Number::as_i64)),
            Shown::Number => fields.cell(*column, value.and_then(Value::as_number).cloned()),
            Shown::Truth => fields.cell(*column, value.and_then(Value::as_bool)),
            Shown::Length => fields.cell(*column, event.list(name).len()),
        };
    }
    if fields.is_empty() { fields } else { Table::record().cell("Event Summary", " ").followed_by(fields) }
}
