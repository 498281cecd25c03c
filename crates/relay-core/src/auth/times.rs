//! When a token holds: its claims `exp` and `nbf`, neither of which it needs.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::claims::whole_seconds;

/// Clock difference that is forgiven in `exp` and `nbf`, in seconds.
const LEEWAY: i64 = 30;

/// Whether the token holds now, and how long.
pub(super) fn times(claims: &Map<String, Value>, now: i64) -> Result<Vec<String>, String> {
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => whole_seconds(value)
            .map(Some)
            .ok_or_else(|| format!("the token's `{name}` is not a time in seconds since 1970")),
    };
    let (end, start) = (time("exp")?, time("nbf")?);
    if let Some(end) = end.filter(|end| now - end > LEEWAY) {
        return Err(format!("the token has expired ({} ago, at {})", rough(now - end), moment(end)));
    }
    if let Some(start) = start.filter(|start| start - now > LEEWAY) {
        let wait = rough(start - now);
        return Err(format!("the token is not valid yet (only in {wait}, from {})", moment(start)));
    }
    let start = start.map(|start| format!("from {}", moment(start)));
    let end = end.map_or_else(|| "without an end".to_owned(), |end| format!("until {}", moment(end)));
    Ok(start.into_iter().chain([end]).collect())
}

fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or_else(|_| "a time without end".to_owned(), |moment| moment.to_string())
}

/// In whole seconds, minutes, hours or days.
fn rough(seconds: i64) -> String {
    let time = SignedDuration::from_secs(seconds);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", time.as_mins()),
        7_200..=172_799 => format!("{} h", time.as_hours()),
        _ => format!("{} days", time.as_hours() / 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn problem(claims: &Value) -> String {
        times(claims.as_object().expect("claims"), NOW).err().unwrap_or_default()
    }

    #[test]
    fn half_a_minute_of_clock_difference_is_forgiven() {
        for good in [
            json!({}),
            json!({"exp": NOW - 30}),
            json!({"nbf": NOW + 30}),
            json!({"exp": NOW, "nbf": NOW}),
            json!({"exp": NOW as f64 - 30.4}),
            json!({"exp": u64::MAX}),
            json!({"exp": 1e300, "nbf": 0}),
        ] {
            assert_eq!(problem(&good), "", "{good}");
        }
        for (bad, expected) in [
            (json!({"exp": NOW - 31}), "the token has expired (31 s ago, at 2027-01-15T07:59:29Z)"),
            (json!({"exp": NOW - 7_200}), "the token has expired (2 h ago, at 2027-01-15T06:00:00Z)"),
            (json!({"exp": 0}), "the token has expired (20833 days ago, at 1970-01-01T00:00:00Z)"),
            (
                json!({"nbf": NOW + 31}),
                "the token is not valid yet (only in 31 s, from 2027-01-15T08:00:31Z)",
            ),
            (
                json!({"nbf": NOW + 180}),
                "the token is not valid yet (only in 3 min, from 2027-01-15T08:03:00Z)",
            ),
            (
                json!({"nbf": u64::MAX}),
                "the token is not valid yet (only in 106751991146467 days, from a time without end)",
            ),
        ] {
            assert_eq!(problem(&bad), expected, "{bad}");
        }
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        for name in ["exp", "nbf"] {
            for odd in [json!(null), json!("1"), json!(-1), json!(true), json!([1]), json!({})] {
                let expected = format!("the token's `{name}` is not a time in seconds since 1970");
                assert_eq!(problem(&json!({name: odd})), expected, "{odd}");
            }
        }
    }

    #[test]
    fn a_passed_check_says_how_long_the_token_holds() {
        let passed = |claims: Value| times(claims.as_object().expect("claims"), NOW).expect("it holds");
        assert_eq!(passed(json!({})), ["without an end"]);
        assert_eq!(passed(json!({"exp": NOW})), ["until 2027-01-15T08:00:00Z"]);
        assert_eq!(
            passed(json!({"nbf": 0, "exp": u64::MAX})),
            ["from 1970-01-01T00:00:00Z", "until a time without end"]
        );
    }
}
