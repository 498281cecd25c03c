//! Which call a request is, and whether it is well formed.

use std::net::IpAddr;

use serde_json::Value;

use super::refusal::{error, not_in_plan};
use crate::reply::Reply;
use crate::request::Request;

/// The last page of a search that may be asked for.
pub(super) const LAST_PAGE: u64 = 100;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Ping,
    Usage,
    History { name: &'a str, record: Record, page: u64 },
    Domains { address: IpAddr, page: u64 },
    Subdomains { name: &'a str },
}

/// A type of DNS records that has a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    A,
    Aaaa,
    Mx,
    Ns,
    /// The others, which are always empty.
    Other(&'static str),
}

impl Record {
    fn of(word: &str) -> Option<Self> {
        match word {
            "a" => Some(Self::A),
            "aaaa" => Some(Self::Aaaa),
            "mx" => Some(Self::Mx),
            "ns" => Some(Self::Ns),
            other => ["soa", "txt"].into_iter().find(|known| *known == other).map(Self::Other),
        }
    }
}

impl<'a> Call<'a> {
    /// The call, or how it is refused.
    pub(super) fn of(request: &'a Request) -> Result<Self, Reply> {
        let unknown = || error(404, "no Route matched with those values");
        let parts = request.parts();
        let method = if parts == ["domains", "list"] { "POST" } else { "GET" };
        let known = match parts.as_slice() {
            ["history", _, "dns", record] => Record::of(record).is_some(),
            ["ping"] | ["account", "usage"] | ["domains", "list"] | ["domain", _, "subdomains"] => true,
            _ => false,
        };
        if !known {
            return Err(unknown());
        }
        if request.method != method {
            return Err(error(405, "Method not allowed").header("Allow", method));
        }
        let page = page(request)?;
        // Again, with the lifetime of the request instead of that of the list of parts.
        match (request.segments.as_slice(), request.segments.get(1)) {
            ([_], _) => Ok(Self::Ping),
            ([account, _], _) if account == "account" => Ok(Self::Usage),
            ([_, _], _) if page > LAST_PAGE => Err(error(400, "The page is out of range")),
            ([_, _], _) => Ok(Self::Domains { address: filter(request)?, page }),
            ([_, _, _], Some(name)) if is_hostname(name) => Ok(Self::Subdomains { name }),
            ([_, _, _, record], Some(name)) if is_hostname(name) => {
                Ok(Self::History { name, record: Record::of(record).ok_or_else(unknown)?, page })
            }
            _ => Err(error(400, "The requested domain is invalid")),
        }
    }

    /// Queries of the month that it costs.
    pub(super) fn cost(&self) -> u64 {
        u64::from(!matches!(self, Self::Ping | Self::Usage))
    }
}

/// The page asked for: a number from 1, the first when none is given.
fn page(request: &Request) -> Result<u64, Reply> {
    match request.param("page") {
        None => Ok(1),
        Some(text) => text
            .parse()
            .ok()
            .filter(|page| *page > 0)
            .ok_or_else(|| error(400, "The page must be a number from 1")),
    }
}

fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    };
    text.split('.').all(is_label)
}

/// The address that a search filters by.
fn filter(request: &Request) -> Result<IpAddr, Reply> {
    let invalid = || error(400, "The filter is invalid");
    let kind = request.header("content-type").unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(error(400, "The body must be JSON"));
    }
    let body = request.json().ok_or_else(invalid)?;
    match (body.get("filter"), body.get("query")) {
        (Some(filter), None) => address(filter).ok_or_else(invalid),
        // The query language is for other plans than any of those here.
        (None, Some(Value::String(_))) => Err(not_in_plan()),
        _ => Err(error(400, "Exactly one of filter and query must be given")),
    }
}

fn address(filter: &Value) -> Option<IpAddr> {
    let filter = filter.as_object().filter(|filter| filter.len() == 1)?;
    let text = |name| filter.get(name).and_then(Value::as_str);
    match (text("ipv4"), text("ipv6")) {
        (Some(v4), _) => v4.parse().ok().map(IpAddr::V4),
        (_, Some(v6)) => v6.parse().ok().map(IpAddr::V6),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &Request) -> Option<u16> {
        Call::of(request).err().map(|reply| reply.status)
    }

    #[test]
    fn paths_are_matched_strictly() {
        let get = |target| Request::new("GET", "/securitytrails", target);
        let history = get("/history/a.example/dns/aaaa?page=3");
        let call = Call::History { name: "a.example", record: Record::Aaaa, page: 3 };
        assert_eq!(Call::of(&history).ok(), Some(call));
        assert_eq!(Call::of(&get("/ping")).ok(), Some(Call::Ping));
        for (target, refusal) in [
            ("", 404),
            ("/", 404),
            ("/ping/", 404),
            ("/history/a.example/dns/ptr", 404),
            ("/history/a/../ping/dns/a", 404),
            ("/history/..%2Fping/dns/a", 400),
            ("/history/A.example/dns/a", 400),
            ("/history/a..example/dns/a", 400),
            ("/history/%2e%2e/dns/a", 400),
            ("/history/a.example./dns/a", 400),
            ("/history/a.example/dns/a?page=0", 400),
            ("/history/a.example/dns/a?page=x", 400),
            ("/domains/list", 405),
        ] {
            assert_eq!(status(&get(target)), Some(refusal), "{target}");
        }
    }

    #[test]
    fn a_search_has_one_filter_with_an_address_of_its_family() {
        let post = |body: &'static str| {
            Request::new("POST", "/securitytrails", "/domains/list?page=2")
                .with_header("Content-Type", "application/json; charset=utf-8")
                .with_body(body)
        };
        let search = post(r#"{"filter": {"ipv6": "2001:db8::1"}}"#);
        let address = "2001:db8::1".parse().expect("an address");
        assert_eq!(Call::of(&search).ok(), Some(Call::Domains { address, page: 2 }));
        for (body, refusal) in [
            (r#"{"filter": {"ipv4": "2001:db8::1"}}"#, 400),
            (r#"{"filter": {"ipv6": "192.0.2.1"}}"#, 400),
            (r#"{"filter": {"ipv4": "192.0.2.1/24"}}"#, 400),
            (r#"{"filter": {"ipv4": "192.0.2.1", "ipv6": "::1"}}"#, 400),
            (r#"{"filter": {"whois_email": "a@a.example"}}"#, 400),
            (r#"{"filter": {"ipv4": 7}}"#, 400),
            (r#"{"filter": {"ipv4": "192.0.2.1"}, "query": "ipv4 = '192.0.2.1'"}"#, 400),
            (r#"{"query": "ipv4 = '192.0.2.1'"}"#, 403),
            ("{}", 400),
            ("ipv4", 400),
        ] {
            assert_eq!(status(&post(body)), Some(refusal), "{body}");
        }
        let mut beyond = search.clone();
        beyond.query = vec![("page".to_owned(), "101".to_owned())];
        assert_eq!(status(&beyond), Some(400));
        let mut form = search;
        form.headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        assert_eq!(status(&form), Some(400));
    }
}
