//! What a relay says of itself to `doctor`.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use url::Url;

use super::line::Line;
use crate::error::Error;

/// What there is to check of a relay with its settings.
#[derive(Debug, Default)]
pub struct Checkup {
    /// The addresses that it calls.
    pub addresses: Vec<Url>,
    /// What it uses whose end is announced.
    pub retiring: Vec<Retiring>,
}

/// Something of the provider's that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retiring {
    /// What it is.
    pub what: Cow<'static, str>,
    /// The first day without it, in UTC.
    pub ends: Date,
    /// What to do.
    pub advice: Cow<'static, str>,
}

impl Retiring {
    /// Something that ends, and what to do.
    pub const fn new(what: &'static str, ends: Date, advice: &'static str) -> Self {
        Self { what: Cow::Borrowed(what), ends, advice: Cow::Borrowed(advice) }
    }

    /// The check of it.
    pub fn line(&self, now: Timestamp) -> Line {
        let today = now.to_zoned(TimeZone::UTC).date();
        let (what, ends) = (&self.what, self.ends.strftime("%-d %B %Y"));
        if today >= self.ends {
            return Line::fail("api", format!("{what} ended on {ends}"), self.advice.clone());
        }
        let days = today.until(self.ends).map_or(0, |span| span.get_days());
        Line::warn("api", format!("{what} ends on {ends}, in {days} days"), self.advice.clone())
    }
}

/// A feature and the permissions that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// What it is called.
    pub name: &'static str,
    /// Any one of these is enough; the first is the least.
    pub roles: &'static [&'static str],
    /// Whether lookups lack something without it; otherwise it is there for those who want it.
    pub essential: bool,
}

impl Feature {
    /// One that lookups need.
    pub const fn essential(name: &'static str, roles: &'static [&'static str]) -> Self {
        Self { name, roles, essential: true }
    }

    /// One that an operator may do without.
    pub const fn optional(name: &'static str, roles: &'static [&'static str]) -> Self {
        Self { name, roles, essential: false }
    }
}

/// What a login gives, and what the features that are switched on need of it.
#[derive(Debug)]
pub struct Grant {
    /// The API that the login is for.
    pub api: &'static str,
    /// The roles in the access token; nothing where the token does not show them.
    pub roles: Result<Option<Vec<String>>, Error>,
    /// The features.
    pub features: Vec<Feature>,
}

impl Grant {
    /// The checks of it.
    pub fn lines(&self) -> Vec<Line> {
        const CONSENT: &str = "add it to the application's permissions (type: application, not delegated), have an \
                               administrator consent, and wait some minutes; or switch the feature off";
        let api = self.api;
        let roles = match &self.roles {
            Err(error) => {
                let advice =
                    "the message says what to correct: claims of the module, or settings of the relay";
                return vec![Line::fail("login", format!("{api}: {}", error.message()), advice)];
            }
            Ok(None) => {
                let unread = format!("{api}: the access token does not show its permissions");
                return vec![Line::ok("login", unread)];
            }
            Ok(Some(roles)) => roles,
        };
        let mut lines = vec![Line::ok("login", format!("{api}: permissions {}", listed(roles)))];
        let has = |feature: &&Feature| feature.roles.iter().any(|role| roles.iter().any(|had| had == role));
        for feature in self.features.iter().filter(|feature| !has(feature)) {
            let missing =
                format!("{}: {} missing ({api})", feature.name, feature.roles.first().unwrap_or(&""));
            lines.push(if feature.essential {
                Line::fail("permission", missing, CONSENT)
            } else {
                Line::warn("permission", missing, CONSENT)
            });
        }
        lines
    }
}

fn listed(roles: &[String]) -> String {
    if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::line::Outcome;
    use super::*;
    use jiff::civil::date;

    #[test]
    fn what_ends_is_warned_of_until_it_has_ended() {
        let ends = Retiring::new("The old API", date(2027, 2, 1), "set the new one");
        let line = |now: &str| ends.line(now.parse().expect("a time"));
        let warned = line("2026-11-27T10:00:00Z");
        assert_eq!((warned.outcome, warned.advice.as_ref()), (Outcome::Warn, "set the new one"));
        assert_eq!(warned.detail, "The old API ends on 1 February 2027, in 66 days");
        let failed = line("2027-02-01T00:00:00Z");
        assert_eq!(
            (failed.outcome, failed.detail.as_str()),
            (Outcome::Fail, "The old API ended on 1 February 2027")
        );
    }

    #[test]
    fn a_feature_lacks_its_least_permission_where_it_has_none() {
        let grant = |roles: &[&str]| Grant {
            api: "Acme",
            roles: Ok(Some(roles.iter().map(|role| (*role).to_owned()).collect())),
            features: vec![
                Feature::essential("hunting", &["Hunt.Read", "Hunt.All"]),
                Feature::optional("isolation", &["Isolate"]),
            ],
        };
        let said = |roles: &[&str]| {
            let lines = grant(roles).lines();
            lines.into_iter().map(|line| (line.outcome, line.detail)).collect::<Vec<_>>()
        };
        assert_eq!(
            said(&[]),
            [
                (Outcome::Ok, "Acme: permissions none".to_owned()),
                (Outcome::Fail, "hunting: Hunt.Read missing (Acme)".to_owned()),
                (Outcome::Warn, "isolation: Isolate missing (Acme)".to_owned()),
            ]
        );
        assert_eq!(
            said(&["Hunt.All", "Isolate"]),
            [(Outcome::Ok, "Acme: permissions Hunt.All, Isolate".to_owned())]
        );
    }
}
