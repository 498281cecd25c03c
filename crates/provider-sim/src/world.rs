//! The simulated world: its sides, what is fixed in advance, the faults in force and the record of calls.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::Pinned;
use crate::fault::{Fault, Faults, What};
use crate::fixtures::Store;
use crate::keys::Keys;
use crate::record::Record;
use crate::reply::Reply;
use crate::request::Request;
use crate::side::{self, Side};

pub(crate) struct World {
    pub(crate) sides: Vec<Box<dyn Side>>,
    pub(crate) faults: Faults,
    pub(crate) pinned: Pinned,
    pub(crate) record: Record,
    pub(crate) keys: Keys,
    fixtures: Store,
}

/// How the answer to a call reaches the caller.
#[derive(Debug, PartialEq)]
pub(crate) struct Treatment {
    /// To wait before anything is sent.
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

impl World {
    pub(crate) fn new(keys: Keys, seed: u64, faults: &[Fault], fixtures: Option<&Path>) -> io::Result<Self> {
        let sides = side::all(&keys);
        let fixtures = Store::load(sides.iter().map(|side| side.name()), fixtures)?;
        let world = Self {
            sides,
            faults: Faults::new(seed, faults.to_vec()),
            pinned: Pinned::default(),
            record: Record::new(),
            keys,
            fixtures,
        };
        let stray = faults.iter().find_map(|fault| world.check(fault).err());
        stray.map_or(Ok(world), |reason| Err(io::Error::new(io::ErrorKind::InvalidInput, reason)))
    }

    /// Whether a fault can ever strike: one of a side that does not exist is a slip of the pen.
    pub(crate) fn check(&self, fault: &Fault) -> Result<(), String> {
        match &fault.provider {
            Some(name) if self.side_named(name).is_none() => {
                Err(format!("fault {fault}: no side is named {name:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The side that a raw path belongs to. It is compared as it came: escapes and dots mean nothing here.
    pub(crate) fn side_at(&self, path: &str) -> Option<&dyn Side> {
        let below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.sides.iter().find(|side| below(side.prefix())).map(AsRef::as_ref)
    }

    pub(crate) fn side_named(&self, name: &str) -> Option<&dyn Side> {
        self.sides.iter().find(|side| side.name() == name).map(AsRef::as_ref)
    }

    /// Puts a call to a side, and spoils the answer as the faults in force want it.
    pub(crate) fn treat(&self, side: &dyn Side, mut request: Request) -> Treatment {
        let strike = self.faults.strike(side.name(), &request);
        request.tokens_expired = strike.what == Some(What::ExpiredTokens);
        let whole = || self.ask(side, &request);
        let delivery = match strike.what {
            None | Some(What::ExpiredTokens | What::Latency(_)) => Delivery::Whole(whole()),
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
        Treatment { latency: strike.latency, delivery }
    }

    fn ask(&self, side: &dyn Side, request: &Request) -> Reply {
        let mut reply = side.admit(request).map_or_else(
            |refusal| refusal,
            |()| {
                let fixed = self.pinned.take(side.name(), request);
                let find = |name: &str, request: &Request| self.fixtures.find(name, request);
                let fixed = fixed.or_else(|| side.fixture(request, &find));
                fixed.unwrap_or_else(|| side.answer(request))
            },
        );
        side.finish(request, &mut reply);
        reply
    }

    /// Back to how it was at the start: no calls, no pinned answers, the faults of the start, fresh sides.
    pub(crate) fn reset(&self) {
        self.record.clear();
        self.pinned.clear();
        self.faults.reset();
        self.sides.iter().for_each(|side| side.reset());
    }
}

fn error(code: u16, headers: Vec<(String, String)>, body: Option<String>) -> Reply {
    let reply = match body {
        Some(body) => Reply::text(code, body),
        None => Reply::json(code, &json!({"error": "simulated fault"})),
    };
    headers.into_iter().fold(reply, |reply, (name, value)| reply.header(&name, value))
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

    fn world() -> World {
        World::new(Keys::shared().unwrap(), 1, &[], None).unwrap()
    }

    #[test]
    fn a_side_is_found_by_its_raw_prefix_only() {
        let world = world();
        let name = |path| world.side_at(path).map(Side::name);
        assert_eq!(name("/xforce"), Some("xforce"));
        assert_eq!(name("/xforce/url/a"), Some("xforce"));
        assert_eq!(name("/xforces/url/a"), None);
        assert_eq!(name("/%78force/url/a"), None);
        assert_eq!(name("/.well-known/jwks"), Some("jwks"));
    }

    #[test]
    fn no_two_sides_share_a_name_or_a_prefix() {
        let world = world();
        for side in &world.sides {
            assert!(std::ptr::eq(world.side_named(side.name()).unwrap(), side.as_ref()), "{}", side.name());
            assert!(std::ptr::eq(world.side_at(side.prefix()).unwrap(), side.as_ref()), "{}", side.name());
        }
    }

    #[test]
    fn wrong_types_are_still_json() {
        let changed =
            |body: &str| String::from_utf8(wrong_type(&Reply::text(200, body)).body.to_vec()).unwrap();
        assert_eq!(changed(r#"{"a":1}"#), r#"[{"a":1}]"#);
        assert_eq!(changed("[1]"), r#"{"value":[1]}"#);
        assert_eq!(changed("<html>"), r#""not what you asked for""#);
    }
}
