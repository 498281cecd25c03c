//! What all relays with response actions do alike: which actions the operator allows, dry runs, repetitions, audit.
//!
//! | | |
//! |---|---|
//! | [`AllowList`] | the setting `provider.actions`: an action that is off is neither offered nor carried out |
//! | [`DryRun`] | the setting `provider.dry_run`: everything is checked, nothing is sent |
//! | [`Repetitions`] | the setting `provider.repeat_window`: an identical trigger is answered from the first one's outcome |
//! | [`Audit`] | one log line for each trigger |

mod repetitions;

use log::kv::{Key, Source, Value, VisitSource};

use crate::error::{Code, Error};
use crate::observable::Trigger;
use crate::settings::{ProviderSettings, SettingsError};
pub use repetitions::{Repetitions, Turn};

/// Which groups of actions the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowList {
    groups: &'static [&'static str],
    allowed: Vec<&'static str>,
}

impl AllowList {
    /// Reads the setting `provider.actions`: groups, separated by commas, or `all`, or `none`.
    ///
    /// # Errors
    /// It names a group that there is not.
    pub fn read(settings: &ProviderSettings, groups: &'static [&'static str]) -> Result<Self, SettingsError> {
        let mut allowed = Vec::new();
        let words = settings.text("actions").unwrap_or("none").split(',').map(str::trim);
        for word in words.filter(|word| !word.is_empty()) {
            match word {
                "all" => allowed.extend_from_slice(groups),
                "none" => {}
                word => {
                    let Some(group) = groups.iter().find(|group| **group == word) else {
                        let known = groups.join("`, `");
                        let problem = format!("`{word}` is none of `{known}`, `all`, `none`");
                        return Err(SettingsError::value("provider.actions", problem));
                    };
                    allowed.push(group);
                }
            }
        }
        Ok(Self { groups, allowed })
    }

    /// Whether the actions of a group are allowed.
    pub fn allows(&self, group: &str) -> bool {
        self.allowed.contains(&group)
    }

    /// The groups that are off.
    pub fn off(&self) -> Vec<&'static str> {
        self.groups.iter().copied().filter(|group| !self.allows(group)).collect()
    }

    /// Refuses an action of a group that is off.
    ///
    /// # Errors
    /// The group is off; the error names the setting.
    pub fn check(&self, group: &str) -> Result<(), Error> {
        if self.allows(group) {
            return Ok(());
        }
        let message = format!("Actions of the group `{group}` are switched off by RELAY_PROVIDER__ACTIONS");
        Err(Error::fatal(Code::PERMISSION_DENIED, message))
    }
}

/// Whether triggers are checked only, and not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DryRun(pub bool);

impl DryRun {
    /// What a trigger ends with that was not sent: never a success.
    pub const CODE: Code = Code::new("dry run");

    /// Reads the setting `provider.dry_run`.
    ///
    /// # Errors
    /// The value is neither true nor false.
    pub fn read(settings: &ProviderSettings) -> Result<Self, SettingsError> {
        settings.flag("dry_run").map(Self)
    }

    /// The title of an action that is offered.
    pub fn title(self, title: &str) -> String {
        if self.0 { format!("Dry run: {title}") } else { title.to_owned() }
    }

    /// What the user reads of a trigger in place of a success. `what` is what was not sent, `provider` to whom.
    pub fn outcome(what: &str, provider: &str) -> Error {
        Error::warning(Self::CODE, format!("Dry run: {what} was not sent to {provider}"))
    }
}

/// The target of the lines, to be filtered by: `RELAY_LOG=info,audit=info`.
const LOG: &str = "audit";
/// How much of a value is repeated, in characters.
const LENGTH: usize = 200;

/// The line of one trigger: who asked, what, on what, and how it ended. It is written when it ends, also when the request
/// is broken off. No credential is in it; values of observables are, here alone, since an audit without them says
/// nothing.
#[derive(Debug)]
pub struct Audit {
    fields: Vec<(&'static str, String)>,
    outcome: Option<Result<(), Code>>,
}

impl Audit {
    /// The line of a trigger. `parameters` are those of its further parameters that are reported.
    pub fn begin(trigger: &Trigger, parameters: &[&'static str]) -> Self {
        let mut audit = Self { fields: Vec::new(), outcome: None };
        audit.field("action", &trigger.action_id);
        audit.field("observable_type", &trigger.observable.kind);
        audit.field("observable_value", &trigger.observable.value);
        for name in parameters {
            if let Some(value) = trigger.params.get(*name) {
                audit.field(name, value);
            }
        }
        audit
    }

    /// Adds a field, unless it has no value.
    pub fn field(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.fields.push((name, value.chars().take(LENGTH).collect()));
        }
    }

    /// The outcome is that of an earlier trigger.
    fn repeats(&mut self) {
        self.field("repeat", "answered");
    }

    /// The store that replicas share was unavailable: none of them may have taken the action before, or one may.
    fn is_unchecked(&mut self) {
        self.field("repeat", "unchecked");
    }

    /// The trigger has ended.
    pub fn end(mut self, outcome: &Result<(), Error>) {
        self.outcome = Some(match outcome {
            Ok(()) => Ok(()),
            Err(error) => Err(error.code()),
        });
    }
}

impl Source for Audit {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), log::kv::Error> {
        for (name, value) in &self.fields {
            visitor.visit_pair(Key::from_str(name), Value::from(value.as_str()))?;
        }
        let outcome = match self.outcome {
            Some(Ok(())) => "success",
            Some(Err(_)) => "failure",
            None => "broken off",
        };
        visitor.visit_pair(Key::from_str("outcome"), Value::from(outcome))?;
        match self.outcome {
            Some(Err(code)) => visitor.visit_pair(Key::from_str("code"), Value::from(code.as_str())),
            _ => Ok(()),
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let metadata = log::Metadata::builder().level(log::Level::Info).target(LOG).build();
        if log::max_level() < log::Level::Info || !log::logger().enabled(&metadata) {
            return;
        }
        let source: &Self = self;
        let args = format_args!("response action");
        log::logger().log(&log::Record::builder().metadata(metadata).args(args).key_values(&source).build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Audit {
        pub(super) fn empty() -> Self {
            Self { fields: Vec::new(), outcome: None }
        }

        pub(super) fn repeat(&self) -> Option<&str> {
            self.fields.iter().find(|(name, _)| *name == "repeat").map(|(_, value)| value.as_str())
        }
    }

    #[test]
    fn a_dry_run_is_no_success() {
        assert_eq!(
            (DryRun(true).title("Scan"), DryRun(false).title("Scan")),
            ("Dry run: Scan".into(), "Scan".into())
        );
        let error = DryRun::outcome("the scan", "Acme");
        assert_eq!(
            (error.code().as_str(), error.message()),
            ("dry run", "Dry run: the scan was not sent to Acme")
        );
    }

    struct Pairs(Vec<String>);

    impl<'kvs> VisitSource<'kvs> for Pairs {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            self.0.push(format!("{key}|{value}"));
            Ok(())
        }
    }

    #[test]
    fn the_fields_of_an_audit_line_are_the_values_themselves() {
        let body = br#"{"action-id": "a\" outcome=\"success\n", "observable_type": "ip", "observable_value": "x=y", "id": 7}"#;
        let mut audit = Audit::begin(&Trigger::parse(body).expect("a trigger"), &["id", "missing"]);
        audit.field("asker", "");
        audit.field("tenant", &"t".repeat(300));
        audit.outcome = Some(Err(Code::CONNECTION));
        let mut pairs = Pairs(Vec::new());
        audit.visit(&mut pairs).expect("pairs");
        let tenant = format!("tenant|{}", "t".repeat(200));
        let expected = [
            "action|a\" outcome=\"success\n",
            "observable_type|ip",
            "observable_value|x=y",
            "id|7",
            &tenant,
            "outcome|failure",
            "code|connection error",
        ];
        assert_eq!(pairs.0, expected);
    }
}
