//! What makes two calls the same: their query and body, whatever their times and the order of their lists.

use std::fmt::Write as _;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::answer::Answer;
use crate::request::Request;

/// The query and body of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// As they were sent.
    raw: (String, Option<Value>),
    /// Decoded, words and lists sorted, and without times.
    pub(super) text: String,
    /// The times, in the order in which they occur there.
    times: Vec<Timestamp>,
}

impl Form {
    /// That of a recorded call.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        Self::of(answer.raw_query.as_deref().unwrap_or_default(), answer.body.clone())
    }

    /// That of a call.
    pub(super) fn of_request(request: &Request) -> Self {
        Self::of(&request.raw_query, request.json())
    }

    fn of(query: &str, body: Option<Value>) -> Self {
        let mut whole = String::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let _ = writeln!(whole, "{name}={}", sorted(&value));
        }
        if let Some(body) = &body {
            whole.push_str(&ordered(body));
        }
        let (text, times) = without_times(&whole);
        Self { raw: (query.to_owned(), body), text, times }
    }

    /// A path, decoded and without times. Its segments stay apart.
    pub(super) fn path(path: &str) -> String {
        let decode = |segment| percent_decode_str(segment).decode_utf8_lossy().replace('/', "%2F");
        let segments: Vec<String> = path.split('/').map(decode).collect();
        without_times(&segments.join("/")).0
    }

    /// Whether they are the same to the letter.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.raw == other.raw
    }

    /// How far apart the times of this call, made at `now`, and of one recorded at `then` are, in minutes. A time that is as far
    /// from its clock in both is the same.
    pub(super) fn distance(&self, recorded: &Self, now: Timestamp, then: Timestamp) -> i64 {
        let later = now.as_second() - then.as_second();
        let apart = self.times.iter().zip(&recorded.times).map(|(one, other)| {
            let seconds = one.as_second() - other.as_second();
            seconds.abs().min((seconds - later).abs())
        });
        apart.sum::<i64>() / 60
    }
}

/// A body with the strings of its lists sorted, and the words of its texts.
fn ordered(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name:?}:{}", ordered(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let mut texts: Vec<String> = items.iter().map(ordered).collect();
            // Of objects, such as the calls of a batch, the order may mean something.
            if items.iter().all(Value::is_string) {
                texts.sort();
            }
            format!("[{}]", texts.join(","))
        }
        Value::String(text) => format!("{:?}", sorted(text)),
        other => other.to_string(),
    }
}

/// The words of a text, sorted where it is more than one: a query may list values in another order.
fn sorted(text: &str) -> String {
    let is_end = |sign: char| sign.is_whitespace() || matches!(sign, ',' | '(' | ')' | '"' | '\'');
    let mut words: Vec<&str> = text.split(is_end).filter(|word| !word.is_empty()).collect();
    if words.len() < 2 {
        return text.to_owned();
    }
    words.sort_unstable();
    words.join(" ")
}

/// A text with `<time>` in place of each date and time, and these.
fn without_times(text: &str) -> (String, Vec<Timestamp>) {
    let (mut kept, mut times) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let begins = !kept.ends_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '-');
        if let Some((time, length)) = time(rest).filter(|_| begins) {
            kept.push_str("<time>");
            times.push(time);
            rest = &rest[length..];
        } else {
            kept.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    (kept, times)
}

/// The time that a text begins with: `2026-03-02`, `2026-03-02T09:00:00.5Z`.
fn time(text: &str) -> Option<(Timestamp, usize)> {
    let digits = |from: usize, to: usize| {
        text.get(from..to).is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !(digits(0, 4)
        && text[4..].starts_with('-')
        && digits(5, 7)
        && text[7..].starts_with('-')
        && digits(8, 10))
    {
        return None;
    }
    let is_end = |sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, ':' | '.' | '+' | '-'));
    let length = text.find(is_end).unwrap_or(text.len());
    let (whole, day) = (&text[..length], &text[..10]);
    if let Ok(time) = whole.parse() {
        return Some((time, length));
    }
    let at = |text: &str| text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    if let Some(time) = at(whole) {
        return Some((time.timestamp(), length));
    }
    let goes_on = text[10..].starts_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '-');
    Some((at(day).filter(|_| !goes_on)?.timestamp(), 10))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(body: Value) -> Form {
        Form::of("", Some(body))
    }

    #[test]
    fn times_and_the_order_of_lists_make_no_difference() {
        let one = body(
            json!({"q": "x in ('b', 'a') | where t > datetime(2026-03-02T09:00:00Z)", "ids": ["2", "1"]}),
        );
        let other = body(
            json!({"ids": ["1", "2"], "q": "x in ('a','b') | where t > datetime(2026-03-03T10:00:00.5Z)"}),
        );
        assert_eq!(one.text, other.text);
        assert!(!one.is_same(&other));
        let query = |query| Form::of(query, None).text;
        assert_eq!(query("$filter=t%20ge%202026-03-02T09%3A00%3A00Z"), query("$filter=t+ge+2026-03-04"));
        assert_ne!(query("$skip=100"), query("$skip=200"));
        assert_ne!(query("$skip=100"), query(""));
    }

    #[test]
    fn calls_of_a_batch_keep_their_order() {
        let call = |path: &str| json!({"url": path});
        assert_ne!(body(json!([call("/a"), call("/b")])).text, body(json!([call("/b"), call("/a")])).text);
    }

    #[test]
    fn a_guid_is_no_time_and_an_escaped_slash_no_step() {
        assert_eq!(
            without_times("11111111-2026-03-02-x 2026-03-02-1").0,
            "11111111-2026-03-02-x 2026-03-02-1"
        );
        assert_eq!(Form::path("/x/2026-03-02"), "/x/<time>");
        assert_ne!(Form::path("/a%2Fb"), Form::path("/a/b"));
        assert_eq!(Form::path("/a:b"), Form::path("/a%3Ab"));
    }

    #[test]
    fn a_time_that_goes_with_the_clock_is_near() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (then, now) = (at("2026-03-02T09:00:00Z"), at("2026-04-02T09:00:00Z"));
        let recorded = body(json!("2026-03-01T09:00:00Z"));
        let distance = |text: &str| body(json!(text)).distance(&recorded, now, then);
        assert_eq!(distance("2026-04-01T09:00:05Z"), 0, "a day before the clock");
        assert_eq!(distance("2026-03-01T09:00:00Z"), 0, "the same");
        assert_eq!(distance("2026-03-31T09:00:00Z"), 24 * 60);
    }
}
