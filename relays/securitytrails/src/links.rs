//! Pages of the site. What comes from an observable is one encoded path segment; `.` and `..`, which URL libraries
//! would fold away, have no address.

use std::borrow::Cow;

use relay_core::ctim::HttpUrl;
use relay_core::escape::{UrlBuilder, segment};
use relay_core::observable::{self, Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;

/// The addresses of pages, from the site's base.
pub struct Links(pub Url);

impl Links {
    /// The site's page on an observable.
    pub fn site(&self, about: &Observable) -> Option<HttpUrl> {
        let site = UrlBuilder::new(&self.0);
        let value = about.value().trim();
        let page = match about.kind() {
            ObservableType::Domain => {
                let name = observable::domain(value);
                site.path("domain").segment(name.as_deref().unwrap_or(value)).path("dns")
            }
            _ => site.path("list/ip").segment(value),
        };
        page.link()
    }

    /// The link that lets the user look the observable up on the site.
    pub fn search(&self, about: &Observable) -> Option<Link> {
        let kind = about.kind();
        let (label, description) = match kind {
            ObservableType::Domain => ("domain", "DNS records of this domain at SecurityTrails"),
            ObservableType::Ipv6 => ("IPv6", "Domains on this IPv6 address at SecurityTrails"),
            _ => ("IP", "Domains on this IP address at SecurityTrails"),
        };
        Some(Link {
            id: format!("ref-securitytrails-search-{kind}-{}", segment(&ascii(about))?),
            title: format!("Search for this {label}"),
            description: description.to_owned(),
            url: self.site(about)?.to_string(),
            categories: vec!["Search".into(), TITLE.into()],
        })
    }
}

/// The value as it stands in ids: international domains in their ASCII form where they have one.
fn ascii(about: &Observable) -> Cow<'_, str> {
    let value = about.value().trim();
    match about.kind() {
        ObservableType::Domain if !value.is_ascii() => {
            observable::domain(value).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        _ => Cow::Borrowed(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(kind: ObservableType, value: &str) -> Option<String> {
        let about = Observable::new(kind, value)?;
        Some(Links(Url::parse("https://ui.example").expect("a URL")).search(&about)?.url)
    }

    #[test]
    fn bases_are_joined_with_one_slash_however_they_end() {
        for ui in ["https://ui.example", "https://ui.example/"] {
            let about = Observable::new(ObservableType::Domain, "a.example").expect("a value");
            let site = Links(Url::parse(ui).expect("a URL")).site(&about).map(|url| url.to_string());
            assert_eq!(site.as_deref(), Some("https://ui.example/domain/a.example/dns"));
        }
    }

    #[test]
    fn international_domains_are_linked_in_their_ascii_form() {
        let domain = |value| url(ObservableType::Domain, value);
        assert_eq!(
            domain("bücher.example").as_deref(),
            Some("https://ui.example/domain/xn--bcher-kva.example/dns")
        );
        assert_eq!(
            domain("bücher..example").as_deref(),
            Some("https://ui.example/domain/b%C3%BCcher..example/dns"),
            "there is no such name, so it is linked as it came"
        );
        assert_eq!(
            domain("WWW.Example.ORG.").as_deref(),
            Some("https://ui.example/domain/www.example.org/dns"),
            "in the form in which it is looked up"
        );
        let about = Observable::new(ObservableType::Domain, "WWW.Example.ORG.").expect("a value");
        let link = Links(Url::parse("https://ui.example").expect("a URL")).search(&about).expect("a link");
        assert_eq!(link.id, "ref-securitytrails-search-domain-WWW.Example.ORG.", "the id as given");
    }

    #[test]
    fn dots_alone_have_no_link() {
        for value in [".", "..", " .. "] {
            assert_eq!(url(ObservableType::Domain, value), None, "{value:?}");
            assert_eq!(url(ObservableType::Ip, value), None, "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_segment(value in "\\PC{1,40}|[./?#%@:\\\\a]{1,12}") {
            if let Some(link) = url(ObservableType::Domain, &value) {
                let link = Url::parse(&link).expect("a URL");
                prop_assert_eq!(link.host_str(), Some("ui.example"));
                let segments: Vec<&str> = link.path().split('/').collect();
                prop_assert_eq!(segments.len(), 4, "{}", link);
                prop_assert!(segments[1] == "domain" && segments[3] == "dns", "{}", link);
                prop_assert_eq!((link.query(), link.fragment()), (None, None));
            }
        }
    }
}
