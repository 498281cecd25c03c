//! What tenants' providers refuse: what one replica learns, the others know within a second.
//!
//! One stream for the relay, read by the heartbeat: no request has to ask whether something is refused.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::keys::Kind;
use super::{Shared, milliseconds};

/// How many are kept.
const MOST: u32 = 10_000;
/// None is remembered for longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The only field of an entry.
const FIELD: &str = "v";

/// An entry of the stream: its id, which begins with its time in milliseconds, and its sealed value.
pub(super) type Entry = (String, Vec<u8>);
/// What a memory does with an entry that another replica wrote: its key and value, what is left of its time, and now.
type Learn = Box<dyn Fn(serde_json::Value, Duration, Timestamp) + Send + Sync>;
pub(super) type Memories = Mutex<BTreeMap<&'static str, Learn>>;

#[derive(Serialize)]
struct Written<'a, K, V> {
    memory: &'static str,
    by: &'a str,
    lasts: u64,
    entry: (&'a K, &'a V),
}

#[derive(Deserialize)]
struct Read {
    memory: String,
    by: String,
    lasts: u64,
    entry: serde_json::Value,
}

/// The way from a memory to those of the other replicas.
pub(crate) struct Feed<K, V>(Box<Publish<K, V>>);

type Publish<K, V> = dyn Fn(&K, &V, Duration) + Send + Sync;

impl<K, V> Feed<K, V> {
    /// Something is remembered for this long.
    pub(crate) fn publish(&self, key: &K, value: &V, lasts: Duration) {
        (self.0)(key, value, lasts);
    }
}

impl Shared {
    /// Shares a memory of this name: `learn` takes what the others remember, the feed passes on what this one does.
    pub(crate) fn feed<K, V>(
        &self,
        memory: &'static str,
        learn: impl Fn(K, V, Duration, Timestamp) + Send + Sync + 'static,
    ) -> Arc<Feed<K, V>>
    where
        K: Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        let learn: Learn = Box::new(move |entry, lasts, now| {
            // An older version of the relay may have written it in another form.
            if let Ok((key, value)) = serde_json::from_value(entry) {
                learn(key, value, lasts, now);
            }
        });
        self.0.memories.lock().unwrap_or_else(PoisonError::into_inner).insert(memory, learn);
        // The memory is a part of the relay, which the store does not keep alive.
        let inner = Arc::downgrade(&self.0);
        Arc::new(Feed(Box::new(move |key, value, lasts| {
            if let Some(inner) = inner.upgrade() {
                Self(inner).publish(memory, (key, value), lasts);
            }
        })))
    }

    fn publish<K: Serialize, V: Serialize>(&self, memory: &'static str, entry: (&K, &V), lasts: Duration) {
        let lasts = milliseconds(lasts.min(LONGEST));
        let written = Written { memory, by: &self.0.replica, lasts, entry };
        let name = self.keys().name(Kind::Refusals, []);
        let sealed = serde_json::to_vec(&written).ok().and_then(|value| self.keys().seal(&name, value));
        let Some(sealed) = sealed else { return };
        let mut add = redis::cmd("XADD");
        add.arg(&name).arg("MAXLEN").arg("~").arg(MOST).arg("*").arg(FIELD).arg(sealed);
        self.write_later(add);
        let mut expire = redis::cmd("PEXPIRE");
        expire.arg(&name).arg(milliseconds(LONGEST));
        self.write_later(expire);
    }

    /// Takes in an entry of the stream, at this time of the store.
    pub(super) fn learn(&self, id: &str, sealed: Vec<u8>, now: u64) {
        let name = self.keys().name(Kind::Refusals, []);
        let Some(value) = self.keys().open(&name, sealed) else { return };
        let Ok(read) = serde_json::from_slice::<Read>(&value) else { return };
        let written: u64 = id.split('-').next().and_then(|time| time.parse().ok()).unwrap_or(0);
        let left = read.lasts.saturating_sub(now.saturating_sub(written));
        if left == 0 || read.by == self.0.replica {
            return;
        }
        let memories = self.0.memories.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(learn) = memories.get(read.memory.as_str()) {
            learn(read.entry, Duration::from_millis(left), self.0.clock.now());
        }
    }
}
