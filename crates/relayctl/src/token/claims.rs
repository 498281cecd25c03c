//! The sources of claims: a file, arguments, prompts.

use std::io::{self, BufRead as _, Write};

use anyhow::{Context as _, bail};
use relay_core::module::{Claim, Module};
use relay_core::settings::Settings;
use serde_json::{Map, Value};

use crate::ui::{BOLD, DIM, styled};

/// Parses `KEY=VALUE`; the value may contain `=`.
///
/// # Errors
/// There is no `=`, or no key before it.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write it like tenant_id=VALUE".to_owned()),
    }
}

/// Asks the user for claims.
pub(crate) trait Prompt {
    /// The user's input, blank for none.
    ///
    /// # Errors
    /// The input has ended.
    fn ask(&mut self, claim: &Claim) -> anyhow::Result<String>;
}

/// The user at the terminal.
pub(crate) struct Terminal<'a, W> {
    /// Where questions are written.
    pub(crate) err: &'a mut W,
}

impl<W: Write> Prompt for Terminal<'_, W> {
    fn ask(&mut self, claim: &Claim) -> anyhow::Result<String> {
        let kind = if claim.required { "required" } else { "optional, Enter to skip" };
        writeln!(
            self.err,
            "{} {}\n{}",
            styled(BOLD, claim.label.trim_end_matches(':')),
            styled(DIM, format_args!("({kind})")),
            styled(DIM, claim.help)
        )?;
        write!(self.err, "{}: ", claim.name)?;
        self.err.flush()?;
        let answer = if claim.secret {
            rpassword::read_password().context("cannot read from the terminal")?
        } else {
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 {
                bail!("the claim `{}` was not given", claim.name);
            }
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        writeln!(self.err)?;
        Ok(answer)
    }
}

/// Completes the given claims, for a relay with these settings. If none are given, prompts for everything that the relay reads, otherwise only for
/// missing required ones.
///
/// # Errors
/// A required claim is missing and there is no prompt.
pub(crate) fn complete(
    module: &'static Module,
    settings: &Settings,
    mut given: Map<String, Value>,
    mut prompt: Option<&mut dyn Prompt>,
) -> anyhow::Result<Map<String, Value>> {
    let everything = given.is_empty();
    let mut missing = Vec::new();
    for claim in settings.provider.claims(module) {
        let there = given.get(claim.name).is_some_and(|value| !is_blank(value));
        if there || !(claim.required || everything) {
            continue;
        }
        match &mut prompt {
            None if claim.required => missing.push(format!("`{}` ({})", claim.name, claim.help)),
            None => {}
            Some(prompt) => loop {
                let answer = prompt.ask(claim)?;
                if !answer.trim().is_empty() {
                    given.insert(claim.name.to_owned(), Value::String(answer));
                    break;
                }
                if !claim.required {
                    break;
                }
            },
        }
    }
    if !missing.is_empty() {
        bail!("{} needs these claims, from --file or a terminal: {}", module.package, missing.join(", "));
    }
    Ok(given)
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::login::Login;
    use crate::relays;

    /// Answers in order, and records the questions.
    struct Script {
        answers: Vec<&'static str>,
        questions: Vec<&'static str>,
    }

    impl Prompt for Script {
        fn ask(&mut self, claim: &Claim) -> anyhow::Result<String> {
            self.questions.push(claim.name);
            anyhow::ensure!(!self.answers.is_empty(), "asked once more for {}", claim.name);
            Ok(self.answers.remove(0).to_owned())
        }
    }

    fn ask(given: Value, answers: &[&'static str]) -> (Value, Vec<&'static str>) {
        let mut script = Script { answers: answers.to_vec(), questions: Vec::new() };
        let Value::Object(given) = given else { panic!("an object") };
        let module = relays::named("xforce").unwrap().module();
        let settings = Login::Secret.settings(module).unwrap();
        let claims = complete(module, &settings, given, Some(&mut script)).unwrap();
        assert_eq!(script.answers, Vec::<&str>::new(), "every answer was asked for");
        (Value::Object(claims), script.questions)
    }

    #[test]
    fn everything_is_asked_for_and_what_is_needed_insisted_on() {
        let (claims, questions) = ask(json!({}), &["", "  ", "k", "p", ""]);
        assert_eq!(claims, json!({"key": "k", "password": "p"}));
        assert_eq!(questions, ["key", "key", "key", "password", "CTR_ENTITIES_LIMIT"]);
    }

    #[test]
    fn beside_given_claims_only_needed_ones_are_asked_for() {
        let (claims, questions) = ask(json!({"key": "k", "password": "", "extra": 1}), &["p"]);
        assert_eq!(claims, json!({"key": "k", "password": "p", "extra": 1}));
        assert_eq!(questions, ["password"]);
    }

    #[test]
    fn without_a_terminal_all_missing_claims_are_named() {
        let module = relays::named("xforce").unwrap().module();
        let settings = Login::Secret.settings(module).unwrap();
        let error = complete(module, &settings, Map::new(), None).unwrap_err().to_string();
        assert!(error.contains("`key`") && error.contains("`password`"), "{error}");
        assert!(!error.contains("CTR_ENTITIES_LIMIT"), "{error}");
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(assignment("secret=a=b=").unwrap(), ("secret".to_owned(), "a=b=".to_owned()));
        assert!(assignment("secret").is_err() && assignment("=x").is_err());
    }
}
