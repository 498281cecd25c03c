//! How the observables of an event relate.

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations};
use url::Url;

use super::RELATIONS_BY;
use crate::model::Subject;
use crate::model::{Event, Value, filled};

/// The relations of an event, in a fixed order.
pub(super) fn of(event: &Event, subject: &Subject) -> Relations {
    let source = event.source().and_then(|end| Observable::address(end.ip));
    let destination = event.destination().and_then(|end| Observable::address(end.ip));
    let mut relations = Relations::new(&RELATIONS_BY);
    relations.add(source.clone(), RelationType::CONNECTED_TO, destination.clone());
    match event.kind() {
        "dns" => dns(event, source, &mut relations),
        "http" => http(event, source.as_ref(), destination.as_ref(), &mut relations),
        "x509" if subject.is_domain() => {
            relations.add(subject.about().clone(), RelationType::SAN_DNS_FOR, destination);
        }
        _ => {}
    }
    relations
}

fn dns(event: &Event, source: Option<Observable>, relations: &mut Relations) {
    let name = Observable::new(ObservableType::Domain, event.text_in("query", "domain"));
    relations.add(source, RelationType::QUERIED_FOR, name.clone());
    for answer in event.list("answers") {
        let address = Observable::address(text(answer, "ip"));
        relations.add(name.clone(), RelationType::RESOLVED_TO, address);
    }
}

fn http(
    event: &Event,
    source: Option<&Observable>,
    destination: Option<&Observable>,
    relations: &mut Relations,
) {
    let agent = Observable::new(ObservableType::UserAgent, event.text("user_agent"));
    relations.add(agent.clone(), RelationType::SENT_FROM, source.cloned());
    relations.add(agent, RelationType::SENT_TO, destination.cloned());
    let host = Observable::new(ObservableType::Domain, event.text_in("host", "domain"));
    relations.add(host, RelationType::RESOLVED_TO, destination.cloned());
    let address = Observable::new(ObservableType::Url, url(event).as_deref());
    relations.add(source.cloned(), RelationType::CONNECTED_TO, address.clone());
    relations.add(address, RelationType::HOSTED_ON, destination.cloned());
    let (at_source, at_destination) = match event.text("method") {
        Some("GET") => (RelationType::DOWNLOADED_TO, RelationType::DOWNLOADED_FROM),
        Some(_) => (RelationType::UPLOADED_FROM, RelationType::UPLOADED_TO),
        // Which way the files went is not known.
        None => return,
    };
    let hashes: Vec<Observable> = event.list("files").iter().flat_map(hashes).collect();
    for (end, relation) in [(source, at_source), (destination, at_destination)] {
        for hash in &hashes {
            relations.add(hash.clone(), relation.clone(), end.cloned());
        }
    }
}

fn hashes(file: &Value) -> impl Iterator<Item = Observable> {
    [ObservableType::Md5, ObservableType::Sha1, ObservableType::Sha256]
        .into_iter()
        .filter_map(|kind| Observable::hash(text(file, kind.as_str())).filter(|hash| hash.kind() == kind))
}

fn text<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    filled(object.get(name)?.as_str())
}

/// The URL that an HTTP event asked for. None for what names no page of a host: `*`, a tunnel, nonsense.
fn url(event: &Event) -> Option<String> {
    let target = event.text_in("uri", "uri")?;
    if target == "*" || event.text("method") == Some("CONNECT") {
        return None;
    }
    let url = if has_scheme(target) {
        target.to_owned()
    } else {
        // A target that begins with two slashes is a path too: it must not name the host.
        let slash = if target.starts_with('/') { "" } else { "/" };
        format!("http://{}{slash}{target}", host(event)?)
    };
    // Of a URL without a host, the parser would take the first name of the path for one.
    let named = url.split_once("://").is_some_and(|(_, rest)| !rest.starts_with(['/', '\\']));
    let plain = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    (named && plain && Url::parse(&url).ok()?.has_host()).then_some(url)
}

fn has_scheme(target: &str) -> bool {
    target.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

fn host(event: &Event) -> Option<String> {
    if let Some(name) = event.text_in("host", "domain") {
        // Anything that ends the host of a URL would make another host of it.
        return (!name.contains(['/', '\\', '?', '#', '@'])).then(|| name.to_owned());
    }
    let address = event.text_in("host", "ip").or(event.destination().map(|end| end.ip))?;
    Some(match Observable::address(address)?.kind() {
        ObservableType::Ipv6 => format!("[{}]", address.trim()),
        _ => address.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn url_of(fields: &Json) -> Option<String> {
        let mut event = json!({
            "uuid": "e1", "event_type": "http", "timestamp": "2026-03-02T08:15:30.120Z", "method": "GET",
            "dst": {"ip": "192.0.2.1"},
        });
        event.as_object_mut()?.extend(fields.as_object()?.clone());
        url(&Event::new(serde_json::from_value(event).ok()?)?)
    }

    #[test]
    fn urls_are_made_of_host_and_target() {
        let host = json!({"domain": "good.example"});
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
        ] {
            assert_eq!(url_of(&fields).as_deref(), Some(expected), "{fields}");
        }
    }

    #[test]
    fn what_names_no_page_is_no_url() {
        for fields in [
            json!({}),
            json!({"uri": null}),
            json!({"uri": "/x"}),
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
}
