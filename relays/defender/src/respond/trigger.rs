//! `/respond/trigger`: carries one of the offered actions out.

use std::net::IpAddr;

use jiff::SignedDuration;
use relay_core::error::{Code, Error};
use relay_core::observable::{Invalid, ObservableType, Trigger, TypeCase, hash_type};
use relay_core::respond::{Audit, DryRun};
use relay_core::text::sanitized;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::device;
use super::table::{Effect, Entry, Indicator, Words};
use crate::api::DefenderApi;
use crate::api::actions::MachineCall;
use crate::api::failures;
use crate::api::indicators::{indicator_type, indicator_value};
use crate::model::is_id;
use crate::module::{MODULE, TITLE as PROVIDER};
use crate::settings::Settings;
use crate::subject::{MachineId, Subject};

const UNSUPPORTED_TYPE: Code = Code::new("unsupported type");

/// Parameters in addition to the observable, as the platform sends them back.
const INDICATOR_ID: &str = "indicator_id";
const MACHINE_ID: &str = "machine_id";
const MACHINE_NAME: &str = "machine_name";
const MACHINE_ACTION_ID: &str = "machine_action_id";
const SHA1: &str = "sha1";
/// Those that the audit line has.
const AUDITED: [&str; 5] = [MACHINE_ID, MACHINE_NAME, INDICATOR_ID, MACHINE_ACTION_ID, SHA1];

/// What is said at the provider about why something was done.
const COMMENT: &str = "Requested from Cisco XDR";
const TITLE: &str = "From Cisco XDR";
const DESCRIPTION: &str = "Added on request of a user of Cisco XDR";

/// What a trigger comes to: one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Action {
    /// Asks something of a device.
    Machine(MachineId, MachineCall, Value),
    /// Cancels an action on a device.
    Cancel(String, Value),
    /// Adds an indicator.
    Add(Value),
    /// Removes an indicator.
    Remove(String),
}

/// What is to be done, and on what.
struct Plan {
    action: Action,
    /// The device, or the value of the indicator.
    target: String,
    /// What it is called.
    title: &'static str,
    /// The address by which the device was chosen: it may have moved since.
    address: Option<(IpAddr, MachineId)>,
}

/// Checks the parameters that only this relay knows.
pub(crate) fn check(trigger: &Trigger) -> Result<(), Invalid> {
    let is_machine_id = |text: &str| MachineId::parse(text).is_some();
    let is_sha1 = |text: &str| hash_type(text) == Some(ObservableType::Sha1);
    let rules = [
        (INDICATOR_ID, is_id as fn(&str) -> bool, "must be a whole number or a text of digits"),
        (MACHINE_ID, is_machine_id, "must be at most 64 letters, digits and hyphens"),
        (MACHINE_ACTION_ID, is_machine_id, "must be at most 64 letters, digits and hyphens"),
        (SHA1, is_sha1, "must be 40 hexadecimal digits"),
    ];
    for (name, fits, problem) in rules {
        if trigger.params.get(name).is_some_and(|value| !fits(value)) {
            return Err(Invalid::at(name, problem));
        }
    }
    Ok(())
}

/// Carries a trigger out, or answers it from the result of the same one shortly before.
pub(crate) async fn run(api: &DefenderApi<'_>, trigger: &Trigger) -> Result<(), Error> {
    let account = &api.call.credentials;
    let mut audit = Audit::begin(trigger, &AUDITED);
    audit.field("tenant", account.application.tenant.as_str());
    audit.field("application", &account.application.id);
    audit.field("asker", &account.asker);
    let outcome = carried_out(api, trigger, &mut audit).await;
    audit.end(&outcome);
    outcome
}

async fn carried_out(api: &DefenderApi<'_>, trigger: &Trigger, audit: &mut Audit) -> Result<(), Error> {
    let settings = &api.relay.settings;
    let plan = plan(trigger, settings, api.call.now())?;
    if let Some((address, machine)) = &plan.address {
        still_there(api, address, machine).await?;
    }
    if settings.dry_run.0 {
        audit.field("dry_run", "true");
        return Err(DryRun::outcome(&format!("the action \"{}\"", plan.title), "Defender"));
    }
    let (credential, now) = (api.call.credential(), api.call.now());
    let turn =
        api.relay.recent.turn(credential, plan.target, plan.action.clone(), settings.repeat_window, now);
    turn.outcome(audit, api.call.deadline(), async {
        match &plan.action {
            Action::Machine(machine, call, body) => api.act(machine, *call, body).await,
            Action::Cancel(id, body) => api.cancel(id, body).await,
            Action::Add(body) => api.add_indicator(body).await,
            Action::Remove(id) => api.remove_indicator(id).await,
        }
    })
    .await
}

/// Makes sure that an address is still the device's.
async fn still_there(api: &DefenderApi<'_>, address: &IpAddr, machine: &MachineId) -> Result<(), Error> {
    let machines = api.machines_by_address(&address.to_string()).await;
    let machines = machines.map_err(|(kind, failure)| failures::error(kind, &failure))?;
    let owner = match device::usable(&machines, api.call.now()).as_slice() {
        [device] if device.id == *machine => return Ok(()),
        [device] => device.name.clone(),
        [] => "no device".to_owned(),
        several => format!("several devices ({})", several.len()),
    };
    Err(invalid(format!("The address belongs to {owner} now: nothing was sent")))
}

/// What is to be done. Nothing is sent where this fails.
fn plan(trigger: &Trigger, settings: &Settings, now: jiff::Timestamp) -> Result<Plan, Error> {
    let entry = Entry::find(&trigger.action_id).ok_or_else(|| unknown(trigger))?;
    let is_indicator = matches!(entry.effect, Effect::Add { .. } | Effect::Remove);
    let kind = sanitized(&trigger.observable.kind, 100);
    let unsupported = || {
        if is_indicator {
            let message = format!("There are no indicators for observables of type {kind}");
            Error::fatal(UNSUPPORTED_TYPE, message)
        } else {
            unknown(trigger)
        }
    };
    let observable =
        trigger.observable.supported(MODULE.observables, TypeCase::Folded).ok_or_else(unsupported)?;
    if !is_of_type(entry, observable.kind()) {
        let is_device = observable.kind() == ObservableType::MsMachineId;
        return Err(if is_device { unknown(trigger) } else { unsupported() });
    }
    let subject = Subject::of(&observable).ok_or_else(|| {
        invalid(format!("The value is not one of an observable of type {}", observable.kind()))
    })?;
    if !entry.suits(&subject) {
        return Err(unknown(trigger));
    }
    settings.actions.check(entry.group)?;
    let param = |name: &str| trigger.params.get(name).map(String::as_str);
    let machine = || -> Option<MachineId> {
        match &subject {
            Subject::Machine(id) => Some(id.clone()),
            _ => param(MACHINE_ID).and_then(MachineId::parse),
        }
    };
    let comment = || Map::from_iter([("Comment".to_owned(), json!(COMMENT))]);
    let mut address = None;
    let (target, action) = match &entry.effect {
        Effect::Machine { call, parameter, .. } => {
            let machine = machine().ok_or_else(|| unknown(trigger))?;
            let mut body = comment();
            body.extend(parameter.map(|(name, value)| (name.to_owned(), json!(value))));
            if let Subject::Address(known) = &subject {
                address = Some((*known, machine.clone()));
            }
            (machine.as_str().to_owned(), Action::Machine(machine, *call, body.into()))
        }
        Effect::Quarantine => {
            let machine = machine().ok_or_else(|| unknown(trigger))?;
            let sha1 = param(SHA1).map(str::to_ascii_lowercase).ok_or_else(|| unknown(trigger))?;
            if subject.sha1().is_some_and(|own| own != sha1) {
                return Err(invalid(format!("The parameter `{SHA1}` is not the observable's value")));
            }
            let mut body = comment();
            body.insert("Sha1".to_owned(), json!(sha1));
            (machine.as_str().to_owned(), Action::Machine(machine, MachineCall::Quarantine, body.into()))
        }
        Effect::Cancel => {
            let id = param(MACHINE_ACTION_ID).ok_or_else(|| unknown(trigger))?;
            let target = machine().map_or_else(|| id.to_owned(), |machine| machine.as_str().to_owned());
            if let (Subject::Address(known), Some(machine)) = (&subject, machine()) {
                address = Some((*known, machine));
            }
            (target, Action::Cancel(id.to_owned(), comment().into()))
        }
        Effect::Add { current, legacy, .. } => {
            let indicator = match settings.words {
                Words::Current => current,
                Words::Legacy => legacy,
            };
            let value = indicator_value(&subject).ok_or_else(unsupported)?;
            (value, Action::Add(indicator_body(&subject, indicator, settings, now)))
        }
        Effect::Remove => {
            let id = param(INDICATOR_ID).ok_or_else(|| {
                invalid(format!("To remove an indicator its id is needed, in `{INDICATOR_ID}`"))
            })?;
            (indicator_value(&subject).ok_or_else(unsupported)?, Action::Remove(id.to_owned()))
        }
    };
    Ok(Plan { action, target, title: entry.title, address })
}

/// Whether an action can be taken on observables of a type.
fn is_of_type(entry: &Entry, kind: ObservableType) -> bool {
    use ObservableType::{Domain, Hostname, Ip, Ipv6, Md5, MsMachineId, Sha1, Sha256, Url};
    match entry.effect {
        Effect::Machine { .. } | Effect::Cancel => matches!(kind, MsMachineId | Hostname | Ip),
        Effect::Quarantine => matches!(kind, Sha1 | Sha256),
        Effect::Add { .. } | Effect::Remove => matches!(kind, Sha1 | Sha256 | Md5 | Ip | Ipv6 | Domain | Url),
    }
}

fn indicator_body(
    subject: &Subject,
    indicator: &Indicator,
    settings: &Settings,
    now: jiff::Timestamp,
) -> Value {
    let mut body = Map::from_iter([
        ("indicatorValue".to_owned(), json!(indicator_value(subject))),
        ("indicatorType".to_owned(), json!(indicator_type(subject))),
        ("title".to_owned(), json!(TITLE)),
        ("description".to_owned(), json!(DESCRIPTION)),
    ]);
    indicator.write(&mut body);
    if let Some(days) = settings.indicators.days {
        let end = now + SignedDuration::from_hours(24 * i64::from(days));
        body.insert("expirationTime".to_owned(), json!(format!("{end:.0}")));
    }
    if !settings.indicators.groups.is_empty() {
        body.insert("rbacGroupNames".to_owned(), json!(settings.indicators.groups));
    }
    body.into()
}

fn unknown(trigger: &Trigger) -> Error {
    let (action, kind) = (sanitized(&trigger.action_id, 100), sanitized(&trigger.observable.kind, 100));
    invalid(format!("{PROVIDER} has no action {action} for observables of type {kind} with these parameters"))
}

fn invalid(message: String) -> Error {
    Error::fatal(Code::INVALID_ARGUMENT, message)
}
