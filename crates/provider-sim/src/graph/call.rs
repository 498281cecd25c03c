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
    Hunting,
}

impl<'r> Call<'r> {
    pub(super) fn of(request: &'r Request) -> Option<Self> {
        let parts: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        match *parts.as_slice() {
            ["security", "alerts"] => Some(Self::Legacy),
            ["security", "alerts_v2"] => Some(Self::Alerts),
            ["security", "alerts_v2", id] => Some(Self::Alert(id)),
            ["security", "runHuntingQuery"] => Some(Self::Hunting),
            _ => None,
        }
    }

    pub(super) fn method(self) -> &'static str {
        if self == Self::Hunting { "POST" } else { "GET" }
    }

    /// The permissions of which one is needed.
    pub(super) fn roles(self) -> [&'static str; 2] {
        match self {
            Self::Legacy => ["SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"],
            Self::Alerts | Self::Alert(_) => ["SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"],
            Self::Hunting => ["ThreatHunting.Read.All", "ThreatHunting.Read.All"],
        }
    }

    /// What its quota is counted for, and how often it may be called: both APIs for alerts share a quota.
    pub(super) fn quota(self) -> (&'static str, Limit) {
        let minute = |most| Limit { most, per: Duration::from_secs(60) };
        if self == Self::Hunting { ("hunting", minute(45)) } else { ("alerts", minute(150)) }
    }
}
