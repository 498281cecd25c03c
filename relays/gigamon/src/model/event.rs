//! Events, the records of network traffic
//! (<https://docs.fortinet.com/document/fortindr-cloud/26.1.a/user-guide/393114/event-fields>).

use relay_core::ctim::Timestamp;
use relay_core::lenient::{self, LenientValue, List, required};
use serde::Deserialize;
use serde::de::MapAccess;

use super::detection::Wrapped;
use super::{Object, Value, filled, time};

/// `GET /v1/events`.
#[derive(Debug, Deserialize)]
pub struct EventPage {
    #[serde(deserialize_with = "required")]
    events: List<Wrapped>,
    /// How many events there are on all pages.
    #[serde(default, deserialize_with = "lenient::field")]
    pub total_count: Option<i64>,
}

impl EventPage {
    /// The events out of their wrappers.
    pub fn into_events(self) -> List<Event> {
        let items = self.events.items.into_iter().filter_map(|wrapped| wrapped.event).collect();
        List { items, received: self.events.received }
    }
}

/// `POST /v2/query`.
#[derive(Debug, Deserialize)]
pub struct SearchPage {
    /// The newest events of the time that was asked for.
    #[serde(deserialize_with = "required")]
    pub events: List<Event>,
    /// How many events there are.
    #[serde(default, deserialize_with = "lenient::field")]
    pub total: Option<i64>,
}

lenient::object!(EventPage, SearchPage);

/// An event. It keeps all its fields: which of them matter is for a detection's indicators to say, and each type
/// of event has its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    uuid: String,
    kind: String,
    at: Timestamp,
    fields: Object,
}

/// One side of the traffic.
#[derive(Clone, Copy, Debug)]
pub struct End<'e> {
    /// The address as the provider wrote it.
    pub ip: &'e str,
    /// Whether it is in the user's own network.
    pub internal: bool,
    /// All that is known of it.
    pub facts: &'e Value,
}

impl End<'_> {
    /// The port.
    pub fn port(&self) -> Option<i64> {
        self.facts.integer("port")
    }
}

impl<'de> LenientValue<'de> for Event {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(Object::from_object(object)?.and_then(Self::new))
    }
}

impl Event {
    /// Reads an event and brings its variants to one form. None without a uuid, a type or a readable time.
    pub fn new(mut fields: Object) -> Option<Self> {
        let read = |name: &str| filled(fields.get(name)?.as_str()).map(str::to_owned);
        let (uuid, kind) = (read("uuid")?, read("event_type")?);
        let at = time(fields.get("timestamp")?.as_str())?;
        for side in &SIDES {
            normalize_end(&mut fields, side);
        }
        normalize_sensor(&mut fields);
        normalize_alert(&mut fields);
        Some(Self { uuid, kind, at, fields })
    }

    /// Identifies it.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Its type, such as `dns`; new ones come up.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Code of the account that owns the network.
    pub fn account(&self) -> Option<&str> {
        self.text("customer_id")
    }

    /// The sensor that saw it.
    pub fn sensor(&self) -> Option<&str> {
        self.text("sensor_id")
    }

    /// Where the traffic came from.
    pub fn source(&self) -> Option<End<'_>> {
        self.end("src")
    }

    /// Where it went.
    pub fn destination(&self) -> Option<End<'_>> {
        self.end("dst")
    }

    /// The sides that are there, the source first.
    pub fn ends(&self) -> impl DoubleEndedIterator<Item = End<'_>> {
        [self.source(), self.destination()].into_iter().flatten()
    }

    fn end(&self, side: &str) -> Option<End<'_>> {
        let facts = self.fields.get(side)?;
        Some(End {
            ip: facts.get("ip")?.as_str()?,
            internal: facts.get("internal").and_then(Value::as_bool).unwrap_or(false),
            facts,
        })
    }

    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// A field that is a text and not blank.
    pub fn text(&self, name: &str) -> Option<&str> {
        filled(self.field(name)?.as_str())
    }

    /// A field of objects within each other: `at_path("http.status")`.
    pub fn at_path(&self, path: &str) -> Option<&Value> {
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let value = self.fields.get(first)?;
        rest.map_or(Some(value), |rest| rest.split('.').try_fold(value, Value::get))
    }

    /// The items of a field that is a list; none where it is not.
    pub fn list(&self, name: &str) -> &[Value] {
        self.field(name).and_then(Value::as_list).unwrap_or_default()
    }

    /// Hands over each text in it, however deep.
    pub fn each_text<'e>(&'e self, found: &mut impl FnMut(&'e str)) {
        self.fields.each_text(found);
    }

    /// What intelligence feeds say of values in it.
    pub fn intel(&self) -> impl Iterator<Item = &Value> {
        self.list("intel").iter().filter(|intel| intel.text("feed").is_some())
    }

    /// Whether following a path such as `answers.ip` through objects, and through each item of lists, leads to a
    /// text that is wanted, or to an object such as a host with a member that is.
    pub fn leads_to(&self, path: &str, wanted: impl Fn(&str) -> bool) -> bool {
        let mut names = path.split('.');
        let first = names.next().and_then(|name| self.fields.get(name));
        first.is_some_and(|value| reaches(value, names, &wanted))
    }
}

/// The members by which an object stands for a value.
const MEMBERS: [&str; 5] = ["ip", "domain", "md5", "sha1", "sha256"];

fn reaches<'p>(
    value: &Value,
    mut names: impl Iterator<Item = &'p str> + Clone,
    wanted: &impl Fn(&str) -> bool,
) -> bool {
    if let Value::List(items) = value {
        return items.iter().any(|item| reaches(item, names.clone(), wanted));
    }
    match names.next() {
        None => match value {
            Value::Object(object) => MEMBERS.iter().filter_map(|name| object.get(name)?.as_str()).any(wanted),
            value => value.as_str().is_some_and(wanted),
        },
        Some(name) => value.get(name).is_some_and(|value| reaches(value, names, wanted)),
    }
}

/// A side of the traffic, and the fields that some events have in its place.
struct Side {
    name: &'static str,
    addresses: &'static [&'static str],
    /// An object with what else is known of the address.
    facts: &'static str,
    ports: &'static [&'static str],
}

const SIDES: [Side; 2] = [
    Side { name: "src", addresses: &["src_ip"], facts: "src_ip_enrichments", ports: &["src_port"] },
    Side {
        name: "dst",
        addresses: &["dst_ip", "dest_ip"],
        facts: "dst_ip_enrichments",
        ports: &["dst_port", "dest_port"],
    },
];

/// A side is an object with an address, or it is not there.
fn normalize_end(fields: &mut Object, side: &Side) {
    let text = |value: &Value| value.as_str().is_some();
    if fields.get(side.name).and_then(|end| end.get("ip")).is_some_and(text) {
        return;
    }
    fields.remove(side.name);
    let first = |names: &[&str]| names.iter().find_map(|name| fields.get(name)).cloned();
    let Some(ip) = first(side.addresses).filter(text) else { return };
    let mut end = match fields.get(side.facts) {
        Some(Value::Object(facts)) => facts.clone(),
        _ => Object::default(),
    };
    end.insert("ip", ip);
    if let Some(port) = first(side.ports) {
        end.insert("port", port);
    }
    fields.insert(side.name, Value::Object(end));
}

/// Observations come from several sensors; the first stands for them.
fn normalize_sensor(fields: &mut Object) {
    if fields.get("sensor_id").and_then(Value::as_str).is_some() {
        return;
    }
    let first = fields.get("sensor_ids").and_then(Value::as_list).and_then(<[_]>::first).cloned();
    if let Some(first) = first {
        fields.insert("sensor_id", first);
    }
}

/// Suricata's own names, which the stream of events uses.
fn normalize_alert(fields: &mut Object) {
    const NAMES: [(&str, &str); 5] = [
        ("signature", "sig_name"),
        ("category", "sig_category"),
        ("signature_id", "sig_id"),
        ("rev", "sig_rev"),
        ("severity", "sig_severity"),
    ];
    let Some(Value::Object(alert)) = fields.get("alert").cloned() else { return };
    for (theirs, ours) in NAMES {
        if let Some(value) = alert.get(theirs)
            && fields.get(ours).is_none()
        {
            fields.insert(ours, value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value as Json, json};

    use super::*;

    fn event(fields: &Json) -> Option<Event> {
        let mut all = json!({"uuid": "e1", "event_type": "flow", "timestamp": "2026-03-02T08:15:30.120Z"});
        all.as_object_mut()?.extend(fields.as_object()?.clone());
        Event::new(serde_json::from_value(all).ok()?)
    }

    fn value(json: Json) -> Value {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_event_needs_an_id_a_type_and_a_time() {
        assert!(event(&json!({})).is_some());
        for spoiled in [
            json!({"uuid": null}),
            json!({"uuid": " "}),
            json!({"event_type": 5}),
            json!({"timestamp": "2026-03-02"}),
            json!({"timestamp": "soon"}),
            json!({"timestamp": 1_772_439_330}),
        ] {
            assert_eq!(event(&spoiled), None, "{spoiled}");
        }
    }

    #[test]
    fn flat_addresses_become_sides() {
        let flat = event(&json!({
            "src_ip": "10.1.1.1", "src_ip_enrichments": {"internal": true, "asn": null}, "src_port": 5,
            "dest_ip": "192.0.2.1", "dest_port": 443,
        }))
        .unwrap();
        let (source, destination) = (flat.source().unwrap(), flat.destination().unwrap());
        assert_eq!((source.ip, source.internal), ("10.1.1.1", true));
        assert_eq!((destination.ip, destination.internal), ("192.0.2.1", false));
        assert_eq!(flat.field("dst"), Some(&value(json!({"ip": "192.0.2.1", "port": 443}))));
        assert!(flat.leads_to("src.ip", |ip| ip == "10.1.1.1"));
    }

    #[test]
    fn a_side_without_an_address_is_absent() {
        for src in [json!(null), json!({}), json!({"ip": null}), json!({"ip": 5}), json!("10.1.1.1")] {
            let event = event(&json!({"src": src, "dst": {"ip": "10.0.0.1", "internal": null}})).unwrap();
            assert!(event.source().is_none() && event.ends().all(|end| !end.internal), "{event:?}");
        }
    }

    #[test]
    fn the_first_of_several_sensors_and_suricatas_own_names_are_read() {
        let event = event(&json!({
            "sensor_ids": ["acm1", "acm2"],
            "alert": {"signature": "ET SCAN", "category": "scan", "signature_id": 7, "rev": 2, "severity": 1},
        }))
        .unwrap();
        assert_eq!(event.sensor(), Some("acm1"));
        assert_eq!(event.text("sig_name"), Some("ET SCAN"));
        assert_eq!(event.field("sig_id"), Some(&value(json!(7))));
        assert_eq!(event.field("sig_rev"), Some(&value(json!(2))));
        assert_eq!(event.field("sig_severity"), Some(&value(json!(1))));
    }

    #[test]
    fn paths_lead_through_objects_and_lists() {
        let event = event(&json!({
            "files": [{"md5": null}, {"md5": "AA", "sha1": "bb"}], "host": {"domain": "a.example"},
            "names": ["x.example", ["y.example"]],
        }))
        .unwrap();
        for (path, value, found) in [
            ("files.md5", "AA", true),
            ("files.sha1", "bb", true),
            ("files.sha1", "AA", false),
            ("files", "AA", true),
            ("host", "a.example", true),
            ("host", "A", false),
            ("host.domain", "a.example", true),
            ("host.domain.x", "a.example", false),
            ("names", "y.example", true),
            ("", "", false),
            ("..", "", false),
        ] {
            assert_eq!(event.leads_to(path, |text| text == value), found, "{path} {value}");
        }
    }

    proptest! {
        #[test]
        fn no_event_is_too_odd_to_read(
            name in "src|dst|src_ip|dst_ip|dest_ip|sensor_ids|alert|files|host",
            value in prop_oneof![
                Just(json!(null)), Just(json!([])), Just(json!({})), Just(json!([{"ip": []}])),
                Just(json!({"ip": {"ip": []}})), any::<i64>().prop_map(Json::from), ".*".prop_map(Json::from),
            ],
            path in "[a-z.]{0,12}",
        ) {
            let mut fields = Map::new();
            fields.insert(name, value);
            if let Some(event) = event(&Json::Object(fields)) {
                let _ = (event.ends().count(), event.leads_to(&path, |_| true), event.at_path(&path).is_some());
            }
        }
    }
}
