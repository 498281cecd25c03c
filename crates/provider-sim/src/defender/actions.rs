//! Actions on devices, with state
//! ([documentation](https://learn.microsoft.com/defender-endpoint/api/machineaction)).
//!
//! An action is pending until somebody looks at the device's actions again; then it has succeeded. Scans and the like
//! stay pending for half a minute, or until they are cancelled. Until then the same kind of action cannot be started
//! once more.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::entities;
use super::refusal::Refusal;
use crate::inventory;
use crate::lock::locked;
use crate::login::Grant;
use crate::odata::{Case, Filter};
use crate::reply::Reply;
use crate::request::Request;
use crate::seeded::Rng;

/// A kind of action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Cuts the device off.
    Isolate,
    /// Lets it back.
    Unisolate,
    /// Lets it run signed programs only.
    Restrict,
    /// Lets it run everything.
    Unrestrict,
    /// Searches it for malware.
    Scan,
    /// Collects data.
    Collect,
    /// Investigates it.
    Investigate,
    /// Stops a file and quarantines it.
    Quarantine,
}

const ALL: [Kind; 8] = [
    Kind::Isolate,
    Kind::Unisolate,
    Kind::Restrict,
    Kind::Unrestrict,
    Kind::Scan,
    Kind::Collect,
    Kind::Investigate,
    Kind::Quarantine,
];

/// How long an action takes that takes its time.
const SLOW: Duration = Duration::from_secs(30);

impl Kind {
    /// Whether it takes its time; others are done as soon as somebody looks.
    fn is_slow(self) -> bool {
        matches!(self, Self::Scan | Self::Collect | Self::Investigate | Self::Quarantine)
    }

    /// The kind behind a path segment, which is case-sensitive.
    pub fn at(path: &str) -> Option<Self> {
        ALL.into_iter().find(|kind| kind.path() == path)
    }

    /// Its path segment.
    pub fn path(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Unisolate => "unisolate",
            Self::Restrict => "restrictCodeExecution",
            Self::Unrestrict => "unrestrictCodeExecution",
            Self::Scan => "runAntiVirusScan",
            Self::Collect => "collectInvestigationPackage",
            Self::Investigate => "startInvestigation",
            Self::Quarantine => "StopAndQuarantineFile",
        }
    }

    /// What it is called in the list of actions.
    fn name(self) -> &'static str {
        match self {
            Self::Isolate => "Isolate",
            Self::Unisolate => "Unisolate",
            Self::Restrict => "RestrictCodeExecution",
            Self::Unrestrict => "UnrestrictCodeExecution",
            Self::Scan => "RunAntiVirusScan",
            Self::Collect => "CollectInvestigationPackage",
            Self::Investigate => "InitiateInvestigation",
            Self::Quarantine => "StopAndQuarantineFile",
        }
    }

    /// The field that the body must have besides the comment, and its values.
    fn parameter(self) -> Option<(&'static str, &'static [&'static str])> {
        match self {
            Self::Isolate => Some(("IsolationType", &["Full", "Selective", "UnManagedDevice"])),
            Self::Scan => Some(("ScanType", &["Quick", "Full"])),
            _ => None,
        }
    }
}

/// What actions can be filtered by.
const FILTERS: [&str; 6] = ["creationDateTimeUtc", "id", "machineId", "requestor", "status", "type"];

/// Actions of the last forty days, and the hours from one to the next.
const BEFORE: u64 = 60;
const HOURS_BETWEEN: u64 = 16;

/// An action that was taken before the simulator started.
fn before(grant: &Grant, number: u64) -> Value {
    let mut rng = Rng::new(&["defender", "former action", &number.to_string()]);
    let machine = rng.pick(&inventory::fleet());
    let hours = i64::try_from(1 + HOURS_BETWEEN * number).unwrap_or_default();
    let time = (Timestamp::now() - SignedDuration::from_hours(hours)).to_string();
    let status = rng.pick(&["Succeeded", "Succeeded", "Succeeded", "Failed", "TimeOut", "Cancelled"]);
    json!({
        "id": rng.uuid(), "type": rng.pick(&ALL.map(Kind::name)), "requestor": grant.appid, "requestorComment": "made up",
        "status": if number == 0 { "InProgress" } else { status }, "machineId": machine,
        "computerDnsName": inventory::name(&machine), "creationDateTimeUtc": time, "lastUpdateDateTimeUtc": time,
    })
}

/// The actions on all devices, newest last, by tenant and device.
#[derive(Debug, Default)]
pub(super) struct Actions(Mutex<HashMap<(String, String), Vec<Action>>>);

#[derive(Debug)]
struct Action {
    kind: Kind,
    pending: bool,
    since: Instant,
    shown: Value,
}

fn last_done(actions: &[Action], one: Kind, other: Kind) -> Option<Kind> {
    actions
        .iter()
        .rev()
        .filter(|action| !action.pending && action.shown["status"] == "Succeeded")
        .map(|action| action.kind)
        .find(|kind| *kind == one || *kind == other)
}

fn settle(actions: &mut [Action]) {
    let is_done =
        |action: &&mut Action| action.pending && (!action.kind.is_slow() || action.since.elapsed() > SLOW);
    for action in actions.iter_mut().filter(is_done) {
        action.pending = false;
        action.shown["status"] = json!("Succeeded");
    }
}

fn known(id: &str) -> Result<(), Refusal> {
    inventory::machine(id).map(drop).ok_or_else(|| Refusal::not_found(format!("Machine {id} was not found.")))
}

impl Actions {
    /// Which actions can be taken now. Those that hold already cannot.
    pub(super) fn available(&self, grant: &Grant, id: &str) -> Result<Reply, Refusal> {
        known(id)?;
        let mut all = locked(&self.0);
        let actions = all.entry((grant.tid.clone(), id.to_owned())).or_default();
        settle(actions);
        let isolated = last_done(actions, Kind::Isolate, Kind::Unisolate) == Some(Kind::Isolate);
        let restricted = last_done(actions, Kind::Restrict, Kind::Unrestrict) == Some(Kind::Restrict);
        let held = |held: bool| if held { Some("ActionAlreadyInForce") } else { None };
        let list = [
            ("FullIsolation", held(isolated)),
            ("SelectiveIsolation", held(isolated)),
            ("RunAntiVirusScan", None),
            ("CollectInvestigationPackage", None),
            ("StopAndQuarantineFile", None),
            ("RestrictCodeExecution", held(restricted)),
            ("InitiateInvestigation", None),
            ("OffBoard", None),
            ("RunCustomPlaybook", Some("OsPlatformNotSupported")),
        ];
        let list: Vec<Value> = list
            .iter()
            .map(|(action, reason)| {
                json!({"action": action, "isAvailable": reason.is_none(), "notSupportedReason": reason})
            })
            .collect();
        Ok(Reply::json(200, &json!({ "value": list })))
    }

    /// What was done to a device, newest first.
    pub(super) fn history(&self, grant: &Grant, id: &str, request: &Request) -> Result<Reply, Refusal> {
        known(id)?;
        let filter = match request.param("$filter").map(Filter::parse).transpose() {
            Ok(filter) => filter,
            Err(fault) => {
                return Err(Refusal::bad_request("ODataError", format!("Invalid filter: {fault}.")));
            }
        };
        let top = match request.param("$top").map(str::parse::<usize>) {
            None => usize::MAX,
            Some(Ok(top)) => top,
            Some(Err(_)) => {
                return Err(Refusal::bad_request("ODataError", "The value of $top is not valid."));
            }
        };
        let mut all = locked(&self.0);
        let actions = all.entry((grant.tid.clone(), id.to_owned())).or_default();
        settle(actions);
        let fits = |shown: &&Value| filter.as_ref().is_none_or(|filter| filter.fits(shown, Case::Folded));
        let list: Vec<&Value> =
            actions.iter().rev().map(|action| &action.shown).filter(fits).take(top).collect();
        Ok(Reply::json(200, &json!({ "value": list })))
    }

    /// The actions on all devices, newest first.
    pub(super) fn list(&self, grant: &Grant, request: &Request) -> Result<Reply, Refusal> {
        let filter = entities::filter(request, &FILTERS)?;
        let top: usize = request
            .param("$top")
            .map_or(Ok(10_000), str::parse)
            .map_err(|_| Refusal::bad_request("ODataError", "The value of $top is not valid."))?;
        let mut all = locked(&self.0);
        let own = all.iter_mut().filter(|((tenant, _), _)| *tenant == grant.tid);
        let mut list: Vec<Value> = Vec::new();
        for (_, actions) in own {
            settle(actions);
            list.extend(actions.iter().rev().map(|action| action.shown.clone()));
        }
        // A question for the actions of a time is one about what was done before, too.
        if filter.iter().flat_map(Filter::paths).any(|path| path == "creationDateTimeUtc") {
            list.extend((0..BEFORE).map(|number| before(grant, number)));
        }
        list.retain(|shown| filter.as_ref().is_none_or(|filter| filter.fits(shown, Case::Folded)));
        list.truncate(top);
        Ok(Reply::json(200, &json!({ "value": list })))
    }

    /// Cancels an action that is pending.
    pub(super) fn cancel(&self, grant: &Grant, id: &str, request: &Request) -> Result<Reply, Refusal> {
        let body = request.json().unwrap_or_default();
        if body["Comment"].as_str().is_none_or(|text| text.trim().is_empty()) {
            return Err(Refusal::bad_request(
                "MissingRequiredParameter",
                "The required parameter Comment is missing.",
            ));
        }
        let mut all = locked(&self.0);
        let own = all.iter_mut().filter(|((tenant, _), _)| *tenant == grant.tid);
        let mut actions = own.flat_map(|(_, actions)| actions.iter_mut());
        let missing = || Refusal::not_found(format!("Machine action {id} was not found."));
        let action =
            actions.find(|action| action.pending && action.shown["id"] == *id).ok_or_else(missing)?;
        action.pending = false;
        action.shown["status"] = json!("Cancelled");
        Ok(Reply::json(200, &action.shown))
    }

    /// Starts an action.
    pub(super) fn act(
        &self,
        grant: &Grant,
        id: &str,
        kind: Kind,
        request: &Request,
    ) -> Result<Reply, Refusal> {
        let body = request.json().unwrap_or_default();
        let text = |name: &'static str| {
            body[name].as_str().filter(|text| !text.trim().is_empty()).ok_or_else(|| {
                Refusal::bad_request(
                    "MissingRequiredParameter",
                    format!("The required parameter {name} is missing."),
                )
            })
        };
        let comment = text("Comment")?;
        if kind == Kind::Quarantine && !(inventory::is_hash(text("Sha1")?) && text("Sha1")?.len() == 40) {
            return Err(Refusal::bad_request("InvalidHashValue", "The file's SHA-1 is not valid."));
        }
        let mut scope = Value::Null;
        if let Some((name, values)) = kind.parameter() {
            let value = text(name)?;
            if !values.contains(&value) {
                return Err(Refusal::bad_request(
                    "InvalidInput",
                    format!("The value of {name} is not valid."),
                ));
            }
            scope = json!(value);
        }
        known(id)?;
        let mut all = locked(&self.0);
        let actions = all.entry((grant.tid.clone(), id.to_owned())).or_default();
        if actions.iter().any(|action| action.pending && action.kind == kind) {
            return Err(Refusal::bad_request("ActiveRequestAlreadyExists", "Action is already in progress."));
        }
        let in_force = |one: Kind, other: Kind| last_done(actions, one, other);
        let pointless = match kind {
            Kind::Isolate => in_force(Kind::Isolate, Kind::Unisolate) == Some(Kind::Isolate),
            Kind::Unisolate => in_force(Kind::Isolate, Kind::Unisolate) != Some(Kind::Isolate),
            Kind::Restrict => in_force(Kind::Restrict, Kind::Unrestrict) == Some(Kind::Restrict),
            Kind::Unrestrict => in_force(Kind::Restrict, Kind::Unrestrict) != Some(Kind::Restrict),
            Kind::Scan | Kind::Collect | Kind::Investigate | Kind::Quarantine => false,
        };
        // What was not looked at again may have been done by now.
        let pending = actions.iter().any(|action| action.pending);
        if pointless && !pending {
            return Err(Refusal::bad_request("InvalidInput", "The device is in that state already."));
        }
        let now = Timestamp::now().to_string();
        let number = actions.len().to_string();
        let shown = json!({
            "id": Rng::new(&["defender", "action", id, &number]).uuid(),
            "type": kind.name(),
            "scope": scope,
            "requestor": grant.appid,
            "requestorComment": comment,
            "status": "Pending",
            "machineId": id,
            "computerDnsName": inventory::name(id),
            "creationDateTimeUtc": now,
            "lastUpdateDateTimeUtc": now,
            "cancellationRequestor": null,
            "errorHResult": 0,
            "externalId": null,
            "requestSource": "PublicApi",
            "relatedFileInfo": null,
            "commands": [],
        });
        let reply = Reply::json(201, &shown);
        actions.push(Action { kind, pending: true, since: Instant::now(), shown });
        Ok(reply)
    }

    pub(super) fn reset(&self) {
        locked(&self.0).clear();
    }
}
