//! The simulator: services, canned answers, faults, and the record of calls.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Pinned;
use crate::fault::{Fault, Faults, What};
use crate::fixtures::Store;
use crate::keys::Keys;
use crate::login::Registrations;
use crate::record::Record;
use crate::registry;
use crate::replay::Replay;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;

pub(crate) struct Simulator {
    pub(crate) services: Vec<Box<dyn Service>>,
    pub(crate) faults: Faults,
    pub(crate) pinned: Pinned,
    pub(crate) record: Record,
    pub(crate) keys: Keys,
    pub(crate) registrations: Arc<Registrations>,
    /// What answers all calls where there is a recording.
    pub(crate) replay: Option<Arc<Replay>>,
    fixtures: Store,
}

/// How a call is answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Response {
    /// The delay before the answer.
    pub(crate) latency: Duration,
    pub(crate) delivery: Delivery,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Delivery {
    Whole(Reply),
    Drip { reply: Reply, chunk: usize, pause: Duration },
    Huge(u64),
    Reset,
    ResetLate(Reply),
    Hang,
}

impl Simulator {
    /// With a `recording`, calls are answered from it alone.
    pub(crate) fn new(keys: Keys, seed: u64, faults: &[Fault], recording: Option<&Path>) -> io::Result<Self> {
        let registrations = Arc::new(Registrations::default());
        let replay = recording.map(Replay::of).transpose()?.map(Arc::new);
        let services = match &replay {
            Some(replay) => registry::replay(&keys, replay),
            None => registry::all(&keys, &registrations),
        };
        let fixtures = Store::load(services.iter().map(|service| service.name()))?;
        let simulator = Self {
            services,
            faults: Faults::new(seed, faults.to_vec()),
            pinned: Pinned::default(),
            record: Record::new(),
            keys,
            registrations,
            replay,
            fixtures,
        };
        let stray = faults.iter().find_map(|fault| simulator.check(fault).err());
        stray.map_or(Ok(simulator), |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason)))
    }

    /// Rejects a fault of a service that does not exist.
    pub(crate) fn check(&self, fault: &Fault) -> Result<(), String> {
        match &fault.provider {
            Some(name) if self.service_named(name).is_none() => {
                Err(format!("fault: no service is named {name:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The service of a raw path, which is compared as received: escapes and dots have no meaning.
    pub(crate) fn service_at(&self, path: &str) -> Option<&dyn Service> {
        let below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.services.iter().find(|service| below(service.prefix())).map(AsRef::as_ref)
    }

    pub(crate) fn service_named(&self, name: &str) -> Option<&dyn Service> {
        self.services.iter().find(|service| service.name() == name).map(AsRef::as_ref)
    }

    /// Passes a call to a service, and applies the active faults.
    pub(crate) fn respond(&self, service: &dyn Service, request: &mut Request) -> Response {
        let effect = self.faults.apply(service.name(), request);
        request.tokens_expired = effect.what == Some(What::ExpiredTokens);
        let whole = || {
            let reply = self.ask(service, request);
            if effect.mark { marked(reply, request) } else { reply }
        };
        let delivery = match effect.what {
            None | Some(What::ExpiredTokens | What::Latency(_) | What::Mark) => Delivery::Whole(whole()),
            Some(What::Status { code, headers, body }) => Delivery::Whole(error(code, headers, body)),
            Some(What::Html) => {
                Delivery::Whole(Reply::html(200, "<html><body><h1>It works!</h1></body></html>"))
            }
            Some(What::Redirect(url)) => Delivery::Whole(Reply::empty(302).header("Location", url)),
            Some(What::Truncated) => Delivery::Whole(truncated(whole())),
            Some(What::WrongType) => Delivery::Whole(wrong_type(&whole())),
            Some(What::Drip { chunk, pause }) => Delivery::Drip { reply: whole(), chunk, pause },
            Some(What::Huge(bytes)) => Delivery::Huge(bytes),
            Some(What::Reset) => Delivery::Reset,
            Some(What::ResetLate) => Delivery::ResetLate(whole()),
            Some(What::Hang) => Delivery::Hang,
        };
        Response { latency: effect.latency, delivery }
    }

    fn ask(&self, service: &dyn Service, request: &Request) -> Reply {
        let mut reply = service.authorize(request).map_or_else(
            |refusal| refusal,
            |()| {
                let fixed = self.pinned.take(service.name(), request);
                let find = |name: &str, request: &Request| self.fixtures.find(name, request);
                let fixed = fixed.or_else(|| service.fixture(request, &find));
                fixed.unwrap_or_else(|| service.answer(request))
            },
        );
        service.decorate(request, &mut reply);
        reply
    }

    /// Resets everything to the state at the start.
    pub(crate) fn reset(&self) {
        self.record.clear();
        self.pinned.clear();
        self.faults.reset();
        self.services.iter().for_each(|service| service.reset());
    }
}

fn error(code: u16, headers: Vec<(String, String)>, body: Option<String>) -> Reply {
    let reply = match body {
        Some(body) => Reply::text(code, body),
        None => Reply::json(code, &json!({"error": "simulated fault"})),
    };
    headers.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value))
}

/// The names of titles at the providers.
const TITLES: [&str; 4] = ["title", "Title", "rule_name", "description"];

/// The same JSON, with the tenant's mark at each title.
fn marked(mut reply: Reply, request: &Request) -> Reply {
    if let Some(suffix) = request.suffix()
        && let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body)
    {
        mark(&mut body, &format!(" [tenant {suffix}]"));
        // What was JSON is JSON again.
        reply.body = serde_json::to_vec(&body).unwrap_or_default().into();
    }
    reply
}

fn mark(value: &mut Value, text: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(title) if TITLES.contains(&name.as_str()) => title.push_str(text),
                    value => mark(value, text),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mark(item, text)),
        _ => {}
    }
}

fn truncated(mut reply: Reply) -> Reply {
    reply.body.truncate(reply.body.len() / 2);
    reply
}

fn wrong_type(reply: &Reply) -> Reply {
    let wrong = match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(object)) => json!([object]),
        Ok(other) => json!({ "value": other }),
        Err(_) => json!("not what you asked for"),
    };
    Reply::json(200, &wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::Grant;

    fn simulator() -> Simulator {
        Simulator::new(Keys::shared().unwrap(), 1, &[], None).unwrap()
    }

    #[test]
    fn a_service_is_found_by_its_raw_prefix_only() {
        let simulator = simulator();
        let name = |path| simulator.service_at(path).map(Service::name);
        assert_eq!(name("/xforce"), Some("xforce"));
        assert_eq!(name("/xforce/url/a"), Some("xforce"));
        assert_eq!(name("/xforces/url/a"), None);
        assert_eq!(name("/%78force/url/a"), None);
        assert_eq!(name("/.well-known/jwks"), Some("jwks"));
    }

    #[test]
    fn titles_have_the_mark_of_their_tenant() {
        let simulator =
            Simulator::new(Keys::shared().unwrap(), 1, &["*:mark".parse().unwrap()], None).unwrap();
        let asked = |key: &str| {
            let mut request = Request::new("GET", "/gigamon", "/v1/rules/1")
                .with_header("Authorization", &format!("IBToken {key}"));
            let answer = json!({"rules": [{"title": "One", "other": ["title", {"description": "Two"}]}]});
            simulator.pinned.add("gigamon", crate::Answer::get("/v1/rules/1").json(answer));
            let Delivery::Whole(reply) =
                simulator.respond(simulator.service_named("gigamon").unwrap(), &mut request).delivery
            else {
                panic!("no answer")
            };
            serde_json::from_slice::<Value>(&reply.body).unwrap()
        };
        let other = json!({"rules": [{"title": "One", "other": ["title", {"description": "Two"}]}]});
        assert_eq!(asked("demo-token"), other);
        let marked = json!({"rules": [
            {"title": "One [tenant 7]", "other": ["title", {"description": "Two [tenant 7]"}]},
        ]});
        assert_eq!(asked("demo-token.7"), marked);
        assert_eq!(asked("no-such-token.7")["rules"], Value::Null);
    }

    #[test]
    fn a_suffix_stands_in_each_kind_of_credential() {
        let suffix = |name: &str, value: &str| Request::new("GET", "", "/").with_header(name, value).suffix();
        assert_eq!(suffix("apikey", "full.8").as_deref(), Some("8"));
        assert_eq!(suffix("authorization", "Basic ZGVtby1rZXkuODpwdw==").as_deref(), Some("8"));
        assert_eq!(suffix("authorization", "IBToken demo-token.8").as_deref(), Some("8"));
        assert_eq!(suffix("authorization", "IBToken demo-token"), None);
        let grant = Grant { suffix: Some("8".to_owned()), ..Grant::default() };
        assert_eq!(suffix("authorization", &format!("Bearer {}", grant.sign())).as_deref(), Some("8"));
        assert_eq!(suffix("authorization", "Bearer some.thing.else"), None);
    }

    #[test]
    fn no_two_services_share_a_name_or_a_prefix() {
        let simulator = simulator();
        for service in &simulator.services {
            assert!(
                std::ptr::eq(simulator.service_named(service.name()).unwrap(), service.as_ref()),
                "{}",
                service.name()
            );
            assert!(
                std::ptr::eq(simulator.service_at(service.prefix()).unwrap(), service.as_ref()),
                "{}",
                service.name()
            );
        }
    }
}
