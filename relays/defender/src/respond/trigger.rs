//! `/respond/trigger`: carries one of the offered actions out.

use relay_core::ctim::ObservableType;
use relay_core::error::{Code, Error};
use relay_core::observable::{Invalid, Trigger, TypeCase};
use relay_core::text::sanitized;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::audit::Record;
use super::once::Turn;
use super::table::{Effect, Entry, Words};
use super::{indicator_type, indicator_value, offer};
use crate::client::Ask;
use crate::client::changes::MachineCall;
use crate::module::MODULE;
use crate::subject::{MachineId, Subject};

const UNSUPPORTED_TYPE: Code = Code::new("unsupported type");
/// Parameter of a removal: which indicator.
const INDICATOR_ID: &str = "indicator_id";

/// What is said at the provider about why something was done.
const COMMENT: &str = "Requested from Cisco XDR";
const TITLE: &str = "From Cisco XDR";
const DESCRIPTION: &str = "Added on request of a user of Cisco XDR";

/// What a trigger comes to: one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Asks something of a device.
    Machine(MachineId, MachineCall, Value),
    /// Adds an indicator.
    Add(Value),
    /// Removes an indicator.
    Remove(String),
}

/// Checks the parameter that only removals have.
pub(crate) fn check(trigger: &Trigger) -> Result<(), Invalid> {
    match trigger.params.get(INDICATOR_ID) {
        Some(id) if !offer::is_number(id) => {
            Err(Invalid::at(INDICATOR_ID, "must be a whole number or a text of digits"))
        }
        _ => Ok(()),
    }
}

/// Carries a trigger out, or answers it from the result of the same one shortly before.
pub(crate) async fn run(ask: &Ask<'_>, trigger: &Trigger) -> Result<(), Error> {
    let settings = &ask.relay.settings;
    let mut record = Record::begin(&ask.call.credentials, trigger);
    let outcome = match plan(trigger, settings.words) {
        Err(error) => Err(error),
        Ok(_) if settings.dry_run => {
            record.note("dry run");
            Ok(())
        }
        Ok((target, step)) => {
            let target = (ask.call.credential(), target);
            let turn = ask.relay.recent.turn(target, &step, settings.repeat_window, Instant::now());
            if matches!(turn, Turn::Again(_)) {
                record.note("repeated within the time for identical triggers");
            }
            turn.outcome(carry_out(ask, &step)).await
        }
    };
    record.end(&outcome);
    outcome
}

async fn carry_out(ask: &Ask<'_>, step: &Step) -> Result<(), Error> {
    match step {
        Step::Machine(machine, call, body) => ask.act(machine, *call, body).await,
        Step::Add(body) => ask.add_indicator(body).await,
        Step::Remove(id) => ask.remove_indicator(id).await,
    }
}

/// What is to be done, and the subject that it is done to. Nothing is sent where this fails.
fn plan(trigger: &Trigger, words: Words) -> Result<(Subject, Step), Error> {
    let entry = Entry::find(&trigger.action_id).ok_or_else(|| unknown(trigger))?;
    let kind = &trigger.observable.kind;
    let is_machine = kind.eq_ignore_ascii_case(ObservableType::MsMachineId.as_str());
    if is_machine != matches!(entry.effect, Effect::Machine { .. }) {
        return Err(unknown(trigger));
    }
    let observable = trigger.observable.supported(MODULE.observables, TypeCase::Folded).ok_or_else(|| {
        let kind = sanitized(kind, 100);
        Error::fatal(UNSUPPORTED_TYPE, format!("There are no indicators for observables of type {kind}."))
    })?;
    let subject = Subject::of(&observable).ok_or_else(|| {
        invalid(format!("The value is not one of an observable of type {}.", observable.kind()))
    })?;
    if !entry.suits(&subject) {
        return Err(unknown(trigger));
    }
    let step = match (&entry.effect, &subject) {
        (Effect::Machine { call, parameter, .. }, Subject::Machine(machine)) => {
            let mut body = Map::from_iter([("Comment".to_owned(), json!(COMMENT))]);
            body.extend(parameter.map(|(name, value)| (name.to_owned(), json!(value))));
            Step::Machine(machine.clone(), *call, body.into())
        }
        (Effect::Add { current, legacy, .. }, _) => {
            let mut body = Map::from_iter([
                ("indicatorValue".to_owned(), json!(indicator_value(&subject))),
                ("indicatorType".to_owned(), json!(indicator_type(&subject))),
                ("title".to_owned(), json!(TITLE)),
                ("description".to_owned(), json!(DESCRIPTION)),
            ]);
            match words {
                Words::Current => current.write(&mut body),
                Words::Legacy => legacy.write(&mut body),
            }
            Step::Add(body.into())
        }
        (Effect::Remove, _) => {
            let id = trigger.params.get(INDICATOR_ID).ok_or_else(|| {
                invalid(format!("To remove an indicator its id is needed, in `{INDICATOR_ID}`."))
            })?;
            Step::Remove(id.clone())
        }
        (Effect::Machine { .. }, _) => return Err(unknown(trigger)),
    };
    Ok((subject, step))
}

fn unknown(trigger: &Trigger) -> Error {
    let (action, kind) = (sanitized(&trigger.action_id, 100), sanitized(&trigger.observable.kind, 100));
    invalid(format!("There is no action {action} for observables of type {kind}."))
}

fn invalid(message: String) -> Error {
    Error::fatal(Code::INVALID_ARGUMENT, message)
}
