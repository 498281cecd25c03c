//! How the security APIs of each tenant are: what has been retired, what works, what is licensed.

use crate::login::directory::Tenant;

/// How a tenant's APIs are.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct State {
    /// Domain of the tenant.
    pub domain: &'static str,
    /// `/security/alerts`.
    pub legacy: Legacy,
    /// Whether `/security/alerts_v2` and hunting are offered in the tenant's cloud.
    pub v2: bool,
    /// Filters over the evidence of `/security/alerts_v2`.
    pub filters: Filters,
    /// Whether advanced hunting is licensed.
    pub hunting: bool,
    /// Whether advanced hunting has the tables of alerts.
    pub tables: bool,
    /// Whether the ids in these tables are those of the alerts.
    pub same_ids: bool,
    /// Whether calls can be put together in batches.
    pub batches: bool,
    /// What Threat Intelligence answers in place of what it knows.
    pub intelligence: Intelligence,
    /// Where each page of a list leads to.
    pub links: Links,
    /// Whether answers are of bad quality: calls of batches fail or stay unanswered, and evidence of hunting comes as
    /// a list instead of a text.
    pub flaky: bool,
}

/// Where each page of a list leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The next page, if there is one.
    Next,
    /// Itself.
    Itself,
    /// Another host.
    Elsewhere,
}

/// What has become of `/security/alerts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// It serves.
    Alive,
    /// It answers this status.
    Refused(u16),
    /// It serves nothing any more.
    Empty,
}

/// What Threat Intelligence does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intelligence {
    /// It answers.
    Licensed,
    /// It refuses with this status and code.
    Refused(u16, &'static str),
}

/// What a filter over evidence does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// It filters.
    Supported,
    /// It is refused with 400.
    Refused,
    /// It is ignored: all alerts are listed.
    Ignored,
}

/// A tenant of today: the old API is gone, everything else works.
const TODAY: State = State {
    domain: "corp.example",
    legacy: Legacy::Refused(410),
    v2: true,
    filters: Filters::Supported,
    hunting: true,
    tables: true,
    same_ids: true,
    batches: true,
    intelligence: Intelligence::Licensed,
    links: Links::Next,
    flaky: false,
};

/// All states.
pub const STATES: &[State] = &[
    TODAY,
    State { domain: "other.example", ..TODAY },
    State { domain: "late.example", legacy: Legacy::Alive, ..TODAY },
    State { domain: "legacy.example", legacy: Legacy::Alive, v2: false, ..TODAY },
    State { domain: "retired-404.example", legacy: Legacy::Refused(404), ..TODAY },
    State { domain: "retired-403.example", legacy: Legacy::Refused(403), ..TODAY },
    State { domain: "retired-empty.example", legacy: Legacy::Empty, ..TODAY },
    State { domain: "filter-refused.example", filters: Filters::Refused, ..TODAY },
    State { domain: "filter-ignored.example", filters: Filters::Ignored, ..TODAY },
    State { domain: "no-hunting.example", filters: Filters::Refused, hunting: false, ..TODAY },
    State { domain: "no-tables.example", filters: Filters::Refused, tables: false, ..TODAY },
    State { domain: "other-ids.example", same_ids: false, ..TODAY },
    State { domain: "no-batches.example", batches: false, ..TODAY },
    State {
        domain: "no-license.example",
        intelligence: Intelligence::Refused(500, "generalException"),
        ..TODAY
    },
    State {
        domain: "no-intelligence.example",
        intelligence: Intelligence::Refused(403, "Forbidden"),
        ..TODAY
    },
    State { domain: "flaky.example", links: Links::Itself, flaky: true, ..TODAY },
    // Only the scan reads lists.
    State {
        domain: "foreign-links.example",
        filters: Filters::Refused,
        hunting: false,
        links: Links::Elsewhere,
        ..TODAY
    },
    // Nothing but lists of alerts.
    State {
        domain: "plain.example",
        filters: Filters::Refused,
        hunting: false,
        batches: false,
        intelligence: Intelligence::Refused(400, "BadRequest"),
        ..TODAY
    },
];

impl State {
    /// The state of a tenant.
    pub fn of(tenant: &Tenant) -> Option<&'static Self> {
        STATES.iter().find(|state| state.domain == tenant.domain)
    }
}
