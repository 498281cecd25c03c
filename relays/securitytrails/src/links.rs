//! Addresses of calls in the API and of pages on the site. What comes from an observable is one encoded path
//! segment; `.` and `..`, which URL libraries would fold away, have no address.

use std::borrow::Cow;

use relay_core::ctim::HttpUrl;
use relay_core::escape::{UrlBuilder, segment};
use relay_core::observable::{self, Observable, ObservableType};
use relay_core::relay::Link;
use url::Url;

use crate::module::TITLE;
use crate::query::Query;

/// The bases of API and site.
pub struct Links {
    api: Url,
    ui: Url,
}

impl Links {
    /// With the bases of the settings.
    pub fn new(api: Url, ui: Url) -> Self {
        Self { api, ui }
    }

    /// The call that only proves the key (<https://docs.securitytrails.com/reference/ping>).
    pub(crate) fn ping(&self) -> Option<Url> {
        UrlBuilder::new(&self.api).path("ping").build()
    }

    /// One page of a lookup.
    pub(crate) fn page(&self, query: &Query<'_>, number: u64) -> Option<Url> {
        let api = UrlBuilder::new(&self.api);
        let call = match query {
            Query::History { name, family } => {
                api.path("history").segment(name).path("dns").path(family.record_type())
            }
            Query::Domains { .. } => api.path("domains/list"),
        };
        call.param("page", number).build()
    }

    /// The site's page on an observable.
    pub fn site(&self, about: &Observable) -> Option<HttpUrl> {
        let site = UrlBuilder::new(&self.ui);
        let value = shown(about);
        let page = match about.kind() {
            ObservableType::Domain => site.path("domain").segment(value).path("dns"),
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
            id: format!("ref-securitytrails-search-{kind}-{}", segment(&shown(about))?),
            title: format!("Search for this {label}"),
            description: description.to_owned(),
            url: self.site(about)?.to_string(),
            categories: vec!["Search".into(), TITLE.into()],
        })
    }
}

/// The value as it stands in links: international domains in their ASCII form where they have one.
fn shown(about: &Observable) -> Cow<'_, str> {
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

    fn links(api: &str, ui: &str) -> Links {
        Links::new(Url::parse(api).expect("a URL"), Url::parse(ui).expect("a URL"))
    }

    fn url(kind: ObservableType, value: &str) -> Option<String> {
        let about = Observable::new(kind, value)?;
        Some(links("https://api.example/v1", "https://ui.example").search(&about)?.url)
    }

    #[test]
    fn bases_are_joined_with_one_slash_however_they_end() {
        for (api, ui) in [
            ("https://api.example/v1", "https://ui.example"),
            ("https://api.example/v1/", "https://ui.example/"),
        ] {
            let links = links(api, ui);
            assert_eq!(links.ping().map(String::from).as_deref(), Some("https://api.example/v1/ping"));
            let about = Observable::new(ObservableType::Domain, "a.example").expect("a value");
            let site = links.site(&about).map(|url| url.to_string());
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
        assert_eq!(domain("Example.COM").as_deref(), Some("https://ui.example/domain/Example.COM/dns"));
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
