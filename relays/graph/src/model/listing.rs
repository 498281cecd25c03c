//! Lists of the whole tenant, as far as tiles count them.

use relay_core::lenient::{self, LenientValue, List};
use serde::Deserialize;

use super::evidence::{Account, Kind};

/// An alert of `alerts_v2`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListedAlert {
    /// Its id.
    #[serde(deserialize_with = "super::text")]
    pub id: Option<String>,
    /// When it was made.
    #[serde(deserialize_with = "super::text")]
    pub created_date_time: Option<String>,
    /// One of a few words.
    #[serde(deserialize_with = "super::text")]
    pub severity: Option<String>,
    /// Which service raised it.
    #[serde(deserialize_with = "super::text")]
    pub service_source: Option<String>,
    /// What it rests on.
    #[serde(deserialize_with = "lenient::list")]
    pub evidence: Vec<ListedEvidence>,
}

/// Evidence of a device or an account.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListedEvidence {
    #[serde(rename = "@odata.type", deserialize_with = "lenient::field")]
    kind: Option<Kind>,
    #[serde(deserialize_with = "super::text")]
    device_dns_name: Option<String>,
    #[serde(deserialize_with = "super::text")]
    host_name: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    user_account: Option<Account>,
}

/// A list of which its length is wanted.
#[derive(Debug, Default, Deserialize)]
pub struct CountedList {
    #[serde(default, rename = "@odata.count", deserialize_with = "lenient::field")]
    count: Option<Whole>,
    #[serde(default, deserialize_with = "lenient::field")]
    value: Option<List<Item>>,
    #[serde(default, rename = "@odata.nextLink", deserialize_with = "super::text")]
    next_link: Option<String>,
}

/// A whole number, which may be a text.
#[derive(Clone, Copy, Debug)]
struct Whole(i64);

impl LenientValue<'_> for Whole {
    fn from_integer(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().and_then(Self::from_integer)
    }
}

/// An item of which nothing is read.
#[derive(Debug, Default, Deserialize)]
struct Item {}

lenient::object!(ListedAlert, ListedEvidence, CountedList, Item);

impl super::Alert for ListedAlert {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn created(&self) -> Option<&str> {
        self.created_date_time.as_deref()
    }
}

impl ListedEvidence {
    /// The name of the device that it is about.
    pub fn device(&self) -> Option<&str> {
        let is_device = self.kind == Some(Kind::Device);
        self.device_dns_name.as_deref().or(self.host_name.as_deref()).filter(|_| is_device)
    }

    /// The name for logging in of the account that it is about.
    pub fn user(&self) -> Option<&str> {
        let is_user = self.kind == Some(Kind::User);
        self.user_account.as_ref()?.user_principal_name.as_deref().filter(|_| is_user)
    }
}

impl CountedList {
    /// How many items there are; nothing where the answer does not say.
    pub fn number(&self) -> Option<i64> {
        let all = self.value.as_ref().filter(|_| self.next_link.is_none());
        let all = all.and_then(|list| i64::try_from(list.received).ok());
        self.count.map(|Whole(count)| count).or(all)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_as_long_as_it_says_or_as_it_is() {
        for (list, number) in [
            (json!({"@odata.count": 7, "value": [{}], "@odata.nextLink": "https://x/"}), Some(7)),
            (json!({"@odata.count": "7", "value": []}), Some(7)),
            (json!({"value": [{"id": "1"}, 5]}), Some(2)),
            (json!({"value": [{"id": "1"}], "@odata.nextLink": "https://x/"}), None),
            (json!({"@odata.count": -1}), None),
            (json!({}), None),
        ] {
            let read: CountedList = serde_json::from_value(list.clone()).expect("lenient fields");
            assert_eq!(read.number(), number, "{list}");
        }
    }
}
