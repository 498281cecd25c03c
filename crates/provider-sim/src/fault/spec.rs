//! The text format of a fault.
//!
//! ```text
//! TARGET:WHAT[,KEY=VALUE]…
//! ```
//!
//! `TARGET` is `*` or the name of a service, and after a `/` the text that the raw path below the service's prefix must
//! contain: `xforce`, `xforce/resolve`, `*/alerts`. `WHAT` is one of
//!
//! | `WHAT` | further keys | |
//! |---|---|---|
//! | `latency=50ms` | | answers later |
//! | `status=503` | `retry-after=2`, `header.NAME=VALUE`, `body=TEXT` | answers this instead |
//! | `reset` | | resets the connection, nothing answered |
//! | `reset-late` | | resets it in the middle of the body |
//! | `hang` | | never answers |
//! | `drip=20ms` | `chunk=16` | sends the body in pieces of `chunk` bytes |
//! | `truncated` | | cuts the body in the middle |
//! | `html` | | answers 200 and a page of HTML |
//! | `wrong-type` | | JSON with another type at the top |
//! | `expired-tokens` | | tokens count as expired |
//! | `huge=64mb` | | answers 200 and this much JSON |
//! | `redirect=URL` | | redirects there |
//! | `mark` | | adds `[tenant SUFFIX]` to titles, `SUFFIX` being what follows a `.` in the API key or secret |
//!
//! and any of them takes `rate=0.1` (that part of the calls) or `next=3` (the next three calls).
//! Times are `20ms`, `1.5s` or a bare number of milliseconds; sizes are bytes, `64kb` or `64mb`.
//! `,`, `:`, `%` and other odd characters in a value or a path are percent-encoded.

use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::{Fault, What, When};

/// The format for `--help`.
pub const HELP: &str = "\
Faults from the start, such as xforce:status=503,rate=0.1 (repeatable)

Written TARGET:WHAT[,KEY=VALUE]…. TARGET is * or the name of a service, and after a / a part of the path. WHAT is one of

  latency=50ms    answers later
  status=503      answers this instead; with retry-after=2, header.NAME=VALUE, body=TEXT
  reset           resets the connection; reset-late in the middle of the body
  hang            never answers
  drip=20ms       sends the body in pieces; with chunk=16
  truncated       cuts the body in the middle
  html            answers 200 and a page of HTML
  wrong-type      answers JSON with another type at the top
  expired-tokens  takes tokens for expired
  huge=64mb       answers 200 and this much JSON
  redirect=URL    redirects there
  mark            adds the tenant to titles: what follows a . in the API key or secret

Any of them takes rate=0.1 (that part of the calls) or next=3 (the next three calls).";

/// Why a text is not a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {spec:?}: {reason}")]
pub struct SpecError {
    spec: String,
    reason: String,
}

impl FromStr for Fault {
    type Err = SpecError;

    fn from_str(spec: &str) -> Result<Self, SpecError> {
        parse(spec).map_err(|reason| SpecError { spec: spec.to_owned(), reason })
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn parse(spec: &str) -> Result<Fault, String> {
    let (target, rest) = spec.split_once(':').ok_or("expected TARGET:WHAT")?;
    let (provider, path) = target.split_once('/').unwrap_or((target, ""));
    let mut words = rest.split(',').map(|word| match word.split_once('=') {
        Some((key, value)) => (key.trim(), Some(decoded(value.trim()))),
        None => (word.trim(), None),
    });
    let (name, value) = words.next().ok_or("expected TARGET:WHAT")?;
    let mut fault = Fault::new(what(name, value.as_deref())?);
    fault.provider = match provider.trim() {
        "" => return Err("no target: name a service, or * for all".to_owned()),
        "*" => None,
        name => Some(name.to_owned()),
    };
    fault.path = (!path.is_empty()).then(|| decoded(path));
    for (key, value) in words {
        let value = value.ok_or_else(|| format!("{key:?} needs a value"))?;
        option(&mut fault, key, &value)?;
    }
    Ok(fault)
}

fn what(name: &str, value: Option<&str>) -> Result<What, String> {
    let needed = || value.ok_or_else(|| format!("{name:?} needs a value"));
    let what = match name {
        "latency" => What::Latency(time(needed()?)?),
        "status" => What::Status { code: status(needed()?)?, headers: Vec::new(), body: None },
        "drip" => What::Drip { chunk: 16, pause: time(needed()?)? },
        "huge" => What::Huge(size(value.unwrap_or("64mb"))?),
        "redirect" => What::Redirect(needed()?.to_owned()),
        _ => {
            if value.is_some() {
                return Err(format!("{name:?} is unknown or takes no value"));
            }
            match name {
                "reset" => What::Reset,
                "reset-late" => What::ResetLate,
                "hang" => What::Hang,
                "truncated" => What::Truncated,
                "html" => What::Html,
                "wrong-type" => What::WrongType,
                "expired-tokens" => What::ExpiredTokens,
                "mark" => What::Mark,
                _ => return Err(format!("{name:?} is not a fault")),
            }
        }
    };
    Ok(what)
}

fn option(fault: &mut Fault, key: &str, value: &str) -> Result<(), String> {
    match (key, &mut fault.what) {
        ("rate", _) => fault.when = When::Rate(rate(value)?),
        ("next", _) => fault.when = When::Next(number(value)?),
        ("chunk", What::Drip { chunk, .. }) => {
            *chunk = number(value)?;
            if *chunk == 0 {
                return Err("a chunk has at least one byte".to_owned());
            }
        }
        ("body", What::Status { body, .. }) => *body = Some(value.to_owned()),
        ("retry-after", What::Status { headers, .. }) => {
            headers.push(("Retry-After".to_owned(), value.to_owned()));
        }
        (_, What::Status { headers, .. }) if key.starts_with("header.") => {
            headers.push((decoded(key.trim_start_matches("header.")), value.to_owned()));
        }
        _ => return Err(format!("{key:?} does not go with this fault")),
    }
    Ok(())
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number in range"))
}

fn status(text: &str) -> Result<u16, String> {
    let code = number(text).ok().filter(|code| (200..600).contains(code));
    code.ok_or_else(|| format!("{text:?} is not an HTTP status"))
}

fn rate(text: &str) -> Result<f64, String> {
    let part = number(text).ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| format!("rate {text:?} is not 0 to 1"))
}

/// Reads a time such as `20ms`, `1.5s` or `20` (milliseconds).
///
/// # Errors
/// When it is none of these, in words.
pub fn time(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(digits), _) => (digits, 0.001),
        (None, Some(digits)) => (digits, 1.0),
        (None, None) => (text, 0.001),
    };
    let seconds = digits.parse::<f64>().ok().map(|number| number * unit);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text:?} is not a time such as 20ms or 1.5s"))
}

fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let (digits, unit) = match (lower.strip_suffix("mb"), lower.strip_suffix("kb")) {
        (Some(digits), _) => (digits, 1 << 20),
        (None, Some(digits)) => (digits, 1 << 10),
        (None, None) => (lower.as_str(), 1),
    };
    number::<u64>(digits)?.checked_mul(unit).ok_or_else(|| format!("{text:?} is too large"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_documented_forms_are_read() {
        let fault: Fault = "xforce:status=503,rate=0.1".parse().unwrap();
        assert_eq!(fault, Fault::status(503).on("xforce").rate(0.1));
        let fault: Fault = "graph//security/:status=429,retry-after=2,body=a%2Cb,next=3".parse().unwrap();
        let wanted = Fault::status(429).header("Retry-After", "2").body("a,b");
        assert_eq!(fault, wanted.on("graph").path("/security/").next(3));
        let fault: Fault = "*:latency=1.5s".parse().unwrap();
        assert_eq!(fault, Fault::latency(Duration::from_millis(1500)));
        let fault: Fault = "*:huge".parse().unwrap();
        assert_eq!(fault.what, What::Huge(64 << 20));
        let fault: Fault = "*:drip=5,chunk=1".parse().unwrap();
        assert_eq!(fault.what, What::Drip { chunk: 1, pause: Duration::from_millis(5) });
    }

    #[test]
    fn mistakes_are_refused_with_their_reason() {
        for (spec, reason) in [
            ("xforce", "expected TARGET:WHAT"),
            (":hang", "no target"),
            ("xforce:boom", "is not a fault"),
            ("xforce:hang=1", "takes no value"),
            ("xforce:status", "needs a value"),
            ("xforce:status=99", "not an HTTP status"),
            ("xforce:status=503,rate=2", "not 0 to 1"),
            ("xforce:status=503,rate=NaN", "not 0 to 1"),
            ("xforce:hang,chunk=1", "does not go with"),
            ("xforce:drip=1,chunk=0", "at least one byte"),
            ("xforce:latency=soon", "is not a time"),
            ("xforce:latency=-1s", "is not a time"),
            ("xforce:huge=99999999999999999mb", "too large"),
        ] {
            let error = spec.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(spec), "{error}");
        }
    }

    proptest! {

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = text.parse::<Fault>();
        }
    }
}
