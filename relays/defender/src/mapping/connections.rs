//! Who talked to whom: connections, name resolution, logons.

use relay_core::ctim::{Observable, ObservableType, RelationType, Relations};
use serde_json::Value;

use super::event::{Event, initiator};
use super::typed;
use crate::network;
use crate::subject::is_built_in;

/// Ports of proxies: behind one, the remote address is the proxy's.
const PROXY_PORTS: [u32; 7] = [1080, 3128, 8080, 8118, 8888, 9400, 9480];
/// Most addresses of one DNS answer.
const ADDRESSES: usize = 20;
/// How deep an answer's fields are searched.
const DEPTH: usize = 8;

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Inbound,
    Outbound,
    /// The event does not say.
    Unknown,
}

impl Direction {
    fn of(event: &Event) -> Self {
        let stated = event.extra("direction").map(str::trim);
        if event.action().starts_with("Inbound") || stated.is_some_and(|word| word.eq_ignore_ascii_case("in"))
        {
            Self::Inbound
        } else if stated.is_some_and(|word| word.eq_ignore_ascii_case("out")) || !is_inspection(event) {
            Self::Outbound
        } else {
            Self::Unknown
        }
    }
}

/// Whether the event comes from looking into the traffic.
fn is_inspection(event: &Event) -> bool {
    event.action().to_ascii_lowercase().ends_with("inspected")
}

/// A connection.
pub(super) fn network(relations: &mut Relations, event: &Event, process: &[Observable]) {
    let direction = Direction::of(event);
    let (local, remote) = (typed::address(event.text("localip")), typed::address(event.text("remoteip")));
    let url = event.text("remoteurl");
    if direction != Direction::Inbound && is_resolution(event) {
        relations.add(typed::host(url), RelationType::RESOLVED_TO, remote.clone());
    }
    match direction {
        Direction::Inbound => relations.add(remote.clone(), RelationType::CONNECT_TO, local.clone()),
        Direction::Outbound => relations.add(local.clone(), RelationType::CONNECT_TO, remote.clone()),
        Direction::Unknown => relations.add(local.clone(), RelationType::RELATED_TO, remote.clone()),
    }
    for hash in process {
        if direction == Direction::Outbound {
            relations.add(hash.clone(), RelationType::CONNECT_TO, typed::web(url));
        }
        let relation = match direction {
            Direction::Inbound => RelationType::CONNECTED_FROM,
            Direction::Outbound => RelationType::CONNECT_TO,
            Direction::Unknown => RelationType::RELATED_TO,
        };
        relations.add(hash.clone(), relation, remote.clone());
        initiator(relations, event, hash);
    }
    if event.action() == "DnsConnectionInspected" {
        resolution(relations, event, event.extra("query"), local, event.extra_value("answers"));
    }
}

/// Whether the remote address is the one that the name resolved to: neither a private one nor a proxy's, and not one
/// that stands in an inspected connection for the name server.
fn is_resolution(event: &Event) -> bool {
    let remote = event.text("remoteip").and_then(network::address);
    let proxied = event.port("remoteport").is_some_and(|port| PROXY_PORTS.contains(&port));
    remote.is_some_and(|address| network::is_global(&address)) && !proxied && !is_inspection(event)
}

/// The answer of a name server.
pub(super) fn dns(relations: &mut Relations, event: &Event, process: &[Observable]) {
    for hash in process {
        initiator(relations, event, hash);
    }
    let asker = typed::address(event.text("localip"));
    resolution(relations, event, event.extra("DnsQueryString"), asker, event.extra_value("DnsQueryResult"));
}

/// Who asked for a name, and what it resolved to. This is the name server's own word, so any address counts.
fn resolution(
    relations: &mut Relations,
    event: &Event,
    name: Option<&str>,
    asker: Option<Observable>,
    answer: Option<&Value>,
) {
    let Some(name) = typed::domain(name) else { return };
    let asker = asker.or_else(|| Observable::new(ObservableType::Hostname, event.text("devicename")));
    relations.add(asker, RelationType::QUERIED_FOR, name.clone());
    let mut addresses = Vec::new();
    if let Some(answer) = answer {
        collect_addresses(answer, DEPTH, &mut addresses);
    }
    for address in addresses {
        relations.add(name.clone(), RelationType::RESOLVED_TO, address);
    }
}

/// Every text that is an address, at any depth, also in texts that hold JSON.
fn collect_addresses(value: &Value, depth: usize, found: &mut Vec<Observable>) {
    if depth == 0 || found.len() >= ADDRESSES {
        return;
    }
    match value {
        Value::String(text) => {
            if let Some(address) = typed::address(Some(text)) {
                if !found.contains(&address) {
                    found.push(address);
                }
            } else if text.trim_start().starts_with(['[', '{'])
                && let Ok(inner) = serde_json::from_str::<Value>(text)
            {
                collect_addresses(&inner, depth - 1, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_addresses(item, depth - 1, found)),
        Value::Object(fields) => fields.values().for_each(|item| collect_addresses(item, depth - 1, found)),
        _ => {}
    }
}

/// A logon.
pub(super) fn logon(relations: &mut Relations, event: &Event) {
    let device = Observable::new(ObservableType::Hostname, event.text("devicename"));
    let remote = event.text("remoteip");
    if remote.and_then(network::address).is_some_and(|address| !address.is_loopback()) {
        relations.add(typed::address(remote), RelationType::CONNECT_TO, device.clone());
    }
    if event.action() == "LogonSuccess" {
        let account = event.text("accountname").filter(|name| !is_built_in(name));
        relations.add(Observable::new(ObservableType::User, account), RelationType::USED, device);
    }
}
