//! The calls that change something at the provider. None is repeated after it may have arrived.

use relay_core::error::{Code, Error};
use relay_core::provider::{Failure, Request};
use serde_json::Value;

use super::{
    Ask, INDICATOR_CHANGE, INVESTIGATION, ISOLATION, Kind, PACKAGE, RESTRICTION, SCAN, address, addresses,
    error,
};
use crate::subject::MachineId;

const UNCERTAIN: &str = "it may have been done all the same: look before you ask for it again";

/// What can be asked of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
        }
    }

    fn kind(self) -> &'static Kind {
        match self {
            Self::Isolate | Self::Unisolate => &ISOLATION,
            Self::Restrict | Self::Unrestrict => &RESTRICTION,
            Self::Scan => &SCAN,
            Self::Collect => &PACKAGE,
            Self::Investigate => &INVESTIGATION,
        }
    }
}

impl Ask<'_> {
    /// Takes an action on a device. Success means that the provider accepted it.
    ///
    /// # Errors
    /// The provider declined it, or it is not known whether it arrived.
    pub async fn act(&self, machine: &MachineId, action: MachineCall, body: &Value) -> Result<(), Error> {
        let url = addresses::machine(self.base(), machine).path(action.path());
        let kind = action.kind();
        let url = address(url).map_err(|failure| failed(kind, &failure))?;
        match self.change(kind, self.caller(&self.relay.settings.api).post(kind.name, url).json(body)).await {
            Err(Failure::Rejected(rejection))
                if rejection.text_at(&["/error/code"]).as_deref() == Some("ActiveRequestAlreadyExists") =>
            {
                Err(Error::fatal(
                    Code::INVALID_ARGUMENT,
                    "The same action is already running on that device.",
                ))
            }
            outcome => outcome.map_err(|failure| failed(kind, &failure)),
        }
    }

    /// Creates an indicator, or changes the one of this type and value.
    ///
    /// # Errors
    /// As [`Ask::act`].
    pub async fn add_indicator(&self, body: &Value) -> Result<(), Error> {
        let told = |failure| failed(&INDICATOR_CHANGE, &failure);
        let url = address(self.api().path("indicators")).map_err(told)?;
        let request = self.caller(&self.relay.settings.api).post(INDICATOR_CHANGE.name, url).json(body);
        self.change(&INDICATOR_CHANGE, request).await.map_err(told)
    }

    /// Removes an indicator; one that is gone already is no failure.
    ///
    /// # Errors
    /// As [`Ask::act`].
    pub async fn remove_indicator(&self, id: &str) -> Result<(), Error> {
        let told = |failure| failed(&INDICATOR_CHANGE, &failure);
        let url = address(addresses::indicator(self.base(), id)).map_err(told)?;
        let request = self.caller(&self.relay.settings.api).delete(INDICATOR_CHANGE.name, url);
        match self.change(&INDICATOR_CHANGE, request).await {
            Err(failure) if failure.status() == Some(404) => Ok(()),
            outcome => outcome.map_err(told),
        }
    }

    async fn change(&self, kind: &'static Kind, request: Request<'_>) -> Result<(), Failure> {
        self.send(kind, request).await.map(drop)
    }
}

/// The error of a failed change. Where the change may have been made all the same, the user is told so: nobody else
/// looks after it.
fn failed(kind: &Kind, failure: &Failure) -> Error {
    let error = error(kind, failure);
    let may_have_arrived = match failure {
        Failure::Rejected(rejection) => rejection.status >= 500,
        Failure::Unreadable(_)
        | Failure::TooLarge(_)
        | Failure::Connection(_)
        | Failure::Timeout(_)
        | Failure::Deadline(_) => true,
        Failure::Login(_)
        | Failure::NotSent(_)
        | Failure::Certificate(_)
        | Failure::Unreachable(_)
        | Failure::Down(_)
        | Failure::Quota(_)
        | Failure::Stopped(_) => false,
    };
    if may_have_arrived { error.with_note(UNCERTAIN) } else { error }
}
