//! The calls for response actions. Those that read are never answered from the cache, since an action changes the
//! answers; none that changes something is repeated after it may have arrived.

use relay_core::error::{Code, Error};
use relay_core::provider::{Failure, Request};
use serde::Serialize;
use serde_json::Value;

use super::read::Failed;
use super::{
    ACTION_HISTORY, ALL_ACTIONS, AVAILABLE_ACTIONS, ApiKind, CANCELLATION, DefenderApi, INDICATOR_CHANGE,
    INVESTIGATION, ISOLATION, PACKAGE, QUARANTINE, RESTRICTION, SCAN, failures, urls,
};
use crate::model::{Availability, Collection, MachineAction};
use crate::subject::MachineId;

const UNCERTAIN: &str = "it may have been done all the same: look before you ask for it again";

/// What can be asked of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum MachineCall {
    /// Cut it off from the network.
    Isolate,
    /// Let it back.
    Unisolate,
    /// Let it run only what Microsoft signed.
    Restrict,
    /// Let it run everything again.
    Unrestrict,
    /// Search it for malware.
    Scan,
    /// Collect data for an investigation.
    Collect,
    /// Investigate it automatically.
    Investigate,
    /// Stop a file's processes and quarantine it.
    Quarantine,
}

impl MachineCall {
    fn path(self) -> &'static str {
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

    fn kind(self) -> &'static ApiKind {
        match self {
            Self::Isolate | Self::Unisolate => &ISOLATION,
            Self::Restrict | Self::Unrestrict => &RESTRICTION,
            Self::Scan => &SCAN,
            Self::Collect => &PACKAGE,
            Self::Investigate => &INVESTIGATION,
            Self::Quarantine => &QUARANTINE,
        }
    }
}

impl DefenderApi<'_> {
    /// Which actions can be taken on a device; nothing for an unknown one.
    ///
    /// # Errors
    /// The call failed.
    pub async fn availability(&self, machine: &MachineId) -> Result<Option<Vec<Availability>>, Error> {
        let url = urls::machine(self.base(), machine).path("availableMachineActions");
        let found: Result<Option<Collection<Availability>>, Failure> =
            self.read(&AVAILABLE_ACTIONS, self.get(&AVAILABLE_ACTIONS, url)).await;
        let found = found.map_err(|failure| failures::error(&AVAILABLE_ACTIONS, &failure))?;
        Ok(found.map(|found| found.list.items))
    }

    /// The last successful action on a device that is one of two.
    ///
    /// # Errors
    /// The call failed.
    pub async fn last_action(
        &self,
        machine: &MachineId,
        kinds: [&str; 2],
    ) -> Result<Option<MachineAction>, Error> {
        let request = self.get(&ACTION_HISTORY, urls::last_action(self.base(), machine, kinds));
        let found = self.items(&ACTION_HISTORY, request).await;
        let found = found.map_err(|(kind, failure)| failures::error(kind, &failure))?;
        Ok(found.into_iter().next())
    }

    /// The actions on a device that have not ended.
    ///
    /// # Errors
    /// The call failed.
    pub async fn pending_actions(&self, machine: &MachineId) -> Result<Vec<MachineAction>, Failed> {
        let request = self.get(&ALL_ACTIONS, urls::pending_actions(self.base(), machine));
        self.items(&ALL_ACTIONS, request).await
    }

    /// Takes an action on a device. Success means that the provider accepted it.
    ///
    /// # Errors
    /// The provider declined it, or it is not known whether it arrived.
    pub async fn act(&self, machine: &MachineId, action: MachineCall, body: &Value) -> Result<(), Error> {
        let url = urls::machine(self.base(), machine).path(action.path()).build();
        let kind = action.kind();
        let request = self.caller(&self.relay.settings.api).post(kind.name, url).json(body);
        match self.change(kind, request).await {
            Err(Failure::Rejected(rejection))
                if rejection.text_at(&["/error/code"]).as_deref() == Some("ActiveRequestAlreadyExists") =>
            {
                Err(Error::fatal(Code::INVALID_ARGUMENT, "The same action is already running on that device"))
            }
            outcome => outcome.map_err(|failure| failed(kind, &failure)),
        }
    }

    /// Cancels an action that has not ended.
    ///
    /// # Errors
    /// As [`DefenderApi::act`].
    pub async fn cancel(&self, action: &str, body: &Value) -> Result<(), Error> {
        let url = self.url().path("machineactions").segment(action).path("cancel").build();
        let request = self.caller(&self.relay.settings.api).post(CANCELLATION.name, url).json(body);
        match self.change(&CANCELLATION, request).await {
            Err(failure) if failure.status() == Some(404) => {
                Err(Error::fatal(Code::NOT_FOUND, "The action has ended already, or was never there"))
            }
            outcome => outcome.map_err(|failure| failed(&CANCELLATION, &failure)),
        }
    }

    /// Creates an indicator, or changes the one of this type and value.
    ///
    /// # Errors
    /// As [`DefenderApi::act`].
    pub async fn add_indicator(&self, body: &Value) -> Result<(), Error> {
        let url = self.url().path("indicators").build();
        let request = self.caller(&self.relay.settings.api).post(INDICATOR_CHANGE.name, url).json(body);
        self.change(&INDICATOR_CHANGE, request).await.map_err(|failure| failed(&INDICATOR_CHANGE, &failure))
    }

    /// Removes an indicator; one that is gone already is no failure.
    ///
    /// # Errors
    /// As [`DefenderApi::act`].
    pub async fn remove_indicator(&self, id: &str) -> Result<(), Error> {
        let url = urls::indicator(self.base(), id).build();
        let request = self.caller(&self.relay.settings.api).delete(INDICATOR_CHANGE.name, url);
        match self.change(&INDICATOR_CHANGE, request).await {
            Err(failure) if failure.status() == Some(404) => Ok(()),
            outcome => outcome.map_err(|failure| failed(&INDICATOR_CHANGE, &failure)),
        }
    }

    /// Any 2xx is success, whatever the body.
    async fn change(&self, kind: &'static ApiKind, request: Request<'_>) -> Result<(), Failure> {
        let outcome = Box::pin(request.kind(kind.name).rate(&kind.rate).send()).await;
        self.note(kind, outcome).map(drop)
    }
}

/// The error of a failed change. Where the change may have been made all the same, the user reads so: nobody else
/// looks after it.
fn failed(kind: &'static ApiKind, failure: &Failure) -> Error {
    let error = failures::error(kind, failure);
    let may_have_arrived = match failure {
        Failure::Rejected(rejection) => rejection.status >= 500,
        Failure::Unreadable(_)
        | Failure::TooLarge(_)
        | Failure::Connection(_)
        | Failure::Timeout(_)
        | Failure::Deadline(_) => true,
        _ => false,
    };
    if may_have_arrived { error.with_note(UNCERTAIN) } else { error }
}
