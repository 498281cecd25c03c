//! `/respond/observables`: what can be done now.

use std::collections::BTreeMap;

use relay_core::error::{Code, Error};
use relay_core::observable::Observable;
use relay_core::relay::{Action, Offered};

use super::table::{ACTIONS, Effect, Entry};
use super::{indicator_type, indicator_value};
use crate::client::Ask;
use crate::client::changes::MachineCall;
use crate::model::{Indicator, MachineAction};
use crate::module::TITLE;
use crate::subject::{MachineId, Subject};

/// The actions that can be triggered for an observable.
pub(crate) async fn actions(ask: &Ask<'_>, about: &Observable) -> Offered {
    let Some(subject) = Subject::of(about) else { return Offered::default() };
    match (&subject, indicator_type(&subject)) {
        (Subject::Machine(machine), _) => on_machine(ask, about, machine).await,
        (_, Some(kind)) => match ask.indicator(kind, &indicator_value(&subject)).await {
            Ok(indicator) => on_indicator(about, &subject, indicator.as_ref()),
            Err(error) => failed(error),
        },
        (_, None) => Offered::default(),
    }
}

fn failed(error: Error) -> Offered {
    Offered { actions: Vec::new(), errors: error.into() }
}

/// Removal of the indicator that is there, else adding one.
fn on_indicator(about: &Observable, subject: &Subject, known: Option<&Indicator>) -> Offered {
    let Some(known) = known else {
        let adds = |entry: &&Entry| matches!(entry.effect, Effect::Add { .. }) && entry.suits(subject);
        let actions =
            ACTIONS.iter().filter(adds).map(|entry| offered(entry, about, "Add Indicator")).collect();
        return Offered { actions, ..Offered::default() };
    };
    let id = known.id.as_ref().map(|id| id.0.trim()).filter(|id| is_number(id));
    let (Some(id), Some(entry)) = (id, ACTIONS.iter().find(|entry| entry.effect == Effect::Remove)) else {
        let message = format!("{TITLE} has an indicator but does not say its id, so it cannot be removed.");
        return failed(Error::fatal(Code::BAD_RESPONSE, message));
    };
    let mut action = offered(entry, about, "Remove Indicator");
    action.title = format!("{}: {}", entry.title, shown(known));
    action.query_params.insert("indicator_id".to_owned(), id.to_owned());
    Offered { actions: vec![action], ..Offered::default() }
}

/// An indicator's id: digits.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What an indicator does, and its name.
fn shown(indicator: &Indicator) -> String {
    let action = match indicator.action.as_deref().unwrap_or("unknown action") {
        "AlertAndBlock" => "Alert and Block",
        "BlockAndRemediate" => "Block and Remediate",
        other => other,
    };
    match indicator.title.as_deref().map(str::trim).filter(|title| !title.is_empty()) {
        Some(title) => format!("{action} - {title}"),
        None => action.to_owned(),
    }
}

/// What is available on a device, the reverse of an action in place of what cannot be done twice.
async fn on_machine(ask: &Ask<'_>, about: &Observable, machine: &MachineId) -> Offered {
    let (available, isolation, restriction) = futures::join!(
        ask.availability(machine),
        ask.last_action(machine, ["Unisolate", "Isolate"]),
        ask.last_action(machine, ["UnrestrictCodeExecution", "RestrictCodeExecution"]),
    );
    let available = match available {
        Ok(Some(available)) => available,
        Ok(None) => return Offered::default(),
        Err(error) => return failed(error),
    };
    let mut all = Offered::default();
    let mut last_was = |history: Result<Option<MachineAction>, Error>, kind: &str| match history {
        Ok(last) => last.is_some_and(|last| last.kind.as_deref() == Some(kind)),
        Err(error) => {
            let message = format!("Actions that were taken before are not known. {}", error.message());
            all.errors.add(Error::warning(error.code(), message));
            false
        }
    };
    let isolated = last_was(isolation, "Isolate");
    let restricted = last_was(restriction, "RestrictCodeExecution");
    let can = |name: &str| {
        available.iter().any(|one| one.is_available == Some(true) && one.action.as_deref() == Some(name))
    };
    let fits = |entry: &&Entry| {
        let Effect::Machine { available_as, call, .. } = &entry.effect else { return false };
        match call {
            MachineCall::Unisolate => isolated,
            MachineCall::Unrestrict => restricted,
            MachineCall::Isolate if isolated => false,
            MachineCall::Restrict if restricted => false,
            _ => available_as.is_some_and(can),
        }
    };
    all.actions = ACTIONS.iter().filter(fits).map(|entry| offered(entry, about, "Machine Actions")).collect();
    all
}

fn offered(entry: &Entry, about: &Observable, category: &'static str) -> Action {
    let params = [("observable_type", about.kind().as_str()), ("observable_value", about.value())];
    Action {
        id: entry.id.to_owned(),
        title: entry.title.to_owned(),
        description: match entry.effect {
            Effect::Machine { .. } => entry.title.to_owned(),
            Effect::Add { .. } => format!("Adds a custom indicator to {TITLE}"),
            Effect::Remove => format!("Removes the custom indicator from {TITLE}"),
        },
        categories: vec![TITLE.into(), category.into()],
        query_params: params
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
    }
}
