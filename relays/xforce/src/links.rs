//! Pages of the portal.

use relay_core::ctim::HttpUrl;
use relay_core::escape::{UrlBuilder, segment};
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;
use crate::subject::{Family, Subject};

/// The addresses of pages, from the portal's base.
pub struct Links(pub Url);

impl Links {
    /// The portal's page on an observable, by the form in which its value is looked up where it has one.
    pub fn page(&self, about: &Observable) -> Option<HttpUrl> {
        let subject = Subject::of(about);
        let value = subject.as_ref().map_or(about.value(), |subject| &subject.value);
        UrlBuilder::new(&self.0).path(Family::of(about).path_word()).segment(value).link()
    }

    /// The portal's page of a collection: the title in words, then the id.
    pub fn collection(&self, title: Option<&str>, id: &str) -> Option<HttpUrl> {
        let words = title.unwrap_or_default().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).chain([id]).collect();
        let name = words.join("-");
        UrlBuilder::new(&self.0).path("collection").segment(&name).link()
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
