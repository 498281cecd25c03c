//! Answers calls from what a relay has recorded (`RELAY_RECORD`), and from nothing else.
//!
//! A relay is pointed at it by its URL settings: `RELAY_PROVIDER__API_URL` is `/api_url` here, and so on; calls to a host
//! that no setting names are below the host. A call gets the answer of the recorded call with the same method, path,
//! query and body. The clock is later than that of the recording, so times in calls need not be the same: of several
//! calls that differ by their times only, the nearest one counts. The same call made several times gets its answers in
//! the order in which they came, and the last one again and again. A call that was not recorded is answered by 501.

mod form;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use crate::answer::Answer;
use crate::fixtures;
use crate::lock::locked;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;
use form::Form;

/// Most calls that are remembered as missing.
const REMEMBERED: usize = 1000;

/// A recording.
#[derive(Debug)]
pub(crate) struct Replay {
    exchanges: Vec<Exchange>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct Exchange {
    answer: Answer,
    form: Form,
    /// When it was recorded.
    now: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    /// The exchanges that have served, by their places.
    served: Vec<bool>,
    missing: Vec<String>,
}

impl Replay {
    /// What was recorded in this folder.
    ///
    /// # Errors
    /// There is nothing, or something that cannot be read.
    pub(crate) fn of(folder: &Path) -> io::Result<Self> {
        let cases = fixtures::folder(folder)?;
        let exchanges = cases.into_iter().flat_map(|case| {
            let now = case.now;
            case.answers.into_iter().map(move |answer| Exchange {
                form: Form::of_answer(&answer),
                answer,
                now,
            })
        });
        Ok(Self { exchanges: exchanges.collect(), state: Mutex::default() })
    }

    /// The calls that were not recorded, each once.
    pub(crate) fn missing(&self) -> Vec<String> {
        locked(&self.state).missing.clone()
    }

    fn find(&self, request: &Request, now: Timestamp) -> Option<&Exchange> {
        let (base, path) = split(&request.path);
        let form = Form::of_request(request);
        let fitting = |exchange: &&Exchange, same_base: bool| {
            let recorded = &exchange.answer;
            let is_base = recorded.base.as_deref() == Some(base);
            let (asked, known) = (Form::path(path), Form::path(&recorded.path));
            // The base of the setting may have had a path of its own.
            let is_path = if same_base { is_base && known == asked } else { known.ends_with(&asked) };
            is_path
                && recorded.method == request.method
                && exchange.form.text == form.text
                && recorded.holds(request)
        };
        let places = |same_base: bool| -> Vec<usize> {
            let all = self.exchanges.iter().enumerate();
            all.filter(|(_, exchange)| fitting(exchange, same_base)).map(|(place, _)| place).collect()
        };
        let mut fitting = places(true);
        if fitting.is_empty() {
            fitting = places(false);
        }
        let distance = |place: &usize| {
            let exchange = &self.exchanges[*place];
            (!exchange.form.is_same(&form), form.distance(&exchange.form, now, exchange.now))
        };
        let nearest = fitting.iter().map(distance).min()?;
        fitting.retain(|place| distance(place) == nearest);
        let mut state = locked(&self.state);
        state.served.resize(self.exchanges.len(), false);
        let place = *fitting.iter().find(|place| !state.served[**place]).or(fitting.last())?;
        state.served[place] = true;
        self.exchanges.get(place)
    }

    fn lacks(&self, request: &Request) -> Reply {
        let mark = if request.raw_query.is_empty() { "" } else { "?" };
        let mut call = format!("{} {}{mark}{}", request.method, request.path, request.raw_query);
        if !request.body.is_empty() {
            let body = String::from_utf8_lossy(&request.body);
            call.push(' ');
            call.extend(body.chars().take(500));
        }
        let mut state = locked(&self.state);
        if !state.missing.contains(&call) && state.missing.len() < REMEMBERED {
            log::warn!("not recorded: {call}");
            state.missing.push(call.clone());
        }
        Reply::json(
            501,
            &json!({"error": {"code": "notRecorded", "message": format!("This call was not recorded: {call}")}}),
        )
    }
}

/// The base of a path, which is its first segment, and the path below it.
fn split(path: &str) -> (&str, &str) {
    let whole = path.strip_prefix('/').unwrap_or(path);
    whole.find('/').map_or((whole, ""), |end| whole.split_at(end))
}

impl Service for Arc<Replay> {
    fn name(&self) -> &'static str {
        "replay"
    }

    fn prefix(&self) -> &'static str {
        ""
    }

    fn answer(&self, request: &Request) -> Reply {
        let Some(exchange) = self.find(request, Timestamp::now()) else { return self.lacks(request) };
        let mut reply = exchange.answer.reply();
        // Links of the recorded service lead here, below the base that is asked.
        let here = request.base_url();
        let own = exchange.answer.base.as_deref().unwrap_or_default();
        let (asked, _) = split(&request.path);
        let put = |text: &str| {
            let text = text.replace(&format!("{{{{{own}}}}}"), &format!("{here}/{asked}"));
            self.exchanges.iter().filter_map(|one| one.answer.base.as_deref()).fold(text, |text, base| {
                if text.contains("{{") {
                    text.replace(&format!("{{{{{base}}}}}"), &format!("{here}/{base}"))
                } else {
                    text
                }
            })
        };
        if let Ok(body) = std::str::from_utf8(&reply.body)
            && body.contains("{{")
        {
            reply.body = Bytes::from(put(body));
        }
        for (_, value) in &mut reply.headers {
            *value = put(value);
        }
        reply
    }

    fn reset(&self) {
        *locked(&self.state) = State::default();
    }
}

#[cfg(test)]
mod tests;
