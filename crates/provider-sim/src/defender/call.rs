//! The calls: paths, permissions, quotas.

use std::time::Duration;

use super::actions::Kind;
use super::refusal::Refusal;
use crate::quota::Limit;
use crate::request::Request;

/// A call of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'r> {
    Score,
    FileAlerts(&'r str),
    DomainAlerts(&'r str),
    AddressAlerts(&'r str),
    MachineAlerts(&'r str),
    UserAlerts(&'r str),
    AlertList,
    Alert(&'r str),
    File(&'r str),
    FileStats(&'r str),
    DomainStats(&'r str),
    AddressStats(&'r str),
    FileMachines(&'r str),
    Machine(&'r str),
    MachineList,
    MachineCount,
    MachinesByAddress(&'r str),
    ActionList,
    CancelAction(&'r str),
    Hunt,
    Indicators,
    IndicatorCount,
    AddIndicator,
    RemoveIndicator(&'r str),
    Availability(&'r str),
    History(&'r str),
    Act(&'r str, Kind),
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl<'r> Call<'r> {
    /// What a request asks for.
    pub(super) fn of(request: &'r Request) -> Result<Self, Refusal> {
        let parts = request.parts();
        Self::at(&request.method, &parts).ok_or_else(|| {
            if ["GET", "POST", "DELETE"].iter().any(|method| Self::at(method, &parts).is_some()) {
                Refusal::method_not_allowed()
            } else {
                Refusal::not_found("No HTTP resource was found that matches the request URI.")
            }
        })
    }

    fn at(method: &str, parts: &[&'r str]) -> Option<Self> {
        match (method, parts) {
            ("GET", ["exposureScore"]) => Some(Self::Score),
            ("GET", ["files", hash, "alerts"]) => Some(Self::FileAlerts(hash)),
            ("GET", ["domains", name, "alerts"]) => Some(Self::DomainAlerts(name)),
            ("GET", ["ips", address, "alerts"]) => Some(Self::AddressAlerts(address)),
            ("GET", ["machines", id, "alerts"]) => Some(Self::MachineAlerts(id)),
            ("GET", ["users", name, "alerts"]) => Some(Self::UserAlerts(name)),
            ("GET", ["files", hash, "stats"]) => Some(Self::FileStats(hash)),
            ("GET", ["domains", name, "stats"]) => Some(Self::DomainStats(name)),
            ("GET", ["ips", address, "stats"]) => Some(Self::AddressStats(address)),
            ("GET", ["files", hash, "machines"]) => Some(Self::FileMachines(hash)),
            ("GET", ["machines"]) => Some(Self::MachineList),
            ("GET", ["machines", "$count"]) => Some(Self::MachineCount),
            ("GET", ["machines", function]) if function.starts_with("findbyip(") => {
                Some(Self::MachinesByAddress(function))
            }
            ("GET", ["machineactions"]) => Some(Self::ActionList),
            ("POST", ["machineactions", id, "cancel"]) => Some(Self::CancelAction(id)),
            ("GET", ["alerts"]) => Some(Self::AlertList),
            ("GET", ["alerts", id]) => Some(Self::Alert(id)),
            ("GET", ["files", hash]) => Some(Self::File(hash)),
            ("GET", ["machines", id]) => Some(Self::Machine(id)),
            ("POST", ["advancedqueries", "run"]) => Some(Self::Hunt),
            ("GET", ["indicators"]) => Some(Self::Indicators),
            ("GET", ["indicators", "$count"]) => Some(Self::IndicatorCount),
            ("POST", ["indicators"]) => Some(Self::AddIndicator),
            ("DELETE", ["indicators", id]) => Some(Self::RemoveIndicator(id)),
            ("GET", ["machines", id, "availableMachineActions"]) => Some(Self::Availability(id)),
            ("GET", ["machines", id, "machineactions"]) => Some(Self::History(id)),
            ("POST", ["machines", id, action]) => Kind::at(action).map(|kind| Self::Act(id, kind)),
            _ => None,
        }
    }

    /// The permissions of which one is needed.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Score => &["Score.Read.All"],
            Self::FileAlerts(_)
            | Self::AddressAlerts(_)
            | Self::MachineAlerts(_)
            | Self::UserAlerts(_)
            | Self::AlertList
            | Self::Alert(_) => &["Alert.Read.All", "Alert.ReadWrite.All"],
            Self::DomainAlerts(_) | Self::Act(_, Kind::Investigate) => &["Alert.ReadWrite.All"],
            Self::File(_) | Self::FileStats(_) => &["File.Read.All"],
            Self::DomainStats(_) => &["URL.Read.All"],
            Self::AddressStats(_) => &["Ip.Read.All"],
            Self::Machine(_)
            | Self::MachineList
            | Self::MachineCount
            | Self::MachinesByAddress(_)
            | Self::FileMachines(_)
            | Self::ActionList
            | Self::Availability(_)
            | Self::History(_) => &["Machine.Read.All", "Machine.ReadWrite.All"],
            // In reality the permission of the action that is cancelled.
            Self::CancelAction(_) => &["Machine.Isolate", "Machine.Scan", "Machine.CollectForensics"],
            Self::Act(_, Kind::Quarantine) => &["Machine.StopAndQuarantine"],
            Self::Hunt => &["AdvancedQuery.Read.All"],
            Self::Indicators | Self::IndicatorCount | Self::AddIndicator | Self::RemoveIndicator(_) => {
                &["Ti.ReadWrite", "Ti.ReadWrite.All"]
            }
            Self::Act(_, Kind::Isolate | Kind::Unisolate) => &["Machine.Isolate"],
            Self::Act(_, Kind::Restrict | Kind::Unrestrict) => &["Machine.RestrictExecution"],
            Self::Act(_, Kind::Scan) => &["Machine.Scan"],
            Self::Act(_, Kind::Collect) => &["Machine.CollectForensics"],
        }
    }

    /// What its quotas are counted for.
    pub(super) fn api(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::FileAlerts(_) => "alerts of files",
            Self::DomainAlerts(_) => "alerts of domains",
            Self::AddressAlerts(_) => "alerts of addresses",
            Self::MachineAlerts(_) => "alerts of devices",
            Self::UserAlerts(_) => "alerts of accounts",
            Self::FileStats(_) => "statistics of files",
            Self::DomainStats(_) => "statistics of domains",
            Self::AddressStats(_) => "statistics of addresses",
            Self::FileMachines(_) => "devices of files",
            Self::MachineList | Self::MachineCount => "list of devices",
            Self::MachinesByAddress(_) => "devices of addresses",
            Self::ActionList => "actions",
            Self::CancelAction(_) => "cancel",
            Self::AlertList => "alerts",
            Self::Alert(_) => "alert",
            Self::File(_) => "files",
            Self::Machine(_) => "machines",
            Self::Hunt => "hunting",
            Self::Indicators | Self::IndicatorCount => "indicators",
            Self::AddIndicator | Self::RemoveIndicator(_) => "indicator changes",
            Self::Availability(_) => "available actions",
            Self::History(_) => "machine actions",
            Self::Act(_, kind) => kind.path(),
        }
    }

    /// How often it may be called.
    pub(super) fn quotas(self) -> &'static [Limit] {
        const USUAL: &[Limit] = &[Limit { most: 100, per: MINUTE }, Limit { most: 1500, per: HOUR }];
        const HUNTING: &[Limit] = &[Limit { most: 45, per: MINUTE }, Limit { most: 1500, per: HOUR }];
        const INVESTIGATIONS: &[Limit] = &[Limit { most: 50, per: HOUR }];
        match self {
            Self::Hunt => HUNTING,
            Self::Act(_, Kind::Investigate) => INVESTIGATIONS,
            _ => USUAL,
        }
    }
}
