//! The HTTP request of an event, and the URL that it asked for.

use relay_core::ctim::{Observable, ObservableType};
use url::Url;

use crate::model::{End, Event, Value, filled};

/// What an event says of an HTTP request.
pub(super) struct Http<'e> {
    pub(super) method: Option<&'e str>,
    pub(super) user_agent: Option<&'e str>,
    /// The absolute URL of the page that led here.
    pub(super) referrer: Option<&'e str>,
    /// Whether the server's end is a proxy: then it is neither the address of the site nor the place of the URL.
    pub(super) proxied: bool,
    host: Option<&'e Value>,
    target: Option<&'e str>,
}

impl<'e> Http<'e> {
    /// None for an event that has nothing to do with HTTP.
    pub(super) fn of(event: &'e Event) -> Option<Self> {
        let is_http = event.kind() == "http";
        let inner = event.field("http").filter(|_| event.kind() == "suricata");
        if !is_http && !matches!(inner, Some(Value::Object(_))) {
            return None;
        }
        let field = |name: &str| if is_http { event.field(name) } else { inner?.get(name) };
        let text = |name: &str| filled(field(name)?.as_str());
        let target = field("uri").and_then(location);
        let is_absolute = target.is_some_and(has_scheme);
        Some(Self {
            method: text("method"),
            user_agent: text("user_agent"),
            referrer: field("referrer").and_then(location).filter(|url| is_page(url)),
            proxied: is_http && (is_absolute || field("proxied").is_some_and(names_a_proxy)),
            host: field("host"),
            target,
        })
    }

    /// The host's name.
    pub(super) fn domain(&self) -> Option<&'e str> {
        self.host?.text("domain")
    }

    /// The URL that was asked for. None for what names no page of a host: `*`, a tunnel, nonsense.
    pub(super) fn url(&self, server: Option<End<'_>>) -> Option<String> {
        let target = self.target?;
        if target == "*" || self.method == Some("CONNECT") {
            return None;
        }
        let url = if has_scheme(target) {
            target.to_owned()
        } else {
            // A target that begins with two slashes is a path too: it must not name the host.
            let slash = if target.starts_with('/') { "" } else { "/" };
            format!("http://{}{slash}{target}", self.authority(server)?)
        };
        is_url(&url).then_some(url)
    }

    fn authority(&self, server: Option<End<'_>>) -> Option<String> {
        let port =
            server.and_then(|end| end.port()).filter(|port| (1..=65_535).contains(port) && *port != 80);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        if let Some(name) = self.domain() {
            // Anything that ends the host of a URL would make another host of it.
            let plain = !name.contains(['/', '\\', '?', '#', '@']);
            let port = if name.contains(':') { String::new() } else { port };
            return plain.then(|| format!("{name}{port}"));
        }
        let address = self.host.and_then(|host| host.text("ip")).or(server.map(|end| end.ip))?;
        Some(match Observable::address(address)?.kind() {
            ObservableType::Ipv6 => format!("[{}]{port}", address.trim()),
            _ => format!("{}{port}", address.trim()),
        })
    }
}

/// A URL or a path, which some events have in an object.
fn location(value: &Value) -> Option<&str> {
    filled(value.as_str()).or_else(|| value.text("uri"))
}

fn names_a_proxy(headers: &Value) -> bool {
    match headers {
        Value::List(items) => items.iter().any(|item| *item != Value::Null),
        other => filled(other.as_str()).is_some(),
    }
}

fn is_page(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)))
        && is_url(url)
}

fn is_url(url: &str) -> bool {
    // Of a URL without a host, the parser would take the first name of the path for one.
    let named = url.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
    let plain = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    named && plain && Url::parse(url).is_ok_and(|url| url.has_host())
}

fn has_scheme(target: &str) -> bool {
    target.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn event(fields: &Json) -> Event {
        let mut event = json!({
            "uuid": "e1", "event_type": "http", "timestamp": "2026-03-02T08:15:30.120Z", "method": "GET",
            "dst": {"ip": "192.0.2.1"},
        });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        Event::new(serde_json::from_value(event).unwrap()).unwrap()
    }

    fn url_of(fields: &Json) -> Option<String> {
        let event = event(fields);
        Http::of(&event)?.url(event.destination())
    }

    #[test]
    fn urls_are_made_of_host_and_target() {
        let host = json!({"domain": "good.example"});
        let to = |port: i64| json!({"ip": "192.0.2.1", "port": port});
        for (fields, expected) in [
            (json!({"uri": {"uri": "/a?b"}, "host": host}), "http://good.example/a?b"),
            (json!({"uri": {"uri": "a/b"}, "host": host}), "http://good.example/a/b"),
            (
                json!({"uri": {"uri": "//evil.example/x"}, "host": host}),
                "http://good.example//evil.example/x",
            ),
            (
                json!({"uri": {"uri": "/r?to=http://evil.example"}, "host": host}),
                "http://good.example/r?to=http://evil.example",
            ),
            (
                json!({"uri": {"uri": "r?to=http://evil.example"}, "host": host}),
                "http://good.example/r?to=http://evil.example",
            ),
            (json!({"uri": {"uri": "https://other.example/x"}, "host": host}), "https://other.example/x"),
            (json!({"uri": {"uri": "/x"}, "host": {"ip": "10.1.70.2"}}), "http://10.1.70.2/x"),
            (json!({"uri": {"uri": "/x"}, "host": {"ip": "2001:db8::7"}}), "http://[2001:db8::7]/x"),
            (json!({"uri": {"uri": "/x"}, "host": null}), "http://192.0.2.1/x"),
            (json!({"uri": {"uri": "/x"}, "host": host, "dst": to(8080)}), "http://good.example:8080/x"),
            (json!({"uri": {"uri": "/x"}, "host": host, "dst": to(80)}), "http://good.example/x"),
            (json!({"uri": {"uri": "/x"}, "host": host, "dst": to(-1)}), "http://good.example/x"),
            (
                json!({"uri": {"uri": "/x"}, "host": {"domain": "good.example:81"}, "dst": to(8080)}),
                "http://good.example:81/x",
            ),
            (
                json!({"uri": {"uri": "/x"}, "host": {"ip": "2001:db8::7"}, "dst": to(8080)}),
                "http://[2001:db8::7]:8080/x",
            ),
        ] {
            assert_eq!(url_of(&fields).as_deref(), Some(expected), "{fields}");
        }
    }

    #[test]
    fn what_names_no_page_is_no_url() {
        for fields in [
            json!({}),
            json!({"uri": null}),
            json!({"uri": {"uri": "*"}}),
            json!({"uri": {"uri": "example.org:443"}, "method": "CONNECT"}),
            json!({"uri": {"uri": "http:///x"}, "dst": null}),
            json!({"uri": {"uri": "/x"}, "dst": null}),
            json!({"uri": {"uri": "/x y"}}),
            json!({"uri": {"uri": "/x\ny"}}),
            json!({"uri": {"uri": "/x"}, "host": {"domain": "good.example/@evil.example"}}),
            json!({"uri": {"uri": "/x"}, "host": {"domain": "good.example:80@evil.example"}}),
            json!({"uri": {"uri": "/x"}, "host": {"ip": "not an address"}}),
        ] {
            assert_eq!(url_of(&fields), None, "{fields}");
        }
    }

    #[test]
    fn a_proxy_is_known_by_an_absolute_target_or_its_headers() {
        for (fields, proxied) in [
            (json!({"uri": {"uri": "http://a.example/x"}}), true),
            (json!({"uri": {"uri": "/x"}, "proxied": ["VIA -> 1.1 squid"]}), true),
            (json!({"uri": {"uri": "/x"}, "proxied": "VIA"}), true),
            (json!({"uri": {"uri": "/x"}, "proxied": []}), false),
            (json!({"uri": {"uri": "/x"}, "proxied": " "}), false),
            (json!({"uri": {"uri": "/x"}}), false),
            (json!({"event_type": "suricata", "uri": null, "http": {"uri": "http://a.example/x"}}), false),
        ] {
            assert_eq!(Http::of(&event(&fields)).map(|http| http.proxied), Some(proxied), "{fields}");
        }
    }

    #[test]
    fn a_referrer_is_an_absolute_url_of_the_web() {
        for (referrer, read) in [
            (json!("https://a.example/x"), Some("https://a.example/x")),
            (json!({"uri": "HTTP://a.example/x"}), Some("HTTP://a.example/x")),
            (json!("/x"), None),
            (json!("ftp://a.example/x"), None),
            (json!("about:blank"), None),
            (json!({"uri": null}), None),
            (json!(["http://a.example/x"]), None),
        ] {
            let event = event(&json!({"referrer": referrer}));
            assert_eq!(Http::of(&event).and_then(|http| http.referrer), read, "{referrer}");
        }
    }
}
