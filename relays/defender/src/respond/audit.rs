//! One log line for every trigger: who asked, what, on what, and how it ended. No credential is in it; values of
//! observables are, here alone, since an audit without them tells nothing.

use relay_core::error::Error;
use relay_core::observable::Trigger;
use relay_core::text::sanitized;

use crate::credentials::Account;

/// The target of the lines, to be filtered by: `RELAY_LOG=info,audit=info`.
const LOG: &str = "audit";

/// The line of one trigger. It is written when it ends, also when the request is broken off.
pub(super) struct Record<'a> {
    account: &'a Account,
    action: String,
    on: String,
    note: &'static str,
    outcome: Option<String>,
}

impl<'a> Record<'a> {
    pub(super) fn begin(account: &'a Account, trigger: &Trigger) -> Self {
        // Quoted and bounded: whatever was sent stays one field of one line.
        let quoted = |text: &str| format!("{:?}", sanitized(text, 200));
        let observable = &trigger.observable;
        Self {
            account,
            action: quoted(&trigger.action_id),
            on: format!("{} {}", quoted(&observable.kind), quoted(&observable.value)),
            note: "",
            outcome: None,
        }
    }

    /// What was special about it.
    pub(super) fn note(&mut self, note: &'static str) {
        self.note = note;
    }

    pub(super) fn end(mut self, outcome: &Result<(), Error>) {
        self.outcome = Some(match outcome {
            Ok(()) => "success".to_owned(),
            Err(error) => format!("failure: {}", error.code()),
        });
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        let application = &self.account.application;
        log::info!(
            target: LOG,
            action = self.action.as_str(),
            on = self.on.as_str(),
            outcome = self.outcome.as_deref().unwrap_or("broken off"),
            note = self.note,
            asker = self.account.asker.as_str(),
            tenant = application.tenant.as_str(),
            application = sanitized(&application.id, 100).as_str();
            "response action"
        );
    }
}
