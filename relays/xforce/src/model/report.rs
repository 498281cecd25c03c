//! Reports on addresses, domains and URLs.

use std::collections::BTreeMap;

use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;

/// `GET /ipr/{ip}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IpReport {
    /// Risk, 0 to 10.
    #[serde(deserialize_with = "lenient::field")]
    pub score: Option<f64>,
    /// Categories with the confidence that the address belongs to them.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::map")]
    pub cats: BTreeMap<String, Percent>,
    /// Why the score is what it is.
    #[serde(deserialize_with = "lenient::field")]
    pub reason: Option<String>,
    /// The same in more words.
    #[serde(rename = "reasonDescription", deserialize_with = "lenient::field")]
    pub reason_description: Option<String>,
    /// Where the address is.
    #[serde(deserialize_with = "lenient::field")]
    pub geo: Option<Geo>,
    /// The networks that it belongs or belonged to.
    #[serde(deserialize_with = "lenient::list")]
    pub subnets: Vec<Subnet>,
    /// What users call it.
    #[serde(deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
    /// What the categories mean.
    #[serde(rename = "categoryDescriptions", deserialize_with = "lenient::map")]
    pub descriptions: BTreeMap<String, String>,
}

/// Where an address is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Geo {
    /// Name of the country.
    #[serde(deserialize_with = "lenient::field")]
    pub country: Option<String>,
}

/// A network.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// Its autonomous systems, by number.
    #[serde(deserialize_with = "lenient::map")]
    pub asns: BTreeMap<String, AutonomousSystem>,
}

/// An autonomous system.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AutonomousSystem {
    /// Who runs it.
    #[serde(rename = "Company", deserialize_with = "lenient::field")]
    pub company: Option<String>,
    /// Whether the network no longer belongs to it.
    #[serde(deserialize_with = "lenient::field")]
    pub removed: Option<bool>,
}

/// A word that a user put to a report.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tag {
    /// The word.
    #[serde(deserialize_with = "lenient::field")]
    pub tag: Option<String>,
}

/// The percentage of a category: one with an unreadable figure is still a category.
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
#[serde(default)]
pub struct UrlReport {
    /// The report proper.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::field")]
    pub result: Option<UrlResult>,
    /// What users call it.
    #[serde(deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
}

/// What is known of a domain or URL.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UrlResult {
    /// Risk, 0 to 10.
    #[serde(deserialize_with = "lenient::field")]
    pub score: Option<f64>,
    /// Categories and whether they hold.
    #[serde(default = "lenient::missing", deserialize_with = "lenient::map")]
    pub cats: BTreeMap<String, bool>,
    /// What the categories mean.
    #[serde(rename = "categoryDescriptions", deserialize_with = "lenient::map")]
    pub descriptions: BTreeMap<String, String>,
}

lenient::object!(IpReport, Geo, Subnet, AutonomousSystem, Tag, UrlReport, UrlResult);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_one_whatever_its_figure() {
        #[derive(Debug, Deserialize)]
        struct Category {
            #[serde(deserialize_with = "lenient::field")]
            percent: Option<Percent>,
        }
        for (figure, read) in
            [("71", Some(71.0)), ("71.5", Some(71.5)), ("true", None), ("null", None), ("\"high\"", None)]
        {
            let category: Category =
                serde_json::from_str(&format!("{{\"percent\": {figure}}}")).expect("JSON");
            assert_eq!(category.percent, Some(Percent(read)), "{figure}");
        }
    }
}
