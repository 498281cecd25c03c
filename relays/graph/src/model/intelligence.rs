//! Threat Intelligence (<https://learn.microsoft.com/en-us/graph/api/resources/security-threatintelligence-overview>):
//! what is said of a host, in the answers of both calls about one.

use relay_core::lenient;
use serde::Deserialize;

/// The answer to a call about a host: its reputation, its passive DNS, or an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Reputation: one of a few words.
    #[serde(deserialize_with = "super::text")]
    pub classification: Option<String>,
    /// Reputation: 0 to 100, higher is worse.
    #[serde(deserialize_with = "lenient::field")]
    pub score: Option<i64>,
    /// Reputation: what it rests on.
    #[serde(deserialize_with = "lenient::list")]
    pub rules: Vec<Rule>,
    /// Passive DNS: the records.
    #[serde(rename = "value", deserialize_with = "lenient::list")]
    pub records: Vec<Record>,
    /// Why there is no answer.
    #[serde(deserialize_with = "lenient::field")]
    pub error: Option<Problem>,
}

/// What a reputation rests on.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// What it is called.
    #[serde(deserialize_with = "super::text")]
    pub name: Option<String>,
    /// One of a few words.
    #[serde(deserialize_with = "super::text")]
    pub severity: Option<String>,
    /// Where it is explained.
    #[serde(deserialize_with = "super::text")]
    pub related_details_url: Option<String>,
}

/// A record of passive DNS.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// When it was seen first.
    #[serde(deserialize_with = "super::text")]
    pub first_seen_date_time: Option<String>,
    /// When it was seen last.
    #[serde(deserialize_with = "super::text")]
    pub last_seen_date_time: Option<String>,
    /// Its type.
    #[serde(deserialize_with = "super::text")]
    pub record_type: Option<String>,
    /// One end.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_host: Option<Host>,
    /// The other end.
    #[serde(deserialize_with = "lenient::field")]
    pub artifact: Option<Host>,
}

/// A name or an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Host {
    /// The name or address itself.
    #[serde(deserialize_with = "super::text")]
    pub id: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// One of some words.
    #[serde(deserialize_with = "super::text")]
    pub code: Option<String>,
}

lenient::object!(Report, Rule, Record, Host, Problem);
