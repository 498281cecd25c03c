//! The calls: paths, permissions, quotas.

use std::time::Duration;

use crate::quota::Limit;
use crate::request::Request;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call<'r> {
    Legacy,
    Alerts,
    Alert(&'r str),
    Incidents,
    Hunting,
    Batch,
    Reputation(&'r str),
    PassiveDns(&'r str),
    PassiveDnsReverse(&'r str),
    Users,
    User(&'r str),
    ChangeUser(&'r str),
    RevokeSessions(&'r str),
}

impl<'r> Call<'r> {
    pub(super) fn of(request: &'r Request) -> Option<Self> {
        let parts: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        match *parts.as_slice() {
            ["security", "alerts"] => Some(Self::Legacy),
            ["security", "alerts_v2"] => Some(Self::Alerts),
            ["security", "alerts_v2", id] => Some(Self::Alert(id)),
            ["security", "incidents"] => Some(Self::Incidents),
            ["security", "runHuntingQuery"] => Some(Self::Hunting),
            ["$batch"] => Some(Self::Batch),
            ["security", "threatIntelligence", "hosts", host, about] => match about {
                "reputation" => Some(Self::Reputation(host)),
                "passiveDns" => Some(Self::PassiveDns(host)),
                "passiveDnsReverse" => Some(Self::PassiveDnsReverse(host)),
                _ => None,
            },
            ["users"] => Some(Self::Users),
            ["users", id] if request.method == "PATCH" => Some(Self::ChangeUser(id)),
            ["users", id] => Some(Self::User(id)),
            ["users", id, "revokeSignInSessions"] => Some(Self::RevokeSessions(id)),
            _ => None,
        }
    }

    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Hunting | Self::Batch | Self::RevokeSessions(_) => "POST",
            Self::ChangeUser(_) => "PATCH",
            _ => "GET",
        }
    }

    /// The permissions of which one is needed; none for a batch: its calls have their own.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Legacy => &["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"],
            Self::Alerts | Self::Alert(_) => &["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"],
            Self::Incidents => &["SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"],
            Self::Hunting => &["ThreatHunting.Read.All"],
            Self::Batch => &[],
            Self::Reputation(_) | Self::PassiveDns(_) | Self::PassiveDnsReverse(_) => {
                &["ThreatIntelligence.Read.All"]
            }
            Self::Users | Self::User(_) => &["User.Read.All", "User.ReadWrite.All"],
            Self::ChangeUser(_) => &["User.EnableDisableAccount.All", "User.ReadWrite.All"],
            Self::RevokeSessions(_) => &["User.RevokeSessions.All", "User.ReadWrite.All"],
        }
    }

    /// What its quota is counted for, and how often it may be called: both APIs for alerts share a quota. None is
    /// documented for Threat Intelligence and accounts, and a batch counts by its calls.
    pub(super) fn quota(self) -> Option<(&'static str, Limit)> {
        let minute = |most| Limit { most, per: Duration::from_secs(60) };
        match self {
            Self::Hunting => Some(("hunting", minute(45))),
            Self::Legacy | Self::Alerts | Self::Alert(_) => Some(("alerts", minute(150))),
            _ => None,
        }
    }
}
