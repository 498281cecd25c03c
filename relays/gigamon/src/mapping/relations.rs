//! How the observables of an event relate.

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations};
use relay_core::observable::{domain, ip_address};
use serde_json::Map;

use super::RELATIONS_BY;
use super::files::{self, Direction};
use super::http::Http;
use crate::model::{End, Event, Subject, Value, filled};

/// The relations of an event, in a fixed order.
pub(super) fn of(event: &Event, subject: &Subject, about: &Observable) -> Relations {
    let (source, destination) = (address(event.source()), address(event.destination()));
    let mut relations = Relations::new(&RELATIONS_BY);
    let sides = sides(event);
    match sides {
        Some((client, server)) => relations.add(address(client), RelationType::CONNECTED_TO, address(server)),
        None => relations.add(source.clone(), RelationType::RELATED_TO, destination.clone()),
    }
    if event.kind() == "dns" {
        dns(event, source.as_ref(), &mut relations);
    }
    let (client, server) = sides.unwrap_or_default();
    let request = Http::of(event).filter(|_| sides.is_some());
    let mut url = None;
    if let Some(request) = &request {
        url = Observable::new(ObservableType::Url, request.url(server).as_deref());
        http(request, address(client).as_ref(), address(server).as_ref(), url.as_ref(), &mut relations);
    }
    if event.kind() == "ssl" {
        relations.add(address(client), RelationType::CONNECTED_TO, name(server_name(event)));
    }
    let place = if request.is_some_and(|request| request.proxied) { url } else { address(server) };
    files_of(event, &[address(client), place], &[source, destination.clone()], &mut relations);
    if event.kind() == "x509" && subject.is_domain() {
        relations.add(about.clone(), RelationType::SAN_DNS_FOR, destination);
    }
    relations
}

/// Client and server, if the event says which is which: sensors log the initiator as the source, but the ends of a
/// Suricata alert are those of one packet, which may be the answer.
fn sides(event: &Event) -> Option<(Option<End<'_>>, Option<End<'_>>)> {
    let (source, destination) = (event.source(), event.destination());
    if event.kind() != "suricata" {
        return Some((source, destination));
    }
    let (forth, back) = (Some((source, destination)), Some((destination, source)));
    let host = event.at_path("http.host.ip").and_then(|host| ip_address(host.as_str()?));
    let is_host = |end: Option<End<'_>>| host.is_some() && end.and_then(|end| ip_address(end.ip)) == host;
    if is_host(destination) {
        return forth;
    }
    if is_host(source) {
        return back;
    }
    let serves = |end: Option<End<'_>>| end.and_then(|end| end.port()).is_some_and(is_port_of_server);
    match (serves(source), serves(destination)) {
        (false, true) => forth,
        (true, false) => back,
        _ => None,
    }
}

fn is_port_of_server(port: i64) -> bool {
    const USUAL: [i64; 7] = [3128, 8000, 8008, 8080, 8081, 8443, 8888];
    (0..1024).contains(&port) || USUAL.contains(&port)
}

fn dns(event: &Event, source: Option<&Observable>, relations: &mut Relations) {
    let asked = name(event.at_path("query.domain").and_then(Value::as_str));
    relations.add(source.cloned(), RelationType::QUERIED_FOR, asked.clone());
    let answers = event.list("answers");
    for answer in answers {
        let address = Observable::address(answer.text("ip"));
        relations.add(asked.clone(), RelationType::RESOLVED_TO, address);
    }
    let record = match event.text("qtype_name") {
        None | Some("A" | "AAAA" | "HTTPS" | "SVCB") => "CNAME",
        Some(other) => other,
    };
    for answer in answers {
        let info = Map::from_iter([("record_type".to_owned(), record.into())]);
        let other = name(answer.text("domain"));
        relations.add_with_info(asked.clone(), RelationType::RELATED_TO, other, info);
    }
}

fn http(
    request: &Http<'_>,
    client: Option<&Observable>,
    server: Option<&Observable>,
    url: Option<&Observable>,
    relations: &mut Relations,
) {
    let agent = Observable::new(ObservableType::UserAgent, request.user_agent);
    relations.add(agent.clone(), RelationType::SENT_FROM, client.cloned());
    relations.add(agent, RelationType::SENT_TO, server.cloned());
    let site = server.filter(|_| !request.proxied);
    relations.add(name(request.domain()), RelationType::RESOLVED_TO, site.cloned());
    relations.add(client.cloned(), RelationType::CONNECTED_TO, url.cloned());
    relations.add(url.cloned(), RelationType::HOSTED_ON, site.cloned());
    let referrer = Observable::new(ObservableType::Url, request.referrer);
    relations.add(referrer, RelationType::REFERS_TO, url.cloned());
}

/// `ends`: the client, and where the files are at the other end; `sides`: source and destination.
fn files_of(
    event: &Event,
    ends: &[Option<Observable>; 2],
    sides: &[Option<Observable>; 2],
    relations: &mut Relations,
) {
    let files = files::of(event);
    for (direction, ends, kinds) in [
        (Direction::Down, ends, [RelationType::DOWNLOADED_TO, RelationType::DOWNLOADED_FROM]),
        (Direction::Up, ends, [RelationType::UPLOADED_FROM, RelationType::UPLOADED_TO]),
        (Direction::Unknown, sides, [RelationType::RELATED_TO, RelationType::RELATED_TO]),
    ] {
        for (end, kind) in ends.iter().zip(kinds) {
            for hash in files.iter().filter(|file| file.direction == direction).flat_map(|file| &file.hashes)
            {
                relations.add(hash.clone(), kind.clone(), end.clone());
            }
        }
    }
    for file in &files {
        for hash in &file.hashes {
            relations.add(file.name.clone(), RelationType::FILE_NAME_OF, hash.clone());
        }
    }
}

fn address(end: Option<End<'_>>) -> Option<Observable> {
    Observable::address(end?.ip)
}

/// The name that a TLS client asked for.
pub(super) fn server_name(event: &Event) -> Option<&str> {
    let name = event.field("server_name_indication")?;
    filled(name.as_str()).or_else(|| name.text("domain")).or_else(|| name.text("ip"))
}

/// A domain, if it is one: what stands in its place may be anything.
fn name(text: Option<&str>) -> Option<Observable> {
    let text = text?.trim();
    let is_name = domain(text).is_some() && ip_address(text).is_none();
    is_name.then(|| Observable::new(ObservableType::Domain, text)).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn sides_of(own: &Json) -> Option<bool> {
        let mut event =
            json!({"uuid": "e1", "event_type": "suricata", "timestamp": "2026-03-02T08:15:30.120Z"});
        event.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let event = Event::new(serde_json::from_value(event).unwrap()).unwrap();
        sides(&event).map(|(client, _)| client.map(|end| end.ip) == Some("10.2.1.9"))
    }

    #[test]
    fn the_server_of_an_alert_is_known_by_its_host_or_port() {
        let ends = |source: Json, destination: Json| json!({"src": {"ip": "10.2.1.9", "port": source}, "dst": {"ip": "198.51.100.9", "port": destination}});
        for (mut event, host, client_is_source) in [
            (ends(json!(45955), json!(80)), None, Some(true)),
            (ends(json!(443), json!(45955)), None, Some(false)),
            (ends(json!(8443), json!(45955)), None, Some(false)),
            (ends(json!(45955), json!(8082)), None, None),
            (ends(json!(53), json!(80)), None, None),
            (ends(json!(null), json!(80)), None, Some(true)),
            (ends(json!(null), json!(null)), None, None),
            (ends(json!(80), json!(45955)), Some("198.51.100.9"), Some(true)),
            (ends(json!(45955), json!(80)), Some("10.2.1.9"), Some(false)),
            (ends(json!(45955), json!(80)), Some("192.0.2.1"), Some(true)),
        ] {
            if let Some(host) = host {
                event["http"] = json!({"host": {"ip": host}});
            }
            assert_eq!(sides_of(&event), client_is_source, "{event}");
        }
    }

    #[test]
    fn what_stands_in_the_place_of_a_domain_has_to_be_one() {
        for (text, is_name) in [
            ("a.example", true),
            ("_ldap._tcp.a.example.", true),
            ("192.0.2.1", false),
            (".", false),
            ("*.a.example", false),
            ("a b", false),
            (" ", false),
        ] {
            assert_eq!(name(Some(text)).is_some(), is_name, "{text}");
        }
    }
}
