//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

use std::collections::BTreeMap;

use compact_str::CompactString;
use relay_core::lenient::{self, LenientValue, List};
use relay_core::text::sanitized;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess};
use serde_json::Value;

/// A report, by what it is about.
#[derive(Debug)]
pub enum Report {
    /// On an address.
    Ip(IpReport),
    /// On a domain or URL.
    Url(UrlReport),
    /// On a file hash.
    Hash(MalwareReport),
}

/// `GET /ipr/{ip}`.
#[derive(Debug, Default, Deserialize)]
pub struct IpReport {
    /// Risk, 0 to 10.
    #[serde(default, deserialize_with = "lenient::field")]
    pub score: Option<f64>,
    /// Categories with the confidence that the address belongs to them.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::map")]
    pub cats: BTreeMap<String, Percent>,
    /// Why the score is what it is.
    #[serde(default, deserialize_with = "lenient::field")]
    pub reason: Option<String>,
    /// The same in more words.
    #[serde(default, rename = "reasonDescription", deserialize_with = "lenient::field")]
    pub reason_description: Option<String>,
    /// Where the address is.
    #[serde(default, deserialize_with = "lenient::field")]
    pub geo: Option<Geo>,
    /// The networks that it belongs or belonged to.
    #[serde(default, deserialize_with = "lenient::list")]
    pub subnets: Vec<Subnet>,
    /// What users call it.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
    /// What the categories mean.
    #[serde(default, rename = "categoryDescriptions", deserialize_with = "lenient::map")]
    pub descriptions: BTreeMap<String, String>,
}

/// Where an address is.
#[derive(Debug, Default, Deserialize)]
pub struct Geo {
    /// Name of the country.
    #[serde(default, deserialize_with = "lenient::field")]
    pub country: Option<String>,
}

/// A network.
#[derive(Debug, Default, Deserialize)]
pub struct Subnet {
    /// Its autonomous systems, by number.
    #[serde(default, deserialize_with = "lenient::map")]
    pub asns: BTreeMap<String, AutonomousSystem>,
}

/// An autonomous system.
#[derive(Debug, Default, Deserialize)]
pub struct AutonomousSystem {
    /// Who runs it.
    #[serde(default, rename = "Company", deserialize_with = "lenient::field")]
    pub company: Option<String>,
    /// Whether the network no longer belongs to it.
    #[serde(default, deserialize_with = "lenient::field")]
    pub removed: Option<bool>,
}

/// A word that a user put to a report.
#[derive(Debug, Default, Deserialize)]
pub struct Tag {
    /// The word.
    #[serde(default, deserialize_with = "lenient::field")]
    pub tag: Option<String>,
}

/// The percentage of a category: a category whose figure is unreadable is still a category.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub Option<f64>);

impl LenientValue<'_> for Percent {
    fn from_null() -> Option<Self> {
        Some(Self(None))
    }

    fn from_bool(_: bool) -> Option<Self> {
        Some(Self(None))
    }

    fn from_integer(value: i64) -> Option<Self> {
        Some(Self(Some(value as f64)))
    }

    fn from_number(value: f64) -> Option<Self> {
        Some(Self(Some(value)))
    }

    fn from_text(_: &str) -> Option<Self> {
        Some(Self(None))
    }
}

/// `GET /url/{url}`.
#[derive(Debug, Default, Deserialize)]
pub struct UrlReport {
    /// The report proper.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    pub result: Option<UrlResult>,
    /// What users call it.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

/// What is known of a domain or URL.
#[derive(Debug, Default, Deserialize)]
pub struct UrlResult {
    /// Risk, 0 to 10.
    #[serde(default, deserialize_with = "lenient::field")]
    pub score: Option<f64>,
    /// Categories and whether they hold.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::map")]
    pub cats: BTreeMap<String, bool>,
    /// What the categories mean.
    #[serde(default, rename = "categoryDescriptions", deserialize_with = "lenient::map")]
    pub descriptions: BTreeMap<String, String>,
}

/// `GET /malware/{hash}`.
#[derive(Debug, Default, Deserialize)]
pub struct MalwareReport {
    /// The report proper.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    pub malware: Option<Malware>,
    /// What users call it.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

/// What is known of a file.
#[derive(Debug, Default, Deserialize)]
pub struct Malware {
    /// `low`, `medium` or `high`.
    #[serde(default, deserialize_with = "lenient::field")]
    pub risk: Option<String>,
    /// When it was first known.
    #[serde(default, deserialize_with = "lenient::field")]
    pub created: Option<String>,
    /// Malware families that X-Force counts it to.
    #[serde(default, deserialize_with = "lenient::field")]
    pub family: Option<Families>,
    /// Where it was met.
    #[serde(default, deserialize_with = "lenient::field")]
    pub origins: Option<Origins>,
}

/// Where a file was met.
#[derive(Debug, Default, Deserialize)]
pub struct Origins {
    /// Servers that it talks to.
    #[serde(default, rename = "CnCServers", deserialize_with = "lenient::field")]
    pub command_servers: Option<Rows>,
    /// Servers that it is fetched from.
    #[serde(default, rename = "downloadServers", deserialize_with = "lenient::field")]
    pub download_servers: Option<Rows>,
    /// Mails that it was attached to.
    #[serde(default, deserialize_with = "lenient::field")]
    pub emails: Option<Rows>,
    /// Subjects of such mails.
    #[serde(default, deserialize_with = "lenient::field")]
    pub subjects: Option<Rows>,
    /// What another source says.
    #[serde(default, deserialize_with = "lenient::field")]
    pub external: Option<External>,
}

/// A group of rows.
#[derive(Debug, Default, Deserialize)]
pub struct Rows {
    /// The rows.
    #[serde(default, deserialize_with = "lenient::list")]
    pub rows: Vec<Row>,
}

/// A server, a mail or a subject; each has some of the fields.
#[derive(Debug, Default, Deserialize)]
pub struct Row {
    /// Name of the server or of the sender.
    #[serde(default, deserialize_with = "lenient::field")]
    pub domain: Option<String>,
    /// Address of the same.
    #[serde(default, deserialize_with = "lenient::field")]
    pub ip: Option<String>,
    /// The URL, or the name of the attached file.
    #[serde(default, deserialize_with = "lenient::field")]
    pub uri: Option<String>,
    /// Name of the file.
    #[serde(default, deserialize_with = "lenient::field")]
    pub filepath: Option<String>,
    /// Subject of a mail.
    #[serde(default, deserialize_with = "lenient::field")]
    pub subject: Option<String>,
    /// When it was first seen.
    #[serde(default, deserialize_with = "lenient::field")]
    pub firstseen: Option<String>,
    /// When it was last seen.
    #[serde(default, deserialize_with = "lenient::field")]
    pub lastseen: Option<String>,
    /// How often.
    #[serde(default, deserialize_with = "lenient::field")]
    pub count: Option<i64>,
}

/// What another source says of a file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// When it was first seen.
    #[serde(default, deserialize_with = "lenient::field")]
    pub first_seen: Option<String>,
    /// When it was last seen.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last_seen: Option<String>,
    /// Kind of malware.
    #[serde(default, deserialize_with = "lenient::field")]
    pub malware_type: Option<String>,
    /// What it runs on.
    #[serde(default, deserialize_with = "lenient::field")]
    pub platform: Option<String>,
    /// What it runs on, more closely.
    #[serde(default, deserialize_with = "lenient::field")]
    pub sub_platform: Option<String>,
    /// Families.
    #[serde(default, deserialize_with = "lenient::field")]
    pub family: Option<Families>,
}

/// Names of families: a list, or one name by itself.
#[derive(Debug, Default)]
pub struct Families(pub Vec<String>);

impl<'de> LenientValue<'de> for Families {
    fn from_text(name: &str) -> Option<Self> {
        Some(Self(vec![name.to_owned()]))
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_list(list)?.map(Self))
    }
}

/// `GET /resolve/{name or address}`.
#[derive(Debug, Default, Deserialize)]
pub struct Resolve {
    /// Addresses that the name resolves to now.
    #[serde(default, rename = "A", deserialize_with = "lenient::list")]
    pub a: Vec<String>,
    /// IPv6 addresses that the name resolves to now.
    #[serde(default, rename = "AAAA", deserialize_with = "lenient::list")]
    pub aaaa: Vec<String>,
    /// Names of the address now.
    #[serde(default, rename = "RDNS", deserialize_with = "lenient::list")]
    pub rdns: Vec<String>,
    /// What was seen in the past.
    #[serde(default, rename = "Passive", deserialize_with = "lenient::field")]
    pub passive: Option<Passive>,
}

/// Passive DNS.
#[derive(Debug, Default, Deserialize)]
pub struct Passive {
    /// One record per time it was observed.
    #[serde(default, deserialize_with = "lenient::list")]
    pub records: Vec<PassiveRecord>,
}

/// One observation.
#[derive(Debug, Default, Deserialize)]
pub struct PassiveRecord {
    /// A name or an address.
    #[serde(default, deserialize_with = "lenient::field")]
    pub value: Option<CompactString>,
    /// Type of the DNS record.
    #[serde(default, rename = "recordType", deserialize_with = "lenient::field")]
    pub record_type: Option<CompactString>,
    /// When it was first observed.
    #[serde(default, deserialize_with = "lenient::field")]
    pub first: Option<CompactString>,
    /// When it was last observed.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last: Option<CompactString>,
}

/// `GET /api/linkage/...`.
#[derive(Debug, Default, Deserialize)]
pub struct Linkage {
    /// What is linked; only collections are read.
    #[serde(default = "lenient::missing", rename = "linkedEntities", deserialize_with = "linked")]
    pub linked: List<Linked>,
}

/// Reads the list of what is linked; none counts as empty.
fn linked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<List<Linked>, D::Error> {
    lenient::field(deserializer).map(Option::unwrap_or_default)
}

/// A collection.
#[derive(Debug, Default, Deserialize)]
pub struct Linked {
    /// Opaque identifier.
    #[serde(default, deserialize_with = "lenient::field")]
    pub id: Option<CompactString>,
    /// `casefile` for a collection.
    #[serde(default, rename = "type", deserialize_with = "lenient::field")]
    pub kind: Option<CompactString>,
    /// Free text.
    #[serde(default, deserialize_with = "lenient::field")]
    pub title: Option<CompactString>,
    /// When it was made.
    #[serde(default, deserialize_with = "lenient::field")]
    pub created: Option<CompactString>,
    /// `1owned`, `2shared`, `3public` or `4premier`.
    #[serde(default, deserialize_with = "lenient::field")]
    pub category: Option<CompactString>,
    /// Who made it.
    #[serde(default, deserialize_with = "lenient::field")]
    pub owner: Option<Owner>,
}

/// Who made a collection; nothing but the name is read.
#[derive(Debug, Default, Deserialize)]
pub struct Owner {
    /// The name.
    #[serde(default, deserialize_with = "lenient::field")]
    pub name: Option<CompactString>,
}

lenient::object!(
    IpReport,
    Geo,
    Subnet,
    AutonomousSystem,
    Tag,
    UrlReport,
    UrlResult,
    MalwareReport,
    Malware,
    Origins,
    Rows,
    Row,
    External,
    Resolve,
    Passive,
    PassiveRecord,
    Linkage,
    Linked,
    Owner,
);

/// `GET /all-subscriptions/usage`.
pub struct Usage;

impl Usage {
    /// What is left this month of each subscription that says so; of a few, since nobody has many.
    pub fn left(usage: &Value) -> Vec<(String, i64)> {
        let number = |value: &Value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok());
        let left = |subscription: &Value| {
            let data = subscription.get("usageData")?;
            let used = data.pointer("/usage/0/usage").and_then(number).unwrap_or(0);
            let kind = sanitized(subscription.get("subscriptionType")?.as_str()?, 40);
            Some((kind, number(data.get("entitlement")?)?.saturating_sub(used)))
        };
        usage.as_array().into_iter().flatten().filter_map(left).take(8).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_logged_of_the_usage_is_short_whatever_the_provider_sends() {
        let one = |kind: &str| {
            let usage = [json!({"cycle": "2026-03", "usage": "312"})];
            json!({"subscriptionType": kind, "usageData": {"entitlement": 1000, "usage": usage}})
        };
        let long = format!("api\n{}", "x".repeat(1000));
        let left = Usage::left(&Value::Array(vec![one(&long); 1000]));
        assert_eq!(left, vec![(format!("api {}…", "x".repeat(36)), 688); 8]);
        for odd in [json!({}), json!([{"subscriptionType": "feed"}, {"usageData": null}, 7])] {
            assert_eq!(Usage::left(&odd), [], "{odd}");
        }
    }
}
