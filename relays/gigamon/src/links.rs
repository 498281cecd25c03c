//! Pages of the portal.

use relay_core::ctim::{HttpUrl, ObservableType};
use relay_core::escape::UrlBuilder;
use relay_core::observable::Observable;
use relay_core::relay::Link;
use url::Url;

use crate::model::Subject;
use crate::module::TITLE;

/// How the portal addresses the page of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulePage {
    /// `/detections/rules/{uuid}`
    Path,
    /// `/detections/rules?rule_uuid={uuid}`, since September 2024.
    Query,
}

/// The portal of a region.
#[derive(Clone, Debug)]
pub struct Links {
    ui: Url,
    rule_page: RulePage,
}

impl Links {
    /// With the portal's base.
    pub fn new(ui: Url, rule_page: RulePage) -> Self {
        Self { ui, rule_page }
    }

    /// The search for one event.
    pub fn event(&self, uuid: &str) -> Option<HttpUrl> {
        // The search is written in a query language without an escape for quotes.
        is_plain(uuid).then(|| self.search(&format!("uuid = '{uuid}'"))).flatten()
    }

    /// The page of a rule, seen as one of the accounts that it runs for where one is given.
    pub fn rule(&self, uuid: &str, account: Option<&str>) -> Option<HttpUrl> {
        if !is_plain(uuid) {
            return None;
        }
        let page = UrlBuilder::new(&self.ui).path("detections/rules");
        let page = match self.rule_page {
            RulePage::Path => page.segment(uuid),
            RulePage::Query => page.param("rule_uuid", uuid),
        };
        let page = match account {
            Some(account) => page.param("account_uuid", account),
            None => page,
        };
        page.link()
    }

    /// The list of detections.
    pub fn detections(&self) -> Option<HttpUrl> {
        UrlBuilder::new(&self.ui).path("detections").link()
    }

    /// The search for any text.
    pub fn search(&self, text: &str) -> Option<HttpUrl> {
        UrlBuilder::new(&self.ui).path("search").form_param("query", text).link()
    }

    /// The link that lets the user search for an observable. None where it would be too long.
    pub fn refer(&self, about: &Observable) -> Option<Link> {
        let (kind, label) = (about.kind(), label(about.kind()));
        // What the provider cannot hold is linked as it was received.
        let value = Subject::of(about).map_or_else(|| about.value().to_owned(), |subject| subject.value());
        let url = self.search(&value)?;
        Some(Link {
            id: format!("ref-gti-search-{kind}-{}", about.value()),
            title: format!("Search for this {label}"),
            description: format!("Search for this {label} in the events of {TITLE}"),
            url: url.to_string(),
            categories: vec!["Search".into(), TITLE.into()],
        })
    }
}

/// Whether an id of the provider looks like one.
fn is_plain(uuid: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=128).contains(&uuid.len()) && uuid.bytes().all(plain)
}

fn label(kind: ObservableType) -> &'static str {
    match kind {
        ObservableType::Ip | ObservableType::Ipv6 => "IP",
        ObservableType::Md5 => "MD5",
        ObservableType::Sha1 => "SHA1",
        ObservableType::Sha256 => "SHA256",
        _ => "domain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(rule_page: RulePage) -> Links {
        Links::new(Url::parse("https://portal.example").unwrap(), rule_page)
    }

    fn text(url: Option<HttpUrl>) -> Option<String> {
        url.map(|url| url.to_string())
    }

    #[test]
    fn rules_have_a_page_in_the_portals_form() {
        let page = |style, account| text(links(style).rule("0b9a-11", account)).unwrap();
        assert_eq!(page(RulePage::Path, None), "https://portal.example/detections/rules/0b9a-11");
        assert_eq!(
            page(RulePage::Path, Some("3b1f")),
            "https://portal.example/detections/rules/0b9a-11?account_uuid=3b1f"
        );
        assert_eq!(
            page(RulePage::Query, Some("3b1f")),
            "https://portal.example/detections/rules?rule_uuid=0b9a-11&account_uuid=3b1f"
        );
    }

    #[test]
    fn an_id_that_would_change_the_search_has_no_link() {
        let links = links(RulePage::Path);
        assert!(links.event("9a3d77c4-15f0-11f1-8d0c-0242ac120002").is_some());
        for uuid in ["", "a' OR uuid != '", "a/b", "a b", "ü", &"a".repeat(129)] {
            assert_eq!(text(links.event(uuid)), None, "{uuid:?}");
            assert_eq!(text(links.rule(uuid, None)), None, "{uuid:?}");
        }
        assert_eq!(text(links.rule("..", None)), None);
    }

    #[test]
    fn a_link_has_the_value_as_the_provider_takes_it_and_the_id_as_it_was_received() {
        for (kind, value, query) in [
            (ObservableType::Domain, "Bücher.Example.", "xn--bcher-kva.example"),
            (ObservableType::Ipv6, "2001:DB8:0::1", "2001%3Adb8%3A%3A1"),
            (ObservableType::Md5, &*"AB".repeat(16), &*"ab".repeat(16)),
            (ObservableType::Ip, "10.0.0.0/8", "10.0.0.0%2F8"),
        ] {
            let link = links(RulePage::Path).refer(&Observable::new(kind, value).unwrap()).unwrap();
            assert_eq!(link.url, format!("https://portal.example/search?query={query}"));
            assert_eq!(link.id, format!("ref-gti-search-{kind}-{value}"));
        }
    }

    #[test]
    fn a_search_that_is_too_long_is_no_link() {
        let about = |length| Observable::new(ObservableType::Domain, "a".repeat(length).as_str()).unwrap();
        let longest = 2048 - "https://portal.example/search?query=".len();
        assert!(links(RulePage::Path).refer(&about(longest)).is_some());
        assert_eq!(links(RulePage::Path).refer(&about(longest + 1)), None);
    }
}
