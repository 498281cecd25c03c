//! Pages of the Defender portal, for people.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::{Compression, GzBuilder};
use relay_core::ctim::HttpUrl;
use relay_core::escape::UrlBuilder;
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::mapping::matching::Matcher;
use crate::mapping::value::{address, compared_name};
use crate::module::TITLE;
use crate::search::query::hunting::for_people;

/// The page of an observable, for the types that have one.
fn page_of(ui: &Url, about: &Observable) -> Option<HttpUrl> {
    let (value, url) = (about.value(), UrlBuilder::new(ui));
    match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => {
            url.path("ip").segment(address(value)?.to_string()).path("overview").link()
        }
        ObservableType::Domain => {
            let name = if value.is_ascii() { value.to_owned() } else { compared_name(value) };
            url.path("domains/overview").param("urlDomain", name).link()
        }
        ObservableType::Url => url.path("url/overview").param("url", value).link(),
        ObservableType::Sha256 | ObservableType::Sha1 => url.path("file").segment(value).link(),
        ObservableType::MsMachineId => url.path("machines/v2").segment(value).link(),
        _ => None,
    }
}

/// The page that hunts for an observable. The portal takes a query as gzip of UTF-16, in base64.
fn hunt_for(ui: &Url, about: &Observable) -> Option<HttpUrl> {
    let query = for_people(about)?;
    let bytes: Vec<u8> = query.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(&bytes).ok()?;
    let query = BASE64_URL_SAFE_NO_PAD.encode(packed.finish().ok()?);
    UrlBuilder::new(ui).path("v2/advanced-hunting").param("query", query).param("timeRangeId", "month").link()
}

/// The links for an observable: its page, and the hunt for it.
pub fn all(ui: &Url, about: &Observable) -> Vec<Link> {
    if Matcher::new(about).is_none() || about.value().chars().any(char::is_control) {
        return Vec::new();
    }
    let (kind, value) = (about.kind(), about.value());
    let what = label(kind);
    let link = |place: &str, url: HttpUrl, title: String, description: String, category: &'static str| Link {
        id: format!("ref-graph-{place}-{kind}-{value}"),
        title,
        description,
        url: url.as_str().to_owned(),
        categories: vec![category.into(), TITLE.into()],
    };
    let page = page_of(ui, about).map(|url| {
        let title = format!("Open this {what}");
        link(
            "page",
            url,
            title,
            format!("Opens the page of this {what} in the Microsoft Defender portal"),
            "Page",
        )
    });
    let hunt = hunt_for(ui, about).map(|url| {
        let title = format!("Hunt for this {what}");
        let description = format!(
            "Hunts for alerts of the last 30 days about this {what} in the Microsoft Defender portal"
        );
        link("hunt", url, title, description, "Hunt")
    });
    page.into_iter().chain(hunt).collect()
}

fn label(kind: ObservableType) -> &'static str {
    match kind {
        ObservableType::Ip | ObservableType::Ipv6 => "IP address",
        ObservableType::Domain => "domain",
        ObservableType::Hostname => "host name",
        ObservableType::Url => "URL",
        ObservableType::FileName => "file name",
        ObservableType::FilePath => "file path",
        ObservableType::Sha256 => "SHA-256",
        ObservableType::Sha1 => "SHA-1",
        ObservableType::Md5 => "MD5",
        ObservableType::Email => "email address",
        ObservableType::EmailSubject => "email subject",
        ObservableType::EmailMessageId => "email message id",
        ObservableType::User => "user",
        ObservableType::MsMachineId => "device",
        _ => "observable",
    }
}
