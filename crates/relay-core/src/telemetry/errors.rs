//! What the log line of a request says of the errors in its answer: enough to know why it failed, without the values of
//! its observables, and of bounded length.

use std::fmt::Write as _;

use crate::error::Error;
use crate::text::sanitized;

/// How many errors of an answer are written out, and how many of its codes.
const MOST: usize = 5;
/// How much of a message is written, in characters.
const LENGTH: usize = 300;
/// What stands for a value of an observable.
const HIDDEN: &str = "[value]";

/// The errors of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoggedErrors {
    pub(crate) count: usize,
    /// The different codes, in the order in which they came.
    pub(crate) codes: String,
    pub(crate) messages: String,
    /// The check of the token that failed.
    pub(crate) check: Option<&'static str>,
}

impl LoggedErrors {
    /// `values` are those of the request's observables, which a provider may repeat in its own words.
    pub(crate) fn of<'e, 'v>(
        errors: impl ExactSizeIterator<Item = &'e Error>,
        values: impl Iterator<Item = &'v str>,
    ) -> Self {
        let mut logged = Self { count: errors.len(), ..Self::default() };
        if logged.count == 0 {
            return logged;
        }
        let needles: Vec<Needle> = values.flat_map(Needle::of).collect();
        let mut codes: Vec<&str> = Vec::new();
        for (position, error) in errors.enumerate() {
            let code = error.code().as_str();
            if !codes.contains(&code) && codes.len() < MOST {
                codes.push(code);
            }
            logged.check = logged.check.or(error.check());
            if position < MOST {
                let message = sanitized(&without(error.message(), &needles), LENGTH);
                let separator = if position == 0 { "" } else { "; " };
                let _ = write!(logged.messages, "{separator}{code}: {message}");
            }
        }
        if logged.count > MOST {
            let _ = write!(logged.messages, "; and {} more", logged.count - MOST);
        }
        logged.codes = codes.join(", ");
        logged
    }
}

/// A text that is looked for in messages, in any case of ASCII letters.
struct Needle {
    text: String,
    /// The beginning, by which it is found where a message has cut it.
    begins: usize,
}

/// From how many bytes on the beginning of a value is enough.
const BEGINNING: usize = 24;
/// A shorter value is part of many words, and is only looked for as a word of its own.
const WORD: usize = 4;

impl Needle {
    /// The value itself, and those of its parts that tell what it is, such as the host of a URL: a provider repeats a
    /// value with other escapes than it was sent.
    fn of(value: &str) -> impl Iterator<Item = Self> {
        let value = sanitized(value, value.len()).trim().to_ascii_lowercase();
        let is_telling = |part: &&str| part.len() >= 12 || (part.contains('.') && part.len() >= WORD);
        let separates = |c: char| !c.is_alphanumeric() && !matches!(c, '.' | '-' | '_');
        let parts: Vec<String> = value
            .split(separates)
            .filter(is_telling)
            .filter(|part| **part != value)
            .map(str::to_owned)
            .collect();
        std::iter::once(value).chain(parts).filter(|text| !text.is_empty()).map(|text| {
            let begins =
                text.char_indices().map(|(at, _)| at).find(|at| *at >= BEGINNING).unwrap_or(text.len());
            Self { text, begins }
        })
    }

    /// Where it stands in a text of lower case.
    fn found_in<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
        let is_letter = |c: char| c.is_alphanumeric();
        text.match_indices(&self.text[..self.begins]).filter_map(move |(at, _)| {
            let same = text[at..].chars().zip(self.text.chars()).take_while(|(a, b)| a == b);
            let end = at + same.map(|(c, _)| c.len_utf8()).sum::<usize>();
            let is_word = !text[..at].ends_with(is_letter) && !text[end..].starts_with(is_letter);
            (self.text.len() >= WORD || is_word).then_some((at, end))
        })
    }
}

/// A message without these texts.
fn without(message: &str, needles: &[Needle]) -> String {
    // As long as the message, byte for byte.
    let lower = message.to_ascii_lowercase();
    let mut places: Vec<(usize, usize)> = needles.iter().flat_map(|needle| needle.found_in(&lower)).collect();
    places.sort_unstable();
    let mut out = String::with_capacity(message.len());
    let mut written = 0;
    for (start, end) in places {
        if start >= written {
            out.push_str(&message[written..start]);
            out.push_str(HIDDEN);
        }
        written = written.max(end);
    }
    out.push_str(&message[written..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use proptest::prelude::*;

    fn logged(errors: &[Error], values: &[&str]) -> LoggedErrors {
        LoggedErrors::of(errors.iter(), values.iter().copied())
    }

    fn hidden(message: &str, values: &[&str]) -> String {
        let error = Error::fatal(Code::UNKNOWN, message.to_owned());
        logged(&[error], values).messages.trim_start_matches("unknown: ").to_owned()
    }

    #[test]
    fn codes_come_once_and_messages_with_their_code() {
        let errors = [
            Error::fatal(Code::TIMEOUT, "Acme gave no answer within 15s"),
            Error::warning(Code::UNPROCESSED, "pages\nwere left out"),
            Error::fatal(Code::TIMEOUT, "no place in time"),
        ];
        let logged = logged(&errors, &[]);
        assert_eq!((logged.count, logged.codes.as_str()), (3, "timeout, unprocessed records"));
        assert_eq!(
            logged.messages,
            "timeout: Acme gave no answer within 15s; unprocessed records: pages were left out; timeout: no place in time"
        );
    }

    #[test]
    fn number_and_length_are_bounded() {
        let errors: Vec<Error> =
            (0..1000).map(|n| Error::fatal(Code::UNKNOWN, format!("{n} {}", "x".repeat(5000)))).collect();
        let logged = logged(&errors, &[]);
        assert_eq!((logged.count, logged.codes.as_str()), (1000, "unknown"));
        assert!(logged.messages.ends_with("; and 995 more"));
        assert!(logged.messages.chars().count() < MOST * (LENGTH + 20) + 20);
    }

    #[test]
    fn values_of_observables_are_hidden_however_they_are_written() {
        let url = "https://evil.example/login-verify/a?b=c";
        for (message, values, expected) in [
            ("no such domain evil.example", &["evil.example"][..], "no such domain [value]"),
            ("no such domain EVIL.example.", &["evil.Example"], "no such domain [value]."),
            ("`https://evil.example/login-verify/a?b=c` is unknown", &[url], "`[value]` is unknown"),
            ("host evil.example", &[url], "host [value]"),
            ("https%3A%2F%2Fevil.example%2Flogin", &[url], "https%3A%2F%2F[value]%2Flogin"),
            // Cut by who repeats it.
            ("https://evil.example/login-v… is unknown", &[url], "[value]… is unknown"),
            ("a@evil.example, evil.example", &["a@evil.example"], "[value], [value]"),
            // A short one is no part of words.
            ("is a bad one: a", &["a"], "is [value] bad one: [value]"),
            ("two lines", &["two\nlines"], "[value]"),
            ("ÄÖ evil.example ÜÄ", &["evil.example", "ÜÄ"], "ÄÖ [value] [value]"),
            ("1.2.3.4 and 1.2.3.45", &["1.2.3.4", "1.2.3.45"], "[value] and [value]"),
            ("nothing of them", &["", " "], "nothing of them"),
        ] {
            assert_eq!(hidden(message, values), expected, "{message}");
        }
    }

    #[test]
    fn the_check_of_a_token_that_failed_is_named() {
        let error = Error::authorization("wrong audience").of_check("audience");
        assert_eq!(logged(&[error], &[]).check, Some("audience"));
    }

    proptest! {
        #[test]
        fn no_value_of_a_request_is_left(before in "\\PC{0,20}", value in "[a-zA-Z0-9.ä€-]{4,60}", after in "\\PC{0,20}") {
            let left = hidden(&format!("{before}{value}{after}"), &[&value]).to_ascii_lowercase();
            prop_assert!(!left.contains(&value.to_ascii_lowercase()) || HIDDEN.contains(&value.to_ascii_lowercase()), "{left}");
        }
    }
}
