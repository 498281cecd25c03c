//! Links into the Defender portal.

use relay_core::escape::UrlBuilder;
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;

/// The link that lets the user look an observable up; MD5 hashes have no page.
pub fn search(portal: &Url, about: &Observable) -> Option<Link> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_value_changes_the_shape_of_a_link(
            kind in prop::sample::select(crate::module::MODULE.observables),
            value in prop_oneof![r#"[a-z0-9./:?#&=%'"\\;@ -]{1,40}"#, any::<String>()],
        ) {
            let portal = Url::parse("https://security.example").unwrap();
            let observable = Observable::new(kind, value.as_str());
            let Some(link) = observable.and_then(|about| search(&portal, &about)) else { return Ok(()) };
            let url = Url::parse(&link.url).unwrap();
            prop_assert_eq!((url.origin(), url.fragment()), (portal.origin(), None));
            let parameter = match kind {
                ObservableType::Domain => Some("urlDomain"),
                ObservableType::Url => Some("url"),
                _ => None,
            };
            let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let expected = parameter.map(|name| (name.to_owned(), value.clone()));
            prop_assert_eq!(query, expected.into_iter().collect::<Vec<_>>());
            let segments = url.path().split('/').count() - 1;
            let wanted = match kind {
                ObservableType::Ip | ObservableType::Ipv6 | ObservableType::MsMachineId => 3,
                _ => 2,
            };
            prop_assert_eq!(segments, wanted);
        }
    }
}
