//! `/respond/observables`: what can be done now.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use relay_core::ctim::Timestamp;
use relay_core::error::{Code, Error, Errors, Severity};
use relay_core::observable::{Observable, ObservableType};
use relay_core::relay::{Action, Offered};
use relay_core::text::sanitized;

use super::device::{self, Device};
use super::table::{ACTIONS, Effect, Entry};
use crate::api::DefenderApi;
use crate::api::actions::MachineCall;
use crate::api::failures;
use crate::api::indicators::indicator_type;
use crate::model::{Availability, Indicator, MachineAction, text};
use crate::module::TITLE;
use crate::network::is_global;
use crate::subject::{MachineId, Subject};

/// Most devices that a file can be quarantined on.
const QUARANTINES: usize = 5;
/// Most actions that can be cancelled.
const CANCELLATIONS: usize = 5;

/// What is offered for one observable.
struct Offering<'a> {
    api: &'a DefenderApi<'a>,
    about: &'a Observable,
    subject: Subject,
}

/// The actions that can be triggered for an observable.
pub(crate) async fn actions(api: &DefenderApi<'_>, about: &Observable) -> Offered {
    let Some(subject) = Subject::of(about) else { return Offered::default() };
    let offering = Offering { api, about, subject };
    let (mut all, more) = futures::join!(offering.indicators(), async {
        match &offering.subject {
            Subject::Machine(id) => offering.on_machine(id, None).await,
            Subject::Sha1(_) | Subject::Sha256(_) => offering.quarantine().await,
            Subject::Hostname(_) | Subject::Address(_) => offering.on_named_device().await,
            _ => Offered::default(),
        }
    });
    all.actions.extend(more.actions);
    all.errors.extend(more.errors);
    all
}

fn failed(error: Error) -> Offered {
    Offered { actions: Vec::new(), errors: error.into() }
}

impl Offering<'_> {
    fn allows(&self, group: &str) -> bool {
        self.api.relay.settings.actions.allows(group)
    }

    /// Removal of the indicator that is there, else adding one.
    async fn indicators(&self) -> Offered {
        if indicator_type(&self.subject).is_none() || !self.allows("indicators") {
            return Offered::default();
        }
        match self.api.indicator(&self.subject).await {
            Ok(Some(known)) => self.removal(&known),
            Ok(None) => {
                // Defender takes addresses of other networks only.
                let is_own = matches!(&self.subject, Subject::Address(address) if !is_global(address));
                let adds = |entry: &&Entry| {
                    matches!(entry.effect, Effect::Add { .. }) && entry.suits(&self.subject) && !is_own
                };
                let description = || format!("Adds a custom indicator to {TITLE}");
                let add = |entry| self.action(entry, "Add Indicator", description(), &[]);
                Offered { actions: ACTIONS.iter().filter(adds).map(add).collect(), ..Offered::default() }
            }
            Err(error) => failed(error),
        }
    }

    fn removal(&self, known: &Indicator) -> Offered {
        let (Some(id), Some(entry)) = (known.id(), Entry::with(&Effect::Remove)) else {
            let message =
                format!("{TITLE} has an indicator but does not say its id, so it cannot be removed");
            return failed(Error::fatal(Code::BAD_RESPONSE, message));
        };
        let mut description = format!("Removes the custom indicator from {TITLE}: {}", shown(known));
        if let Some(end) = text(&known.expiration_time) {
            description = format!("{description}, expires {end}");
        }
        if !known.rbac_group_names.is_empty() {
            description = format!("{description}, device groups {}", known.rbac_group_names.join(", "));
        }
        let mut action = self.action(entry, "Remove Indicator", description, &[("indicator_id", id)]);
        action.title = self.title(&format!("{}: {}", entry.title, shown(known)));
        Offered { actions: vec![action], ..Offered::default() }
    }

    /// Stopping a file on the devices that have it.
    async fn quarantine(&self) -> Offered {
        if !self.allows("quarantine") {
            return Offered::default();
        }
        let sha1 = match &self.subject {
            Subject::Sha1(hash) => Ok(Some(hash.clone())),
            Subject::Sha256(hash) => {
                self.api.file(hash).await.map(|file| file.and_then(|file| file.hashes().sha1))
            }
            _ => Ok(None),
        };
        let machines = match sha1 {
            Ok(Some(sha1)) => self.api.machines_with_file(&sha1).await.map(|machines| (sha1, machines)),
            Ok(None) => return Offered::default(),
            Err(failed) => Err(failed),
        };
        let (sha1, machines) = match machines {
            Ok(found) => found,
            Err((kind, failure)) => {
                let error = failures::error(kind, &failure);
                let message = format!("Devices that have the file are not known: {}", error.message());
                return failed(Error::warning(error.code(), message));
            }
        };
        let mut windows: Vec<_> = machines
            .iter()
            .filter(|machine| text(&machine.os_platform).is_some_and(|os| os.starts_with("Windows")))
            .filter_map(|machine| {
                let seen = text(&machine.last_seen).and_then(Timestamp::parse);
                let id = MachineId::parse(machine.id.as_deref()?)?;
                let name = text(&machine.computer_dns_name).unwrap_or(id.as_str()).to_owned();
                Some((Reverse(seen), Device { id, name }))
            })
            .collect();
        windows.sort_by_key(|(seen, _)| *seen);
        let Some(entry) = Entry::with(&Effect::Quarantine) else { return Offered::default() };
        let offer = |(_, device): (_, Device)| {
            let params =
                [("machine_id", device.id.as_str()), ("machine_name", &device.name), ("sha1", &sha1)];
            let title = format!("{}: {}", entry.title, device.name);
            let description =
                format!("Stops the file's processes on {} and quarantines the file", device.name);
            let mut action = self.action(entry, "Machine Actions", description, &params);
            action.title = self.title(&title);
            action
        };
        Offered { actions: windows.into_iter().take(QUARANTINES).map(offer).collect(), ..Offered::default() }
    }

    /// Actions on the device of a name, or of an address of the organization's own network.
    async fn on_named_device(&self) -> Offered {
        if !super::GROUPS[1..].iter().any(|group| *group != "quarantine" && self.allows(group)) {
            return Offered::default();
        }
        let (machines, what, is_address) = match &self.subject {
            Subject::Hostname(name) => (self.api.machines_named(name, false).await, "name", false),
            // A public address is a gateway's.
            Subject::Address(address) if !is_global(address) && self.about.kind() == ObservableType::Ip => {
                (self.api.machines_by_address(&address.to_string()).await, "address", true)
            }
            _ => return Offered::default(),
        };
        let machines = match machines {
            Ok(machines) => machines,
            Err((kind, failure)) => {
                let error = failures::error(kind, &failure);
                return failed(if is_address { error.with_severity(Severity::Warning) } else { error });
            }
        };
        match device::usable(&machines, self.api.call.now()).as_slice() {
            [] => Offered::default(),
            [device] => self.on_machine(&device.id, Some(device)).await,
            several => failed(Error::warning(Code::INVALID_ARGUMENT, device::several(several, what))),
        }
    }

    /// What is available on a device, the reverse of an action in place of what cannot be done twice.
    async fn on_machine(&self, machine: &MachineId, named: Option<&Device>) -> Offered {
        let reads_availability =
            ["isolate", "restrict", "scan", "collect", "investigate"].iter().any(|group| self.allows(group));
        let history = async |group: &str, kinds: [&'static str; 2]| {
            if self.allows(group) { self.api.last_action(machine, kinds).await } else { Ok(None) }
        };
        let (available, isolation, restriction, pending) = futures::join!(
            async {
                if reads_availability { self.api.availability(machine).await } else { Ok(Some(Vec::new())) }
            },
            history("isolate", ["Unisolate", "Isolate"]),
            history("restrict", ["UnrestrictCodeExecution", "RestrictCodeExecution"]),
            self.pending(machine),
        );
        let available = match available {
            Ok(Some(available)) => available,
            Ok(None) => return Offered::default(),
            Err(error) => return failed(error),
        };
        let mut errors = Errors::default();
        let isolated = was_last(isolation, "Isolate", &mut errors);
        let restricted = was_last(restriction, "RestrictCodeExecution", &mut errors);
        let fits =
            |entry: &&Entry| self.allows(entry.group) && is_possible(entry, &available, isolated, restricted);
        let offer = |entry: &'static Entry| {
            self.on_device(entry, entry.title.to_owned(), entry.title.to_owned(), named, &[])
        };
        let mut actions: Vec<Action> = ACTIONS.iter().filter(fits).map(offer).collect();
        actions.extend(pending.iter().filter_map(|action| self.cancellation(action, named)));
        Offered { actions, errors }
    }

    /// The actions that can be cancelled, newest first.
    async fn pending(&self, machine: &MachineId) -> Vec<MachineAction> {
        if !self.allows("cancel") {
            return Vec::new();
        }
        let mut pending = self.api.pending_actions(machine).await.unwrap_or_else(|(_, failure)| {
            log::debug!(status = failure.status(); "pending actions are not known");
            Vec::new()
        });
        let created =
            |action: &MachineAction| text(&action.creation_date_time_utc).and_then(Timestamp::parse);
        pending.sort_by_key(|action| Reverse(created(action)));
        pending.truncate(CANCELLATIONS);
        pending
    }

    fn cancellation(&self, pending: &MachineAction, named: Option<&Device>) -> Option<Action> {
        let entry = Entry::with(&Effect::Cancel)?;
        let id = MachineId::parse(pending.id.as_ref()?.0.trim())?;
        let kind = text(&pending.kind).unwrap_or("action");
        let status = text(&pending.status).unwrap_or("Pending");
        let since = text(&pending.creation_date_time_utc);
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        let by = text(&pending.requestor).unwrap_or("an unknown requestor");
        let comment = text(&pending.requestor_comment);
        let comment = comment.map(|comment| format!(": {}", sanitized(comment, 500))).unwrap_or_default();
        let title = format!("{}: {kind} ({status}{since})", entry.title);
        let description = format!("Cancels what {by} asked for{comment}");
        Some(self.on_device(entry, title, description, named, &[("machine_action_id", id.as_str())]))
    }

    /// An action on a device, which it names where the observable does not.
    fn on_device(
        &self,
        entry: &'static Entry,
        mut title: String,
        mut description: String,
        named: Option<&Device>,
        more: &[(&str, &str)],
    ) -> Action {
        let mut params = more.to_vec();
        if let Some(device) = named {
            params.extend([("machine_id", device.id.as_str()), ("machine_name", device.name.as_str())]);
            title = format!("{title} - {}", device.name);
            description = format!("{description} - {}", device.name);
        }
        let mut action = self.action(entry, "Machine Actions", description, &params);
        action.title = self.title(&title);
        action
    }

    fn title(&self, title: &str) -> String {
        self.api.relay.settings.dry_run.title(title)
    }

    fn action(
        &self,
        entry: &'static Entry,
        category: &'static str,
        description: String,
        more: &[(&str, &str)],
    ) -> Action {
        let own = [("observable_type", self.about.kind().as_str()), ("observable_value", self.about.value())];
        let params = own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Action {
            id: entry.id.to_owned(),
            title: self.title(entry.title),
            description,
            categories: vec![TITLE.into(), category.into()],
            query_params: params.collect::<BTreeMap<_, _>>(),
        }
    }
}

/// Whether the last of the actions was this one. Where it is not known, it counts as not.
fn was_last(history: Result<Option<MachineAction>, Error>, kind: &str, errors: &mut Errors) -> bool {
    match history {
        Ok(last) => last.is_some_and(|last| last.kind.as_deref() == Some(kind)),
        Err(error) => {
            let message = format!("Actions that were taken before are not known: {}", error.message());
            errors.add(Error::warning(error.code(), message));
            false
        }
    }
}

fn is_possible(entry: &Entry, available: &[Availability], isolated: bool, restricted: bool) -> bool {
    let Effect::Machine { available_as, call, .. } = &entry.effect else { return false };
    let can = |name: &str| {
        available.iter().any(|one| one.is_available == Some(true) && one.action.as_deref() == Some(name))
    };
    match call {
        MachineCall::Unisolate => isolated,
        MachineCall::Unrestrict => restricted,
        MachineCall::Isolate if isolated => false,
        MachineCall::Restrict if restricted => false,
        _ => available_as.is_some_and(can),
    }
}

/// What an indicator does, and its name.
fn shown(indicator: &Indicator) -> String {
    let action = match indicator.action.as_deref().unwrap_or("unknown action") {
        "AlertAndBlock" => "Alert and Block",
        "BlockAndRemediate" => "Block and Remediate",
        other => other,
    };
    match text(&indicator.title).map(str::trim) {
        Some(title) => format!("{action} - {title}"),
        None => action.to_owned(),
    }
}
