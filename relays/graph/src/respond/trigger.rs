//! `/respond/trigger`: carries one of the offered actions out.

use relay_core::call::Call;
use relay_core::error::{Code, Error};
use relay_core::observable::{Invalid, Observable, Trigger};
use relay_core::respond::{Audit, DryRun};
use relay_core::text::sanitized;
use serde::Serialize;

use super::{ACTIONS, Effect, Entry, Subject, TYPES, name_of};
use crate::Graph;
use crate::api::accounts::no_such_account;
use crate::credentials::GraphCredentials;
use crate::mapping::matching::is_guid;
use crate::module::{MODULE, TITLE};

/// The account, as it was offered.
const USER_ID: &str = "user_id";

/// What makes two triggers of one target equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    effect: Effect,
    user_id: Option<String>,
}

/// Checks the parameters that only this relay knows.
pub(crate) fn check(trigger: &Trigger) -> Result<(), Invalid> {
    match trigger.params.get(USER_ID) {
        Some(id) if !is_guid(id) => Err(Invalid::at(USER_ID, "must be the id of an account (a GUID)")),
        _ => Ok(()),
    }
}

/// Carries a trigger out, or answers it from the result of the same one shortly before.
pub(crate) async fn run(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    trigger: &Trigger,
) -> Result<(), Error> {
    let credentials = &call.credentials;
    let mut audit = Audit::begin(trigger, &[USER_ID]);
    audit.field("tenant", credentials.application.tenant.as_str());
    audit.field("application", &credentials.application.id);
    audit.field("asker", &credentials.asker);
    let outcome = carried_out(relay, call, trigger, &mut audit).await;
    audit.end(&outcome);
    outcome
}

async fn carried_out(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    trigger: &Trigger,
    audit: &mut Audit,
) -> Result<(), Error> {
    let settings = &relay.settings;
    let entry = ACTIONS.iter().find(|entry| entry.id == trigger.action_id);
    let about = trigger.observable.supported(&TYPES, MODULE.type_case);
    let (Some(entry), Some(about)) = (entry, about) else { return Err(unknown(trigger)) };
    settings.actions.check(entry.group)?;
    let user_id = trigger.params.get(USER_ID).map(|id| id.to_ascii_lowercase());
    let subject = read(relay, call, &about, user_id.as_deref()).await?;
    if user_id.is_none() {
        audit.field(USER_ID, &subject.id);
    }
    if subject.is_among(&settings.protected) {
        return Err(protected());
    }
    if subject.is_done(entry.effect) {
        return Ok(());
    }
    if settings.dry_run.0 {
        audit.field("dry_run", "true");
        return Err(DryRun::outcome(&format!("the action \"{}\"", entry.title), TITLE));
    }
    let target = user_id.clone().unwrap_or_else(|| format!("{} {}", about.kind(), about.value()));
    let taken = Taken { effect: entry.effect, user_id };
    let turn = relay.recent.turn(call.credential(), target, taken, settings.repeat_window, call.now());
    turn.outcome(audit, call.deadline(), act(relay, call, entry, &subject)).await
}

/// The account as it is now.
async fn read(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    about: &Observable,
    user_id: Option<&str>,
) -> Result<Subject, Error> {
    let found = match user_id {
        Some(id) => Subject::named(relay, call, id).await?,
        None if name_of(about).is_none() => {
            let message = "This value does not name one account: it takes a mail address, a name for logging in, or \
                           an id of an account";
            return Err(Error::fatal(Code::INVALID_ARGUMENT, message));
        }
        None => Subject::of_observable(relay, call, about).await?,
    };
    found.ok_or_else(no_such_account)
}

async fn act(
    relay: &Graph,
    call: &Call<GraphCredentials>,
    entry: &Entry,
    subject: &Subject,
) -> Result<(), Error> {
    let outcome = match entry.effect {
        Effect::Revoke => relay.revoke_sessions(call, &subject.id).await,
        Effect::Disable => relay.enable(call, &subject.id, false).await,
        Effect::Enable => relay.enable(call, &subject.id, true).await,
    };
    outcome.map_err(|error| {
        if error.code() == Code::INVALID_ARGUMENT && subject.is_synchronized() {
            error.with_note("the account is synchronized: change it in the on-premises directory")
        } else {
            error
        }
    })
}

fn unknown(trigger: &Trigger) -> Error {
    let (action, kind) = (sanitized(&trigger.action_id, 100), sanitized(&trigger.observable.kind, 100));
    let message = format!("{TITLE} has no action {action} for observables of type {kind}");
    Error::fatal(Code::INVALID_ARGUMENT, message)
}

fn protected() -> Error {
    let message = "The account is protected by RELAY_PROVIDER__PROTECTED_ACCOUNTS: nothing was done";
    Error::fatal(Code::PERMISSION_DENIED, message)
}
