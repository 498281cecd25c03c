//! The API's answers, as far as they are read
//! (<https://learn.microsoft.com/defender-endpoint/api/alerts>, `machine`, `files`, `run-advanced-query-api`).
//! Any field may be missing, `null` or of another type; such a field counts as absent.

use std::collections::BTreeMap;

use relay_core::lenient::{self, LenientValue};
use relay_core::observable::{ObservableType, hash_type};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess};

/// A collection. That it is one is all that is asked of it: items that are no objects are counted, not read.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: for<'a> LenientValue<'a>")]
pub struct Collection<T> {
    value: Vec<Item<T>>,
    /// The next page.
    #[serde(rename = "@odata.nextLink", default, deserialize_with = "lenient::field")]
    pub next: Option<String>,
}

impl<T> Collection<T> {
    /// The items, `None` for those that are not what they should be.
    pub fn items(self) -> impl Iterator<Item = Option<T>> {
        self.value.into_iter().map(|item| item.0)
    }
}

/// An item read leniently.
#[derive(Debug)]
struct Item<T>(Option<T>);

impl<'de, T: LenientValue<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::field(deserializer).map(Self)
    }
}

/// An alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Alert {
    /// Its id; an alert without one is of no use.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<String>,
    /// Headline.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<String>,
    /// What happened.
    #[serde(deserialize_with = "lenient::field")]
    pub description: Option<String>,
    /// `UnSpecified`, `Informational`, `Low`, `Medium` or `High`.
    #[serde(deserialize_with = "lenient::field")]
    pub severity: Option<String>,
    /// What raised it, such as `WindowsDefenderAtp`.
    #[serde(deserialize_with = "lenient::field")]
    pub detection_source: Option<String>,
    /// When it was raised.
    #[serde(deserialize_with = "lenient::field")]
    pub alert_creation_time: Option<String>,
    /// When it was changed last.
    #[serde(deserialize_with = "lenient::field")]
    pub last_update_time: Option<String>,
    /// The first event that belongs to it.
    #[serde(deserialize_with = "lenient::field")]
    pub first_event_time: Option<String>,
    /// The last one.
    #[serde(deserialize_with = "lenient::field")]
    pub last_event_time: Option<String>,
    /// The device.
    #[serde(deserialize_with = "lenient::field")]
    pub machine_id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub computer_dns_name: Option<String>,
    /// The tenant, for links.
    #[serde(deserialize_with = "lenient::field")]
    pub aad_tenant_id: Option<String>,
    /// Techniques of MITRE ATT&CK, such as `T1055.012`.
    #[serde(deserialize_with = "lenient::list")]
    pub mitre_techniques: Vec<String>,
    /// What it is founded on.
    #[serde(deserialize_with = "lenient::list")]
    pub evidence: Vec<Evidence>,
}
lenient::object!(Alert);

/// A file, process, address or URL of an alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// `Process`, `File`, `Ip`, `Url`; others are ignored.
    #[serde(deserialize_with = "lenient::field")]
    pub entity_type: Option<String>,
    /// SHA-1 of the file, or of the process's image.
    #[serde(deserialize_with = "lenient::field")]
    pub sha1: Option<String>,
    /// Its SHA-256.
    #[serde(deserialize_with = "lenient::field")]
    pub sha256: Option<String>,
    /// Its MD5.
    #[serde(deserialize_with = "lenient::field")]
    pub md5: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub file_name: Option<String>,
    /// Its folder.
    #[serde(deserialize_with = "lenient::field")]
    pub file_path: Option<String>,
    /// Of a process.
    #[serde(deserialize_with = "lenient::field")]
    pub process_id: Option<i64>,
    /// When it was started.
    #[serde(deserialize_with = "lenient::field")]
    pub process_creation_time: Option<String>,
    /// Of the process that started it.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_id: Option<i64>,
    /// When that one was started.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_creation_time: Option<String>,
    /// What that one's image is called.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_file_name: Option<String>,
    /// An address.
    #[serde(deserialize_with = "lenient::field")]
    pub ip_address: Option<String>,
    /// A URL or host name.
    #[serde(deserialize_with = "lenient::field")]
    pub url: Option<String>,
}
lenient::object!(Evidence);

impl Evidence {
    /// Its hashes, as far as it has them.
    pub fn hashes(&self) -> Hashes {
        Hashes::new(self.sha1.as_deref(), self.sha256.as_deref(), self.md5.as_deref())
    }
}

/// The hashes of a file; also the answer about a file, of which nothing else is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hashes {
    /// 40 digits.
    #[serde(deserialize_with = "lenient::field")]
    pub sha1: Option<String>,
    /// 64 digits.
    #[serde(deserialize_with = "lenient::field")]
    pub sha256: Option<String>,
    /// 32 digits.
    #[serde(deserialize_with = "lenient::field")]
    pub md5: Option<String>,
}
lenient::object!(Hashes);

impl Hashes {
    /// Those of the three that are of the right form.
    pub fn new(sha1: Option<&str>, sha256: Option<&str>, md5: Option<&str>) -> Self {
        let checked = |text: Option<&str>, kind| {
            text.map(str::trim).filter(|text| hash_type(text) == Some(kind)).map(str::to_owned)
        };
        Self {
            sha1: checked(sha1, ObservableType::Sha1),
            sha256: checked(sha256, ObservableType::Sha256),
            md5: checked(md5, ObservableType::Md5),
        }
    }

    /// By which the rest can be asked for: SHA-1, else SHA-256, in lower case. Nothing where all three are
    /// there, or neither of the two.
    pub fn key_to_rest(&self) -> Option<String> {
        let complete = self.sha1.is_some() && self.sha256.is_some() && self.md5.is_some();
        let key = self.sha1.as_ref().or(self.sha256.as_ref()).filter(|_| !complete)?;
        Some(key.to_ascii_lowercase())
    }

    /// With what is missing taken from what else is known of the file.
    #[must_use]
    pub fn completed(self, known: Option<&Self>) -> Self {
        let Some(known) = known else { return self };
        Self {
            sha1: self.sha1.or_else(|| known.sha1.clone()),
            sha256: self.sha256.or_else(|| known.sha256.clone()),
            md5: self.md5.or_else(|| known.md5.clone()),
        }
    }
}

/// A device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Machine {
    /// Operating system, such as `Windows11`.
    #[serde(deserialize_with = "lenient::field")]
    pub os_platform: Option<String>,
    /// Its processor, such as `x64`.
    #[serde(deserialize_with = "lenient::field")]
    pub os_processor: Option<String>,
    /// Its version, such as `23H2`.
    #[serde(deserialize_with = "lenient::field")]
    pub version: Option<String>,
    /// Addresses of its network adapters.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<MachineAddress>,
}
lenient::object!(Machine);

/// An address of a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MachineAddress {
    /// IPv4 or IPv6.
    #[serde(deserialize_with = "lenient::field")]
    pub ip_address: Option<String>,
    /// Of the adapter.
    #[serde(deserialize_with = "lenient::field")]
    pub mac_address: Option<String>,
}
lenient::object!(MachineAddress);

/// A custom indicator.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Indicator {
    /// Digits, as a text or as a number.
    #[serde(deserialize_with = "lenient::field")]
    pub id: Option<Cell>,
    /// `FileSha1`, `DomainName` and so on.
    #[serde(deserialize_with = "lenient::field")]
    pub indicator_type: Option<String>,
    /// What happens on a match.
    #[serde(deserialize_with = "lenient::field")]
    pub action: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub title: Option<String>,
}
lenient::object!(Indicator);

/// Whether an action can be taken on a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Availability {
    /// Which action.
    #[serde(deserialize_with = "lenient::field")]
    pub action: Option<String>,
    /// Whether it can.
    #[serde(deserialize_with = "lenient::field")]
    pub is_available: Option<bool>,
}
lenient::object!(Availability);

/// An action that was taken on a device.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct MachineAction {
    /// `Isolate`, `Unisolate` and so on.
    #[serde(rename = "type", deserialize_with = "lenient::field")]
    pub kind: Option<String>,
}
lenient::object!(MachineAction);

/// The answer to a hunting query.
#[derive(Debug, Deserialize)]
pub struct Hunted {
    #[serde(alias = "results", rename = "Results")]
    rows: Vec<Item<Row>>,
}

impl Hunted {
    /// The rows, `None` for those that are no objects.
    pub fn rows(self) -> impl Iterator<Item = Option<Row>> {
        self.rows.into_iter().map(|item| item.0)
    }
}

/// A row of an answer to a hunting query. Names of columns are compared whatever their case; numbers are texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(BTreeMap<String, String>);

impl Row {
    /// A column's text; nothing where it is missing or blank. `column` is in lower case.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str).filter(|text| !text.trim().is_empty())
    }
}

impl<'de> LenientValue<'de> for Row {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        let Some(columns) = <BTreeMap<String, Cell>>::from_object(object)? else { return Ok(None) };
        let folded = |(name, cell): (String, Cell)| (name.to_ascii_lowercase(), cell.0);
        Ok(Some(Self(columns.into_iter().map(folded).collect())))
    }
}

/// A text, or a whole number as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell(pub String);

impl LenientValue<'_> for Cell {
    fn from_integer(value: i64) -> Option<Self> {
        Some(Self(value.to_string()))
    }

    fn from_text(value: &str) -> Option<Self> {
        Some(Self(value.to_owned()))
    }
}

/// The addresses of a network adapter, which a column holds as the text of a JSON list.
pub fn adapter_addresses(column: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Address {
        #[serde(rename = "IPAddress", deserialize_with = "lenient::field")]
        address: Option<String>,
    }
    lenient::object!(Address);
    let mut json = serde_json::Deserializer::from_str(column);
    let list: Vec<Address> = lenient::list(&mut json).unwrap_or_default();
    list.into_iter().filter_map(|address| address.address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_found_in_any_case_and_numbers_are_texts() {
        let answer =
            json!({"@odata.context": "x", "results": [{"deviceId": "a", "REPORTID": 7, "x": [1]}, null]});
        let answer: Hunted = serde_json::from_value(answer).unwrap();
        let rows: Vec<_> = answer.rows().collect();
        let row = rows[0].as_ref().unwrap();
        assert_eq!((row.text("deviceid"), row.text("reportid"), row.text("x")), (Some("a"), Some("7"), None));
        assert_eq!(rows[1], None);
    }

    #[test]
    fn an_answer_without_its_list_is_no_answer() {
        for answer in [json!({}), json!({"Results": null}), json!({"Results": {}}), json!([])] {
            assert!(serde_json::from_value::<Hunted>(answer.clone()).is_err(), "{answer}");
        }
        for answer in [json!({}), json!({"value": null}), json!({"value": "x"})] {
            assert!(serde_json::from_value::<Collection<Alert>>(answer.clone()).is_err(), "{answer}");
        }
    }

    #[test]
    fn adapter_addresses_are_read_from_their_text() {
        let column = r#"[{"IPAddress":"10.20.30.42","SubnetPrefix":24},{"IPAddress":null},7]"#;
        assert_eq!(adapter_addresses(column), ["10.20.30.42"]);
        for odd in ["", "null", "{}", "[", "10.20.30.42"] {
            assert_eq!(adapter_addresses(odd), Vec::<String>::new(), "{odd:?}");
        }
    }

    #[test]
    fn any_field_may_be_null() {
        let nothing = |names: &[&str]| -> serde_json::Value {
            names
                .iter()
                .map(|name| ((*name).to_owned(), json!(null)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let evidence = nothing(&["entityType", "sha1", "sha256", "md5", "processId", "url"]);
        let mut alert = nothing(&["id", "title", "mitreTechniques", "machineId", "firstEventTime"]);
        alert["evidence"] = json!([evidence, null, "x"]);
        let alert: Alert = serde_json::from_value(alert).unwrap();
        assert_eq!(alert.evidence.len(), 1);
        assert_eq!(alert.evidence[0].hashes(), Hashes::default());
    }
}
