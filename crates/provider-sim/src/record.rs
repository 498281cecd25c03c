//! The record of calls, for tests.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::lock::locked;

/// Most recorded calls; the oldest are dropped first.
const REMEMBERED: usize = 10_000;

/// A call as received. It includes the credentials, which tests check.
#[derive(Clone, Debug, Serialize)]
pub struct SeenCall {
    /// Counts from 1 in order of arrival.
    pub number: u64,
    /// Name of the service; none if the path belongs to none.
    pub provider: Option<&'static str>,
    /// The method.
    pub method: String,
    /// The raw path, as received, with the service's prefix.
    pub path: String,
    /// The raw query, as received, without its `?`; empty when there is none.
    pub query: String,
    /// Headers, names in lower case; those of one name in order.
    pub headers: Vec<(String, String)>,
    /// The body, as received.
    #[serde(serialize_with = "as_text")]
    pub body: Bytes,
    /// When it arrived, since the start of the simulator; milliseconds in JSON.
    #[serde(rename = "started_ms", serialize_with = "as_millis")]
    pub started: Duration,
    /// When its answer was complete; none before.
    #[serde(rename = "ended_ms", serialize_with = "as_millis")]
    pub ended: Option<Duration>,
    /// Status of the answer; none before, and if the connection was reset or hangs.
    pub status: Option<u16>,
}

impl SeenCall {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, when it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Method and raw target, as in the first line of the call: `GET /xforce/url/a.example`.
    pub fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}

/// The recorded calls.
#[derive(Debug)]
pub(crate) struct Record {
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    count: u64,
    calls: VecDeque<SeenCall>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), seen: Mutex::default() }
    }

    /// Records a call and returns its number; sets `number` and `started`.
    pub(crate) fn begin(&self, mut call: SeenCall) -> u64 {
        let mut seen = locked(&self.seen);
        seen.count += 1;
        call.number = seen.count;
        call.started = self.started.elapsed();
        if seen.calls.len() == REMEMBERED {
            seen.calls.pop_front();
        }
        seen.calls.push_back(call);
        seen.count
    }

    /// Records that the answer to call `number` is complete.
    pub(crate) fn end(&self, number: u64, status: Option<u16>) {
        let ended = self.started.elapsed();
        let mut seen = locked(&self.seen);
        let Some(first) = seen.calls.front().map(|call| call.number) else { return };
        let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(call) = place.and_then(|place| seen.calls.get_mut(place)) {
            call.ended = Some(ended);
            call.status = status;
        }
    }

    pub(crate) fn calls(&self) -> Vec<SeenCall> {
        locked(&self.seen).calls.iter().cloned().collect()
    }

    /// Drops the calls. Numbers continue, so that a running call is not confused with a later one.
    pub(crate) fn clear(&self) {
        locked(&self.seen).calls.clear();
    }
}

/// The peak of concurrent calls.
pub(crate) fn peak<'a>(calls: impl IntoIterator<Item = &'a SeenCall>) -> usize {
    let mut edges = Vec::new();
    for call in calls {
        edges.push((call.started, 1_i64));
        edges.push((call.ended.unwrap_or(Duration::MAX), -1));
    }
    // At the same instant, ends come before starts: those calls did not overlap.
    edges.sort_unstable();
    let mut now = 0_i64;
    let highest = edges.into_iter().map(|(_, change)| {
        now += change;
        now
    });
    highest.max().and_then(|peak| usize::try_from(peak).ok()).unwrap_or_default()
}

fn as_text<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

/// Writes a [`Duration`], or one that may be missing, in milliseconds.
fn as_millis<T, S>(time: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Copy + Into<Option<Duration>>,
    S: Serializer,
{
    (*time).into().map(|time| time.as_secs_f64() * 1000.0).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started: u64, ended: Option<u64>) -> SeenCall {
        SeenCall {
            number: 0,
            provider: None,
            method: "GET".to_owned(),
            path: "/x".to_owned(),
            query: "a=b".to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            started: Duration::from_millis(started),
            ended: ended.map(Duration::from_millis),
            status: None,
        }
    }

    #[test]
    fn the_peak_counts_calls_that_overlap() {
        assert_eq!(peak(&[]), 0);
        assert_eq!(peak(&[call(0, Some(5)), call(5, Some(9))]), 1);
        assert_eq!(peak(&[call(0, Some(5)), call(4, Some(9)), call(8, None), call(8, Some(20))]), 3);
    }

    #[test]
    fn an_answer_is_noted_with_its_own_call_also_after_a_reset() {
        let record = Record::new();
        let first = record.begin(call(0, None));
        record.clear();
        let second = record.begin(call(0, None));
        record.end(first, Some(500));
        record.end(second, Some(200));
        let calls = record.calls();
        assert_eq!((calls.len(), calls[0].number, calls[0].status), (1, second, Some(200)));
        assert_eq!(calls[0].line(), "GET /x?a=b");
    }
}
