//! Links into the Defender portal.

use relay_core::escape::UrlBuilder;
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;

/// The link that lets the user look an observable up; MD5 hashes have no page.
pub(crate) fn search(portal: &Url, about: &Observable) -> Option<Link> {
    let (kind, value) = (about.kind(), about.value());
    let page = UrlBuilder::new(portal);
    let (label, page) = match kind {
        ObservableType::Sha1 => ("SHA1", page.path("file").segment(value)),
        ObservableType::Sha256 => ("SHA256", page.path("file").segment(value)),
        ObservableType::Ip => ("IP", page.path("ip").segment(value).path("overview")),
        ObservableType::Ipv6 => ("IPV6", page.path("ip").segment(value).path("overview")),
        ObservableType::Domain => ("Domain", page.path("domains/overview").param("urlDomain", value)),
        ObservableType::Url => ("URL", page.path("url/overview").param("url", value)),
        ObservableType::MsMachineId => ("device", page.path("machines/v2").segment(value)),
        _ => return None,
    };
    Some(Link {
        id: format!("ref-md-search-{kind}-{value}"),
        title: format!("Search for this {label}"),
        description: format!("Look this {label} up in {TITLE}"),
        url: page.build()?.into(),
        categories: vec!["Search".into(), TITLE.into()],
    })
}
