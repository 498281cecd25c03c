//! The checks of what a token says. They agree with those of `relay_core::auth`, which stop at the first failure;
//! a test holds them to it.

use jiff::{SignedDuration, Timestamp};
use relay_core::auth::{Claims, LEEWAY};
use serde_json::Value;

use super::Check;
use super::token::Token;
use crate::relays::Known;
use crate::ui::{cut, harmless};

/// Neither RS256 nor HS256.
pub(super) fn unknown_algorithm(named: Option<&str>) -> Check {
    let named = named.map_or("no algorithm".to_owned(), |name| format!("`{}`", shown(name)));
    Check::failed("algorithm", format!("{named}; only RS256 and HS256 are accepted"))
}

/// Whether the token is meant for the relay.
pub(super) fn audience(token: &Token, expected: &str) -> Check {
    let claim = token.claims.get("aud");
    let named: Vec<&str> = match claim {
        None | Some(Value::Null) if token.algorithm() == Some("HS256") => {
            return Check::passed("audience", "none, which HS256 tokens need not have");
        }
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let without_slash = |url: &str| url.strip_suffix('/').unwrap_or(url) == expected;
    if named.iter().any(|url| without_slash(url)) {
        return Check::passed("audience", expected);
    }
    let got = match named.as_slice() {
        [] => "none".to_owned(),
        urls => urls.iter().map(|url| format!("`{}`", shown(url))).collect::<Vec<_>>().join(", "),
    };
    Check::failed("audience", format!("expected `{expected}`, got {got}"))
}

/// Whether it holds now.
pub(super) fn times(token: &Token, now: Timestamp) -> Check {
    const NAME: &str = "time";
    let mut limits = Vec::new();
    for name in ["exp", "nbf"] {
        match token.claims.get(name) {
            None => {}
            Some(value) => match value.as_f64().filter(|seconds| *seconds >= 0.0).and_then(moment) {
                Some(limit) => limits.push((name, limit)),
                None => return Check::failed(NAME, format!("`{name}` is not a time in seconds since 1970")),
            },
        }
    }
    let leeway = SignedDuration::from_secs(LEEWAY.cast_signed());
    let mut told = Vec::new();
    for (name, limit) in limits {
        let distance = limit.duration_until(now);
        let (is_end, away) = (name == "exp", rough(distance.abs()));
        if is_end && distance > leeway {
            return Check::failed(NAME, format!("expired {away} ago, at {limit}"));
        }
        if !is_end && distance < -leeway {
            return Check::failed(NAME, format!("not valid before {limit}, {away} from now"));
        }
        told.push(format!("{} {limit}", if is_end { "until" } else { "from" }));
    }
    Check::passed(NAME, if told.is_empty() { "never ends".to_owned() } else { told.join(", ") })
}

fn moment(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds.round()).ok()?).ok()
}

/// In whole seconds, minutes, hours or days.
fn rough(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Whether the relay can make credentials of the claims: all that are missing, else what it says itself.
pub(super) fn claims(token: &Token, known: &Known) -> Vec<Check> {
    const NAME: &str = "claims";
    let claims = Claims::from(token.claims.clone());
    let missing: Vec<Check> = known
        .module()
        .claims
        .iter()
        .filter(|claim| claim.required && claims.text(claim.name).is_none())
        .map(|claim| {
            let kind = match token.claims.get(claim.name) {
                None | Some(Value::Null) => "is missing",
                Some(Value::String(_)) => "is empty",
                Some(_) => "is not a text",
            };
            Check::failed(NAME, format!("`{}` {kind}: {}", claim.name, claim.help))
        })
        .collect();
    if !missing.is_empty() {
        return missing;
    }
    vec![match (known.relay)().check_claims(&claims) {
        Ok(()) => Check::passed(NAME, listed(token, known)),
        Err(problem) => Check::failed(NAME, problem.to_string()),
    }]
}

/// The claims that the relay reads; of secret ones only that they are there.
fn listed(token: &Token, known: &Known) -> String {
    let read = known.module().claims.iter().filter_map(|claim| {
        let value = token.claims.get(claim.name).filter(|value| !value.is_null())?;
        Some(match value {
            _ if claim.secret => format!("{} (secret)", claim.name),
            Value::String(text) => format!("{} = {}", claim.name, shown(text)),
            other => format!("{} = {}", claim.name, shown(&other.to_string())),
        })
    });
    read.collect::<Vec<_>>().join(", ")
}

/// A text of the token, harmless and short.
pub(super) fn shown(text: &str) -> String {
    cut(&harmless(text), 100)
}
