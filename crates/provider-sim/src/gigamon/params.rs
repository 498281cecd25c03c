//! The query parameters of the Detections API: a value that is not documented is refused.

use jiff::Timestamp;

use super::refusal::invalid;
use crate::reply::Reply;
use crate::request::Request;

/// The most items on a page.
const MOST: usize = 1000;
/// How many items a page has when the call does not say.
const USUAL: usize = 100;

/// What a parameter takes.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Any text.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A time in RFC 3339 form.
    Time,
    /// 1 to 1000.
    Limit,
    /// A whole number from 0.
    Offset,
}

/// A parameter and what it takes; those ending in `!` are required.
pub(super) type Table = &'static [(&'static str, Takes)];

const TRUTH: Takes = Takes::Words(&["true", "false"]);
const GRADE: Takes = Takes::Words(&["low", "moderate", "high"]);

/// `GET /v1/detections`.
pub(super) const DETECTIONS: Table = &[
    ("indicator_value", Takes::Text),
    ("device_ip", Takes::Text),
    ("status", Takes::Words(&["active", "resolved"])),
    ("include", Takes::Words(&["rules", "indicators"])),
    ("rule_uuid", Takes::Text),
    ("sensor_id", Takes::Text),
    ("account_uuid", Takes::Text),
    ("muted", TRUTH),
    ("muted_device", TRUTH),
    ("muted_rule", TRUTH),
    ("is_muted", TRUTH),
    ("created_or_shared_start_date", Takes::Time),
    ("rule_severity", GRADE),
    ("rule_confidence", GRADE),
    ("sort_by", Takes::Words(&["first_seen", "last_seen", "status", "device_ip", "indicator_count"])),
    ("sort_order", Takes::Words(&["asc", "desc"])),
    ("limit", Takes::Limit),
    ("offset", Takes::Offset),
];

/// `GET /v1/events`.
pub(super) const EVENTS: Table = &[
    ("detection_uuid!", Takes::Text),
    ("account_uuid", Takes::Text),
    ("limit", Takes::Limit),
    ("offset", Takes::Offset),
];

/// Parameters that take one value only, unlike `status` or `include`.
const ONCE: [&str; 2] = ["indicator_value", "device_ip"];

/// Checks all parameters of a call.
pub(super) fn check(request: &Request, table: Table) -> Result<(), Reply> {
    for (name, value) in &request.query {
        let Some((_, takes)) = table.iter().find(|(known, _)| known.trim_end_matches('!') == name) else {
            return Err(invalid(&format!("Unknown parameter '{name}'.")));
        };
        let fits = match takes {
            Takes::Text => !value.is_empty(),
            Takes::Words(words) => words.contains(&value.as_str()),
            Takes::Time => time(value).is_some(),
            Takes::Limit => value.parse().is_ok_and(|limit: usize| (1..=MOST).contains(&limit)),
            Takes::Offset => value.parse::<usize>().is_ok(),
        };
        if !fits {
            return Err(invalid(&format!("Invalid value for parameter '{name}'.")));
        }
        if ONCE.contains(&name.as_str()) && request.params(name).len() > 1 {
            return Err(invalid(&format!("Parameter '{name}' must not be repeated.")));
        }
    }
    let lacking = table.iter().filter_map(|(name, _)| name.strip_suffix('!'));
    match lacking.clone().find(|name| request.param(name).is_none()) {
        Some(name) => Err(invalid(&format!("Parameter '{name}' is required."))),
        None => Ok(()),
    }
}

/// A time, as calls and answers write it.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The page that a call asks for: how many items to skip and to take.
pub(super) fn page(request: &Request) -> (usize, usize) {
    let number = |name| request.param(name).and_then(|value| value.parse().ok());
    (number("offset").unwrap_or(0), number("limit").unwrap_or(USUAL))
}
