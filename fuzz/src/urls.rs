//! Addresses of calls and links: no value changes host, depth of the path or names of parameters.

use std::sync::LazyLock;

use relay_core::escape::UrlBuilder;
use relay_core::observable::Observable;
use relay_core::relay::{Link, Relay};
use relay_defender::api::urls as defender;
use relay_defender::subject::{MachineId, Subject};
use relay_securitytrails::query::{self, Query, RecordType};
use relay_xforce::{api as xforce, subject};
use url::Url;

use crate::input::observables;

static BASE: LazyLock<Url> = LazyLock::new(|| Url::parse("https://api.example:8443/v1/").expect("a URL"));
static RELAYS: LazyLock<[Relay; 5]> = LazyLock::new(|| {
    [
        relay_defender::relay(),
        relay_gigamon::relay(),
        relay_graph::relay(),
        relay_securitytrails::relay(),
        relay_xforce::relay(),
    ]
});

/// The target. Lines of the input are observables, each of which is taken for an id as well.
pub fn urls(data: &[u8]) {
    for line in String::from_utf8_lossy(data).split('\n') {
        any(line);
    }
    let [of_defender, of_gigamon, of_graph, of_securitytrails, of_xforce] = &*RELAYS;
    observables(data, of_defender).iter().for_each(defender_calls);
    for about in observables(data, of_gigamon) {
        let links = relay_gigamon::links::Links::new(BASE.clone(), relay_gigamon::links::RulePage::Path);
        link(links.refer(&about), 1, &["query"]);
        checked(links.rule(about.value(), Some(about.value())), 3, &["account_uuid"], None);
        checked(links.event(about.value()), 1, &["query"], None);
    }
    for about in observables(data, of_graph) {
        for one in relay_graph::links::all(&BASE, &about) {
            let url = Url::parse(&one.url).expect("a URL");
            let names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert!(matches!(*names, [] | ["urlDomain" | "url"] | ["query", "timeRangeId"]), "{url}");
            of_base(&url, url.path_segments().map_or(0, Iterator::count) - 1, &names);
        }
    }
    for about in observables(data, of_securitytrails) {
        let links = relay_securitytrails::links::Links(BASE.clone());
        link(links.search(&about), 3, &[]);
        match query::Subject::of(&about) {
            Some(query::Subject::Domain(name)) => {
                let url = Query::History(&name, RecordType::Mx).url(&BASE, 2);
                checked(url, 4, &["page"], Some((1, &name)));
                let url = Query::Subdomains(&name).url(&BASE, 1);
                checked(url, 3, &["children_only", "include_inactive"], Some((1, &name)));
            }
            Some(query::Subject::Address(address, family)) => {
                checked(Query::Domains(&address, family).url(&BASE, 7), 2, &["page"], None);
            }
            None => {}
        }
    }
    for about in observables(data, of_xforce) {
        let links = relay_xforce::links::Links(BASE.clone());
        link(links.search(&about), 2, &[]);
        let Some(subject) = subject::Subject::of(&about) else { continue };
        let value = subject.value.as_str();
        checked(xforce::report_url(&BASE, &subject), 2, &[], Some((1, value)));
        checked(xforce::resolve_url(&BASE, &subject), 3, &["basicResolve"], Some((2, value)));
        checked(xforce::linkage_url(&BASE, &subject, 20), 4, &["maxpertype"], Some((3, value)));
    }
}

/// What all relays put values together with.
fn any(value: &str) {
    let url =
        UrlBuilder::new(&BASE).path("a").segment(value).path("b").param("p", value).form_param("f", value);
    let is_segment = !matches!(value, "" | "." | "..");
    let built = url.clone().build();
    assert_eq!(built.is_some(), is_segment);
    if let Some(url) = &built {
        let given: Vec<_> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
        assert_eq!(given, [value, value], "parameters are what was given");
    }
    checked(built, 3, &["p", "f"], Some((1, value)));
    checked(url.link(), 3, &["p", "f"], Some((1, value)));
    let literal = relay_core::escape::odata(value);
    let url = UrlBuilder::new(&BASE).path("m").function("find", &[("ip", literal.as_str())]).build();
    checked(url, 2, &[], Some((1, &format!("find(ip={literal})"))));
    checked(Some(defender::alert(&BASE, value)).and_then(UrlBuilder::build), 2, &[], Some((1, value)));
    checked(defender::indicator(&BASE, value).build(), 2, &[], Some((1, value)));
    checked(defender::alert_list(&BASE, [value, value]).build(), 1, &["$filter", "$expand", "$top"], None);
}

fn defender_calls(about: &Observable) {
    let (portal, value) = (&*BASE, about.value());
    if let Some(found) = relay_defender::links::search(portal, about) {
        let url = Url::parse(&found.url).expect("a URL");
        let names: &[&str] = match about.kind().as_str() {
            "domain" => &["urlDomain"],
            "url" => &["url"],
            _ => &[],
        };
        let depth = if matches!(about.kind().as_str(), "ip" | "ipv6" | "ms_machine_id") { 3 } else { 2 };
        of_base(&url, depth, names);
    }
    let url = defender::machines_by_address(&BASE, value, "2026-03-02T09:00:00Z");
    checked(url.build(), 2, &[], None);
    checked(defender::machines_named(&BASE, value).build(), 1, &["$filter", "$top"], None);
    checked(defender::indicators(&BASE, value).build(), 1, &["$filter", "$top"], None);
    checked(defender::indicator_list(&BASE, &[value, value]).build(), 1, &["$filter", "$top"], None);
    if let Some(id) = MachineId::parse(value) {
        checked(defender::machine(&BASE, &id).build(), 2, &[], Some((1, id.as_str())));
        checked(defender::pending_actions(&BASE, &id).build(), 1, &["$filter", "$top"], None);
    }
    if Subject::of(about).is_some() {
        checked(defender::alerts(&BASE, "files", value).build(), 3, &[], Some((1, value)));
        checked(defender::stats(&BASE, "ips", value).build(), 3, &["lookBackHours"], Some((1, value)));
    }
}

fn link(link: Option<Link>, depth: usize, names: &[&str]) {
    checked(link.map(|link| link.url), depth, names, None);
}

/// Checks an address, where there is one. `value` is a segment below the base, and what it says when it is decoded.
fn checked(url: Option<impl ToString>, depth: usize, names: &[&str], value: Option<(usize, &str)>) {
    let Some(url) = url else { return };
    let url = Url::parse(&url.to_string()).expect("a URL");
    of_base(&url, depth, names);
    if let Some((place, value)) = value {
        let segment = url.path_segments().and_then(|mut all| all.nth(place + 1)).unwrap_or_default();
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().expect("UTF-8");
        assert_eq!(decoded, value, "{url}");
    }
}

/// An address leads to the base's host and path, with this number of segments below and these parameters.
fn of_base(url: &Url, depth: usize, names: &[&str]) {
    assert_eq!((url.origin(), url.fragment()), (BASE.origin(), None), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    let below = url.path().strip_prefix(BASE.path()).expect("a path below the base");
    assert_eq!(below.split('/').count(), depth, "{url}");
    assert!(below.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{url}");
    let given: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(given, names, "{url}");
}
