//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

use jiff::civil::Date;
use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

/// `GET /ping`.
#[derive(Debug, Default, Deserialize)]
pub struct Ping {
    /// Whether the key is good.
    #[serde(default, deserialize_with = "lenient::field")]
    pub success: Option<bool>,
}

/// A page of `GET /history/{hostname}/dns/{type}` or `POST /domains/list`.
#[derive(Debug, Deserialize)]
#[serde(bound = "R: LenientValue<'de>")]
pub struct Page<R> {
    /// What was found.
    #[serde(default, deserialize_with = "lenient::field")]
    pub records: Option<Records<R>>,
    /// How many pages there are (history only).
    #[serde(default, deserialize_with = "lenient::field")]
    pub pages: Option<Whole>,
    /// How many records there are on all pages (search only).
    #[serde(default, deserialize_with = "lenient::field")]
    pub record_count: Option<Whole>,
    /// How far one can page (search only).
    #[serde(default, deserialize_with = "lenient::field")]
    pub meta: Option<Meta>,
}

/// How far one can page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Meta {
    /// The last page that may be asked for.
    #[serde(default, deserialize_with = "lenient::field")]
    pub max_page: Option<Whole>,
    /// How many pages all records would fill.
    #[serde(default, deserialize_with = "lenient::field")]
    pub total_pages: Option<Whole>,
}

/// The records of a page. That they are no list is told apart from their absence: one is a broken answer, the
/// other says that there is nothing.
#[derive(Debug)]
pub enum Records<R> {
    /// As documented.
    List(Vec<R>),
    /// Something else.
    Unreadable,
}

impl<'de, R: LenientValue<'de>> LenientValue<'de> for Records<R> {
    fn from_bool(_: bool) -> Option<Self> {
        Some(Self::Unreadable)
    }

    fn from_integer(_: i64) -> Option<Self> {
        Some(Self::Unreadable)
    }

    fn from_number(_: f64) -> Option<Self> {
        Some(Self::Unreadable)
    }

    fn from_text(_: &str) -> Option<Self> {
        Some(Self::Unreadable)
    }

    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_list(list)?.map(Self::List))
    }

    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Self::Unreadable))
    }
}

/// A time during which a name had the same addresses.
#[derive(Debug, Default, Deserialize)]
pub struct Period {
    /// The addresses.
    #[serde(default, deserialize_with = "lenient::field")]
    pub values: Option<Values>,
    /// Who runs the networks that they are in.
    #[serde(default, deserialize_with = "lenient::list")]
    pub organizations: Vec<String>,
    /// The first day.
    #[serde(default, deserialize_with = "lenient::field")]
    pub first_seen: Option<Day>,
    /// The last day.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last_seen: Option<Day>,
}

/// Values of a record: a list, or one value that stands for itself.
#[derive(Debug, Default)]
pub struct Values(pub Vec<Resolved>);

impl<'de> LenientValue<'de> for Values {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        Ok(Vec::from_list(list)?.map(Self))
    }

    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Resolved::from_object(object)?.map(|one| Self(vec![one])))
    }
}

/// An address that a name had. The API has named the field in several ways.
#[derive(Debug, Default, Deserialize)]
pub struct Resolved {
    /// The address in A records.
    #[serde(default, deserialize_with = "lenient::field")]
    ip: Option<String>,
    /// The address in AAAA records.
    #[serde(default, deserialize_with = "lenient::field")]
    ipv6: Option<String>,
    /// The address by a name that older documentation knows.
    #[serde(default, deserialize_with = "lenient::field")]
    ipv4: Option<String>,
    #[serde(default, deserialize_with = "lenient::field")]
    ip_count: Option<Whole>,
    #[serde(default, deserialize_with = "lenient::field")]
    ipv6_count: Option<Whole>,
}

impl Resolved {
    /// The address.
    pub fn address(&self) -> Option<&str> {
        let names = [&self.ip, &self.ipv6, &self.ipv4];
        names.into_iter().flatten().map(|text| text.trim()).find(|text| !text.is_empty())
    }

    /// How many names share the address today.
    pub fn shared_by(&self) -> Option<u64> {
        self.ip_count.or(self.ipv6_count).map(|count| count.0)
    }
}

impl Period {
    /// The addresses that there are.
    pub fn resolved(&self) -> impl Iterator<Item = (&str, &Resolved)> {
        let values = self.values.iter().flat_map(|values| &values.0);
        values.filter_map(|resolved| Some((resolved.address()?, resolved)))
    }
}

/// A domain that points to an address.
#[derive(Debug, Default, Deserialize)]
pub struct Hosted {
    /// Its name.
    #[serde(default, deserialize_with = "lenient::field")]
    pub hostname: Option<String>,
}

lenient::object!(Ping, Page<Period>, Page<Hosted>, Meta, Period, Resolved, Hosted);

/// A whole number that is not negative, also as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole(pub u64);

impl LenientValue<'_> for Whole {
    fn from_integer(value: i64) -> Option<Self> {
        u64::try_from(value).ok().map(Self)
    }

    fn from_text(value: &str) -> Option<Self> {
        value.trim().parse().ok().map(Self)
    }
}

/// A day, as `2024-02-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl LenientValue<'_> for Day {
    fn from_text(value: &str) -> Option<Self> {
        value.trim().parse().ok().map(Self)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
