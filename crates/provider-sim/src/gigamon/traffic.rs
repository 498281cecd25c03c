//! Generated events about a value.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::network::{self, Entity, Visibility};
use super::tenant::{Account, Tenant};
use crate::seeded::Rng;

/// A time as events have it.
pub(super) fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The events in which a value occurs, from a moment until before another, in no order.
pub(super) fn between(tenant: &Tenant, entity: &Entity, start: Timestamp, end: Timestamp) -> Vec<Value> {
    if entity.visibility() == Visibility::Unseen {
        return Vec::new();
    }
    let mut day = start.as_second().div_euclid(86_400);
    let mut events = Vec::new();
    while let Ok(midnight) = Timestamp::from_second(day * 86_400) {
        if midnight >= end {
            break;
        }
        let mut rng = entity.rng(&format!("day {day}"));
        // Of one value, more than an answer holds.
        let count = if entity.value() == network::BUSY { 1500 } else { rng.below(4) };
        for _ in 0..count {
            let second = i64::try_from(rng.below(86_400)).unwrap_or_default();
            let at = midnight + SignedDuration::from_secs(second) + SignedDuration::from_millis(120);
            // Now and then the provider's own networks see the same.
            let [own, demo, _] = tenant.accounts();
            let account = if rng.percent(85) { own } else { demo };
            let device = network::device(&mut rng);
            let event = event(&mut rng, entity, at, account, &device);
            if (start..end).contains(&at) {
                events.push(event);
            }
        }
        if entity.value() == network::EVERY_KIND {
            let at = midnight + SignedDuration::from_hours(12);
            events.extend(gallery(tenant, entity, at).into_iter().filter(|_| (start..end).contains(&at)));
        }
        day += 1;
    }
    events
}

/// An event of each type, with all that it may say, between a device and a server, in which a feed names the value.
fn gallery(tenant: &Tenant, entity: &Entity, at: Timestamp) -> Vec<Value> {
    let value = entity.value();
    let mut rng = entity.rng(&format!("gallery {}", at.as_second()));
    let file = json!({"md5": rng.hex(32), "sha256": rng.hex(64), "name": "drop.exe", "mime_type": "application/x-dosexec"});
    let mut request = http("", value, "POST", "/upload.php", std::slice::from_ref(&file));
    request["request_mimes"] = json!(["application/x-dosexec"]);
    request["referrer"] = json!({"uri": format!("http://{value}/start")});
    let mut proxied =
        http("", value, "GET", &format!("http://{value}/drop.exe"), std::slice::from_ref(&file));
    proxied["proxied"] = json!(["VIA -> 1.1 squid"]);
    let kinds = [
        json!({"event_type": "flow", "proto": "tcp", "flow_state": "SF", "service": "ssl", "total_pkts": 20}),
        json!({
            "event_type": "dns", "query": {"domain": value}, "qtype": 1, "qtype_name": "A",
            "answers": [{"domain": format!("edge.{value}")}, {"ip": "198.51.100.23"}],
        }),
        request,
        proxied,
        json!({"event_type": "ssl", "server_name_indication": {"domain": value}, "version": "TLSv12", "ja3": rng.hex(32)}),
        json!({"event_type": "x509", "san_dns": [format!("*.{value}")]}),
        json!({
            "event_type": "suricata", "alert": {"signature": "ET MALWARE", "category": "Trojan", "signature_id": 7, "rev": 2, "severity": 1},
            "http": {"host": {"domain": value}, "method": "GET", "status": 200, "uri": "/9Azi", "user_agent": "curl/8"},
        }),
        json!({"event_type": "observation", "title": "Rare destination", "category": "beaconing", "confidence": "high"}),
        json!({"event_type": "ssh", "direction": "OUTBOUND", "client": "SSH-2.0-a", "server": "SSH-2.0-b"}),
        json!({"event_type": "smb_file", "files": [file]}),
        json!({"event_type": "pe", "sha1": rng.hex(40)}),
        json!({"event_type": "kerberos"}),
    ];
    let [own, ..] = tenant.accounts();
    let event = |mut event: Value| {
        event["uuid"] = json!(rng.uuid());
        event["timestamp"] = json!(written(at));
        event["customer_id"] = json!(own.code);
        event["sensor_id"] = json!(format!("{}1", own.code));
        event["src"] = end("10.20.30.40", 51_000, true);
        event["dst"] = end("198.51.100.23", 8080, false);
        event["dst"]["geo"]["country"] = json!("NL");
        event["dst"]["asn"] = json!({"asn": 64_500, "asn_org": "Example Hosting"});
        let feed = |name: &str, indicator: &str, malicious: bool| {
            json!({
                "feed": name, "indicator": indicator, "is_malicious": malicious, "confidence": "high",
                "severity": "moderate", "timestamp": written(at), "meta": "{}",
            })
        };
        event["intel"] =
            json!([feed("Example Feed", value, true), feed("Other Feed", "198.51.100.23", false)]);
        event
    };
    kinds.into_iter().map(event).collect()
}

/// An event of a type in which such a value can occur.
pub(super) fn event(rng: &mut Rng, entity: &Entity, at: Timestamp, account: &Account, device: &str) -> Value {
    let value = entity.value();
    let far = rng.ipv4().to_string();
    let mut event = match entity.field() {
        "ip" if entity.is_internal() => flow(rng, &far),
        "ip" => match rng.below(4) {
            0 | 1 => flow(rng, value),
            2 => json!({
                "event_type": "ssh", "dst": end(value, 22, false), "direction": "OUTBOUND",
                "client": "SSH-2.0-OpenSSH_9.6", "server": "SSH-2.0-OpenSSH_9.2p1",
            }),
            _ => json!({
                "event_type": "suricata", "dst": end(value, 443, false), "proto": "tcp",
                "sig_name": "ET INFO Connection to an address of ill repute", "sig_category": "Misc Attack",
                "sig_id": 2_400_000 + rng.below(999), "sig_rev": 3,
            }),
        },
        "domain" => match rng.below(4) {
            0 | 1 => json!({
                "event_type": "dns", "dst": end("10.20.30.2", 53, true), "proto": "udp",
                "query": {"domain": value}, "qtype": 1, "qtype_name": "A", "rcode": 0,
                "rcode_name": "NOERROR", "rejected": false, "answers": [{"ip": far}],
            }),
            2 => http(&far, value, "POST", "/signin", &[]),
            _ => json!({"event_type": "x509", "dst": end(&far, 443, false), "san_dns": [value]}),
        },
        field => {
            let mut file = json!({
                "name": "drop.exe", "mime_type": "application/x-dosexec", "bytes": 503_808,
                "md5": rng.hex(32), "sha1": rng.hex(40), "sha256": rng.hex(64),
            });
            file[field] = json!(value);
            http(&far, &rng.domain(), "GET", "/files/drop.exe", &[file])
        }
    };
    event["uuid"] = json!(rng.uuid());
    event["timestamp"] = json!(written(at));
    event["customer_id"] = json!(account.code);
    event["account"] = json!(account.name);
    event["sensor_id"] = json!(format!("{}1", account.code));
    event["source"] = json!("Zeek");
    event["flow_id"] = json!(format!("C{}", rng.hex(16)));
    event["intel"] = Value::Null;
    let device = if entity.is_internal() { value } else { device };
    event["src"] = end(device, 49_152 + rng.below(16_000), true);
    event
}

fn end(ip: &str, port: u64, internal: bool) -> Value {
    json!({
        "ip": ip, "port": port, "internal": internal, "pkts": null, "username": null,
        "asn": {"asn": null, "asn_org": null},
        "geo": {"city": null, "country": null, "location": null, "subdivision": null},
    })
}

fn flow(rng: &mut Rng, far: &str) -> Value {
    json!({
        "event_type": "flow", "dst": end(far, 443, false), "proto": "tcp", "flow_state": "SF",
        "service": rng.pick(&[json!("ssl"), Value::Null]), "total_pkts": 20 + rng.below(900),
    })
}

fn http(far: &str, host: &str, method: &str, path: &str, files: &[Value]) -> Value {
    json!({
        "event_type": "http", "dst": end(far, 80, false), "method": method, "status_code": 200,
        "status_msg": "OK", "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "host": {"domain": host},
        "uri": {"uri": path, "scheme": null, "host": null, "port": null, "path": path, "query": null, "fragment": null},
        "files": files,
    })
}
