//! A check and how it went.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::auth;
use crate::text::sanitized;

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All is well.
    Ok,
    /// It works, but should not stay so.
    Warn,
    /// It does not work.
    Fail,
}

/// A check and how it went, safe to print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was checked, in one word.
    pub check: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do; empty where all is well.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub advice: Cow<'static, str>,
}

/// Longest detail, in characters.
const LENGTH: usize = 700;

impl Line {
    /// A check that went well.
    pub fn ok(check: &'static str, detail: impl AsRef<str>) -> Self {
        Self::new(check, Outcome::Ok, detail, "")
    }

    /// A check of something that should not stay so.
    pub fn warn(check: &'static str, detail: impl AsRef<str>, advice: impl Into<Cow<'static, str>>) -> Self {
        Self::new(check, Outcome::Warn, detail, advice)
    }

    /// A check of something that does not work.
    pub fn fail(check: &'static str, detail: impl AsRef<str>, advice: impl Into<Cow<'static, str>>) -> Self {
        Self::new(check, Outcome::Fail, detail, advice)
    }

    fn new(
        check: &'static str,
        outcome: Outcome,
        detail: impl AsRef<str>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { check, outcome, detail: sanitized(detail.as_ref(), LENGTH), advice: advice.into() }
    }

    /// Whether it does not work.
    pub fn is_fail(&self) -> bool {
        self.outcome == Outcome::Fail
    }
}

impl Outcome {
    /// The word, as wide as the others.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok  ",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// As programs print it: `  fail  connection   127.0.0.1:9: refused`, and below it what to do.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}  {:<12} {}", self.outcome.word(), self.check, self.detail)?;
        if self.advice.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:21}→ {}", "", self.advice)
    }
}

/// The checks of a token as lines: one for each that fails, or one for all.
pub fn of_token(checks: &[auth::Check], advice: &'static str) -> Vec<Line> {
    let failed = checks.iter().filter(|check| check.outcome == auth::Outcome::Failed);
    let mut lines: Vec<Line> = failed
        .map(|check| Line::fail("token", format!("{}: {}", check.name, check.detail), advice))
        .collect();
    // One that fails explains those that could then not be made.
    if lines.is_empty() {
        let open = checks.iter().find(|check| check.outcome == auth::Outcome::Open);
        lines.push(match open {
            Some(open) => {
                Line::ok("token", format!("good, as far as it can be checked here ({})", open.detail))
            }
            None => Line::ok("token", "the relay accepts it"),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_its_outcome_and_what_to_do() {
        assert_eq!(Line::ok("name", "a\u{1b}b").to_string(), "  ok    name         a b");
        assert_eq!(
            Line::fail("clock", "90 s apart", "set it").to_string(),
            "  fail  clock        90 s apart\n                     → set it"
        );
    }

    #[test]
    fn of_a_token_the_checks_that_fail_are_named() {
        let check = |name, outcome| auth::Check { name, outcome, detail: "x".to_owned() };
        let checks = [
            check("form", auth::Outcome::Passed),
            check("key", auth::Outcome::Open),
            check("audience", auth::Outcome::Failed),
        ];
        assert_eq!(of_token(&checks, "do"), [Line::fail("token", "audience: x", "do")]);
        assert_eq!(of_token(&checks[..1], "do"), [Line::ok("token", "the relay accepts it")]);
        assert!(of_token(&checks[..2], "do")[0].detail.contains("as far as"));
    }
}
