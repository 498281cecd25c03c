//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

use jiff::civil::Date;
use relay_core::lenient::{self, LenientValue, List};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess};

/// `GET /ping`: an object, or a list that begins with one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Ping {
    /// A list. First, since an object would be read from one too.
    List(Vec<Pong>),
    /// An object.
    One(Pong),
    /// Anything else.
    Other(IgnoredAny),
}

/// What a ping says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pong {
    /// Whether the key is good.
    #[serde(deserialize_with = "lenient::field")]
    pub success: Option<bool>,
}

impl Ping {
    /// Whether the key is good.
    pub fn success(&self) -> bool {
        let pong = match self {
            Self::One(pong) => Some(pong),
            Self::List(pongs) => pongs.first(),
            Self::Other(_) => None,
        };
        pong.and_then(|pong| pong.success) == Some(true)
    }
}

/// A page of `GET /history/{hostname}/dns/{type}` or `POST /domains/list`.
#[derive(Debug, Deserialize)]
#[serde(bound = "R: LenientValue<'de>")]
pub struct Page<R> {
    /// What was found. None says that there is nothing; something that is no list makes the page unreadable.
    #[serde(default = "lenient::missing", deserialize_with = "records")]
    pub records: Vec<R>,
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

fn records<'de, D: Deserializer<'de>, R: LenientValue<'de>>(deserializer: D) -> Result<Vec<R>, D::Error> {
    lenient::required(deserializer).map(|list: List<R>| list.items)
}

/// How far one can page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// The last page that may be asked for.
    #[serde(deserialize_with = "lenient::field")]
    pub max_page: Option<Whole>,
    /// How many pages all records would fill.
    #[serde(deserialize_with = "lenient::field")]
    pub total_pages: Option<Whole>,
}

/// A time during which a name had the same addresses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Period {
    /// The addresses.
    #[serde(deserialize_with = "lenient::field")]
    pub values: Option<Values>,
    /// Who runs the networks that they are in.
    #[serde(deserialize_with = "lenient::list")]
    pub organizations: Vec<String>,
    /// The first day.
    #[serde(deserialize_with = "lenient::field")]
    pub first_seen: Option<Day>,
    /// The last day.
    #[serde(deserialize_with = "lenient::field")]
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

/// What a name resolved to. The API has named the field of an address in several ways.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resolved {
    /// The address in A records.
    #[serde(deserialize_with = "lenient::field")]
    ip: Option<String>,
    /// The address in AAAA records.
    #[serde(deserialize_with = "lenient::field")]
    ipv6: Option<String>,
    /// The address by a name that older documentation knows.
    #[serde(deserialize_with = "lenient::field")]
    ipv4: Option<String>,
    /// The mail server in the history.
    #[serde(deserialize_with = "lenient::field")]
    host: Option<String>,
    /// The mail server in current records.
    #[serde(deserialize_with = "lenient::field")]
    hostname: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    nameserver: Option<String>,
    #[serde(deserialize_with = "lenient::field")]
    ip_count: Option<Whole>,
    #[serde(deserialize_with = "lenient::field")]
    ipv6_count: Option<Whole>,
}

impl Resolved {
    /// The address.
    pub fn address(&self) -> Option<&str> {
        first([&self.ip, &self.ipv6, &self.ipv4])
    }

    /// The mail or name server.
    pub fn server(&self) -> Option<&str> {
        first([&self.host, &self.hostname, &self.nameserver])
    }

    /// How many names share the address today.
    pub fn shared_by(&self) -> Option<u64> {
        self.ip_count.or(self.ipv6_count).map(|count| count.0)
    }
}

fn first(fields: [&Option<String>; 3]) -> Option<&str> {
    fields.into_iter().flatten().map(|text| text.trim()).find(|text| !text.is_empty())
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
#[serde(default)]
pub struct Hosted {
    /// Its name.
    #[serde(deserialize_with = "lenient::field")]
    pub hostname: Option<String>,
    /// Who hosts it.
    #[serde(deserialize_with = "lenient::list")]
    pub host_provider: Vec<String>,
    /// Who takes its mail.
    #[serde(deserialize_with = "lenient::list")]
    pub mail_provider: Vec<String>,
    /// What the provider derives.
    #[serde(deserialize_with = "lenient::field")]
    pub computed: Option<Computed>,
    /// Its registration.
    #[serde(deserialize_with = "lenient::field")]
    pub whois: Option<Whois>,
}

/// What the provider derives of a domain.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Computed {
    /// Who registered it.
    #[serde(deserialize_with = "lenient::field")]
    pub company_name: Option<String>,
}

/// The registration of a domain; its times are milliseconds since 1970.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Whois {
    /// Where it is registered.
    #[serde(deserialize_with = "lenient::field")]
    pub registrar: Option<String>,
    /// Since when.
    #[serde(deserialize_with = "lenient::field")]
    pub created_date: Option<i64>,
    /// Until when.
    #[serde(deserialize_with = "lenient::field")]
    pub expires_date: Option<i64>,
}

/// `GET /domain/{hostname}/subdomains`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Subdomains {
    /// The labels before the domain.
    #[serde(deserialize_with = "lenient::list")]
    pub subdomains: Vec<String>,
    /// How many there are.
    #[serde(deserialize_with = "lenient::field")]
    pub subdomain_count: Option<Whole>,
    /// Whether these are all.
    #[serde(deserialize_with = "lenient::field")]
    pub meta: Option<SubdomainsMeta>,
}

/// Whether a list of subdomains is whole.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SubdomainsMeta {
    /// Whether the plan cuts it.
    #[serde(deserialize_with = "lenient::field")]
    pub limit_reached: Option<bool>,
}

lenient::object!(
    Page<Period>,
    Page<Hosted>,
    Meta,
    Period,
    Resolved,
    Hosted,
    Computed,
    Whois,
    Subdomains,
    SubdomainsMeta,
);

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
