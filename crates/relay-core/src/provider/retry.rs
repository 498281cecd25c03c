//! When a call is tried again, and after what pause.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::failure::Failure;
use super::request::{Repeat, Request};

/// What to do after a failed try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The failure is final.
    No,
    /// Try again after the usual growing pause.
    Backoff,
    /// Try again after this pause and up to a quarter more, unless the provider asks for another one.
    After(Duration),
}

/// The first pause; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause that is not the provider's wish.
const LONGEST: Duration = Duration::from_secs(8);

/// Which statuses pass by themselves: too many requests, bad gateway, unavailable, gateway time-out.
pub(super) fn by_status(status: StatusCode) -> Retry {
    match status.as_u16() {
        429 | 502 | 503 | 504 => Retry::Backoff,
        _ => Retry::No,
    }
}

/// The pause before try number `tried` + 1: doubling, with a random part so that many callers spread out.
/// `fraction` is that random part, from 0 to 1.
pub(super) fn pause(tried: u32, fraction: f64) -> Duration {
    let full = FIRST.saturating_mul(2_u32.saturating_pow(tried)).min(LONGEST);
    full.mul_f64(0.5 + 0.5 * fraction.clamp(0.0, 1.0))
}

/// A pause and up to a quarter more, so that many callers spread out and none comes too early. `fraction` is
/// that random part, from 0 to 1.
pub(super) fn spread(pause: Duration, fraction: f64) -> Duration {
    pause.mul_f64(1.0 + 0.25 * fraction.clamp(0.0, 1.0))
}

/// The pause before another try, if there may be one.
pub(super) fn pause_before(request: &Request<'_>, failure: &Failure, tried: u32) -> Option<Duration> {
    let usual = || pause(tried, fastrand::f64());
    match failure {
        Failure::Rejected(rejection)
            if request.changes_nothing()
                || (request.repeat == Repeat::After429 && rejection.status == 429) =>
        {
            let rule = match request.retry_rule {
                Some(rule) => rule(rejection),
                None => StatusCode::from_u16(rejection.status).map_or(Retry::No, by_status),
            };
            match rule {
                Retry::No => None,
                Retry::Backoff => Some(rejection.retry_after.unwrap_or_else(usual)),
                Retry::After(pause) => {
                    Some(rejection.retry_after.unwrap_or_else(|| spread(pause, fastrand::f64())))
                }
            }
        }
        // Nothing was sent, so this cannot do anything twice.
        Failure::Unreachable(_) => Some(usual()),
        Failure::Connection(_) if request.changes_nothing() => Some(usual()),
        _ => None,
    }
}

/// Longer pauses make no difference.
const DAY: Duration = Duration::from_secs(86_400);

/// How long the provider asks to wait, a day at most: `Retry-After` in seconds, as an HTTP date, or with a unit (`3172s`), as
/// some gateways write it.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    parse(headers.get(RETRY_AFTER)?.to_str().ok()?, now)
}

fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let digits = text.strip_suffix(['s', 'S']).unwrap_or(text).trim_end();
    if let Ok(seconds) = digits.parse::<f64>() {
        // The conversion would refuse the absurd.
        return (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(DAY.as_secs_f64())));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn retry_after_is_read_as_seconds_date_or_with_a_unit() {
        let now = at(1_767_225_600); // Thu, 01 Jan 2026 00:00:00 GMT
        assert_eq!(parse("7", now), Some(Duration::from_secs(7)));
        assert_eq!(parse(" 3172s ", now), Some(Duration::from_secs(3172)));
        assert_eq!(parse("0.5", now), Some(Duration::from_millis(500)));
        assert_eq!(parse("Thu, 01 Jan 2026 00:01:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(parse("Wed, 31 Dec 2025 00:00:00 GMT", now), Some(Duration::ZERO));
        for absurd in ["1e300", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(parse(absurd, now), Some(DAY), "{absurd}");
        }
        for nonsense in ["", "soon", "-3", "NaN", "7 s s", "Thu, 99 Jan 2026"] {
            assert_eq!(parse(nonsense, now), None, "{nonsense:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_a_header_never_panics(text in ".*") {
            let _ = parse(&text, at(0));
        }

        #[test]
        fn pauses_grow_but_stay_within_bounds(tried in 0_u32..100, fraction in 0.0_f64..=1.0) {
            let pause = pause(tried, fraction);
            prop_assert!(pause >= FIRST / 2 && pause <= LONGEST);
            prop_assert!(super::pause(tried + 1, 0.0) >= super::pause(tried, 0.0));
        }
    }

    #[test]
    fn a_pause_that_a_rule_asks_for_is_never_shortened() {
        let second = Duration::from_secs(1);
        assert_eq!(spread(second, 0.0), second);
        assert_eq!(spread(second, 1.0), Duration::from_millis(1250));
    }
}
