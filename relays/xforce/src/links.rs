//! Addresses of calls in the API and of pages in the portal. Values of observables are one encoded path
//! segment; `.` and `..`, which URL libraries would fold away, have no address.

use relay_core::ctim::HttpUrl;
use relay_core::escape::{UrlBuilder, segment};
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;

/// The bases of API and portal.
pub struct Links {
    api: Url,
    ui: Url,
    /// Whether the base ends with the prefix of the calls that the portal itself uses.
    portal_base: bool,
}

/// How X-Force groups what it reports on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Addresses.
    Ip,
    /// Domains and URLs.
    Url,
    /// File hashes.
    Hash,
}

impl Family {
    /// The family of an observable of a supported type.
    pub fn of(about: &Observable) -> Self {
        match about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => Self::Ip,
            ObservableType::Md5 | ObservableType::Sha1 | ObservableType::Sha256 => Self::Hash,
            _ => Self::Url,
        }
    }

    fn report_path(self) -> &'static str {
        match self {
            Self::Ip => "ipr",
            Self::Url => "url",
            Self::Hash => "malware",
        }
    }

    /// The word for it in the portal.
    fn word(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Url => "url",
            Self::Hash => "malware",
        }
    }
}

/// The value as the API wants it: X-Force prints hashes with `0x` before them but does not look them up so.
fn looked_up(about: &Observable) -> &str {
    let value = about.value();
    match Family::of(about) {
        Family::Hash => value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")).unwrap_or(value),
        Family::Ip | Family::Url => value,
    }
}

impl Links {
    /// With the bases of the settings.
    pub fn new(api: Url, ui: Url) -> Self {
        let portal_base = api.path().ends_with("/api");
        Self { api, ui, portal_base }
    }

    /// The usage of the account.
    pub fn usage(&self) -> Option<Url> {
        UrlBuilder::new(&self.api).path("all-subscriptions/usage").build()
    }

    /// The report on an observable.
    pub fn report(&self, about: &Observable) -> Option<Url> {
        UrlBuilder::new(&self.api).path(Family::of(about).report_path()).segment(looked_up(about)).build()
    }

    /// DNS resolutions, for domains and addresses.
    pub fn resolve(&self, about: &Observable) -> Option<Url> {
        self.portal().path("resolve").segment(about.value()).param("basicResolve", "true").build()
    }

    /// Collections that contain an observable.
    pub fn linkage(&self, about: &Observable) -> Option<Url> {
        let word = Family::of(about).word();
        self.portal().path("linkage").path(word).segment(looked_up(about)).param("maxpertype", "20").build()
    }

    fn portal(&self) -> UrlBuilder {
        let api = UrlBuilder::new(&self.api);
        if self.portal_base { api } else { api.path("api") }
    }

    /// The portal's page on an observable.
    pub fn page(&self, about: &Observable) -> Option<HttpUrl> {
        UrlBuilder::new(&self.ui).path(Family::of(about).word()).segment(about.value()).link()
    }

    /// The portal's page of a collection: the title in words, then the id.
    pub fn collection(&self, title: Option<&str>, id: &str) -> Option<HttpUrl> {
        let mut name = String::new();
        for word in title.unwrap_or_default().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if !word.is_empty() {
                name.push_str(word);
                name.push('-');
            }
        }
        name.push_str(id);
        UrlBuilder::new(&self.ui).path("collection").segment(&name).link()
    }

    /// The link that lets the user look the observable up in the portal.
    pub fn search(&self, about: &Observable) -> Option<Link> {
        let (kind, label) = (about.kind(), label(about.kind()));
        Some(Link {
            id: format!("ref-ibm-xforce-exchange-search-{kind}-{}", segment(about.value())?),
            title: format!("Search for this {label}"),
            description: format!("Look this {label} up on {TITLE}"),
            url: self.page(about)?.to_string(),
            categories: vec!["Search".into(), TITLE.into()],
        })
    }
}

fn label(kind: ObservableType) -> &'static str {
    match kind {
        ObservableType::Url => "URL",
        ObservableType::Ip => "IP",
        ObservableType::Ipv6 => "IPv6",
        ObservableType::Md5 => "MD5",
        ObservableType::Sha1 => "SHA1",
        ObservableType::Sha256 => "SHA256",
        _ => "domain",
    }
}
