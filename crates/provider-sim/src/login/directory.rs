//! Tenants, applications, secrets, and the consent of administrators.
//!
//! Every application is registered in every tenant, and every secret is valid for every application, so that tests can
//! combine them. The services of the APIs decide how these behave for a tenant.

/// An organisation.
#[derive(Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: &'static str,
    /// Its verified domain name, accepted in place of the id.
    pub domain: &'static str,
}

const fn tenant(id: &'static str, domain: &'static str) -> Tenant {
    Tenant { id, domain }
}

/// All tenants.
pub const TENANTS: &[Tenant] = &[
    // The tenant of the demonstration.
    tenant("11111111-2222-4333-8444-555555555555", "corp.example"),
    // A second one.
    tenant("11111111-2222-4333-8444-555555555556", "other.example"),
    // Tenants with different states of the security APIs.
    tenant("11111111-2222-4333-8444-000000000001", "late.example"),
    tenant("11111111-2222-4333-8444-000000000002", "legacy.example"),
    tenant("11111111-2222-4333-8444-000000000003", "retired-404.example"),
    tenant("11111111-2222-4333-8444-000000000004", "retired-403.example"),
    tenant("11111111-2222-4333-8444-000000000005", "retired-empty.example"),
    tenant("11111111-2222-4333-8444-000000000006", "filter-refused.example"),
    tenant("11111111-2222-4333-8444-000000000007", "filter-ignored.example"),
    tenant("11111111-2222-4333-8444-000000000008", "no-hunting.example"),
    tenant("11111111-2222-4333-8444-000000000009", "no-tables.example"),
    tenant("11111111-2222-4333-8444-000000000010", "other-ids.example"),
    tenant("11111111-2222-4333-8444-000000000011", "no-batches.example"),
    tenant("11111111-2222-4333-8444-000000000012", "no-license.example"),
    tenant("11111111-2222-4333-8444-000000000013", "no-intelligence.example"),
    tenant("11111111-2222-4333-8444-000000000014", "plain.example"),
    tenant("11111111-2222-4333-8444-000000000015", "no-licence.example"),
    tenant("11111111-2222-4333-8444-000000000016", "no-device-events.example"),
    tenant("11111111-2222-4333-8444-000000000017", "no-partition.example"),
    tenant("11111111-2222-4333-8444-000000000018", "no-lists.example"),
    tenant("11111111-2222-4333-8444-000000000021", "no-counts.example"),
    tenant("11111111-2222-4333-8444-000000000019", "flaky.example"),
    tenant("11111111-2222-4333-8444-000000000020", "foreign-links.example"),
];

impl Tenant {
    /// The tenant of this id or domain, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        TENANTS
            .iter()
            .find(|known| known.id.eq_ignore_ascii_case(name) || known.domain.eq_ignore_ascii_case(name))
    }
}

/// A client secret.
#[derive(Debug, PartialEq, Eq)]
pub struct Secret {
    /// The secret itself.
    pub value: &'static str,
    /// Whether it has expired.
    pub expired: bool,
}

/// A valid secret.
pub const SECRET: &str = "demo-secret";
/// An expired secret.
pub const EXPIRED_SECRET: &str = "expired-secret";

/// All secrets.
pub const SECRETS: &[Secret] =
    &[Secret { value: SECRET, expired: false }, Secret { value: EXPIRED_SECRET, expired: true }];

/// An API that tokens are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Microsoft Graph.
    Graph,
    /// The API of Microsoft Defender for Endpoint.
    Defender,
}

impl Resource {
    /// Its name in scopes and in the audience of tokens.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Graph => "https://graph.microsoft.com",
            Self::Defender => "https://api.securitycenter.microsoft.com",
        }
    }

    /// The API of this name.
    pub fn find(uri: &str) -> Option<Self> {
        [Self::Graph, Self::Defender].into_iter().find(|known| known.uri() == uri)
    }
}

/// An application, with the permissions that administrators consented to.
#[derive(Debug, PartialEq, Eq)]
pub struct Application {
    /// Its client id.
    pub id: &'static str,
    graph: &'static [&'static str],
    defender: &'static [&'static str],
}

/// All permissions of Defender's API that a relay uses.
const DEFENDER: &[&str] = &[
    "AdvancedQuery.Read.All",
    "Alert.ReadWrite.All",
    "File.Read.All",
    "Ip.Read.All",
    "Machine.CollectForensics",
    "Machine.Isolate",
    "Machine.ReadWrite.All",
    "Machine.RestrictExecution",
    "Machine.Scan",
    "Machine.StopAndQuarantine",
    "Score.Read.All",
    "Ti.ReadWrite.All",
    "URL.Read.All",
];

/// Has all permissions that a relay uses.
pub const FULL: Application = Application {
    id: "22222222-3333-4444-8555-666666666666",
    graph: &[
        "SecurityAlert.Read.All",
        "SecurityEvents.Read.All",
        "SecurityIncident.Read.All",
        "ThreatHunting.Read.All",
        "ThreatIntelligence.Read.All",
        "User.EnableDisableAccount.All",
        "User.Read.All",
        "User.RevokeSessions.All",
    ],
    defender: DEFENDER,
};
/// May only read alerts.
pub const ALERTS_ONLY: Application = Application {
    id: "22222222-3333-4444-8555-000000000001",
    graph: &["SecurityAlert.Read.All"],
    defender: &["Alert.Read.All"],
};
/// Has only the permissions of the retired API, from consent given years ago.
pub const LEGACY_ONLY: Application = Application {
    id: "22222222-3333-4444-8555-000000000002",
    graph: &["SecurityEvents.Read.All"],
    defender: &[],
};
/// May do everything but hunt by Microsoft Graph.
pub const NO_HUNTING: Application = Application {
    id: "22222222-3333-4444-8555-000000000006",
    graph: &["SecurityAlert.Read.All", "SecurityIncident.Read.All", "User.Read.All"],
    defender: DEFENDER,
};
/// May only hunt.
pub const HUNTING_ONLY: Application = Application {
    id: "22222222-3333-4444-8555-000000000005",
    graph: &["ThreatHunting.Read.All"],
    defender: &[],
};
/// May read accounts and alerts, and change nothing.
pub const ACCOUNT_READER: Application = Application {
    id: "22222222-3333-4444-8555-000000000004",
    graph: &["SecurityAlert.Read.All", "User.Read.All"],
    defender: &[],
};
/// Has no permissions.
pub const UNCONSENTED: Application =
    Application { id: "22222222-3333-4444-8555-000000000003", graph: &[], defender: &[] };

/// All applications.
pub const APPLICATIONS: &[Application] =
    &[FULL, ALERTS_ONLY, LEGACY_ONLY, HUNTING_ONLY, NO_HUNTING, ACCOUNT_READER, UNCONSENTED];

impl Application {
    /// The application of this client id, in any case.
    pub fn find(id: &str) -> Option<&'static Self> {
        APPLICATIONS.iter().find(|known| known.id.eq_ignore_ascii_case(id))
    }

    /// The permissions of an API that it has.
    pub fn roles(&self, resource: Resource) -> &'static [&'static str] {
        match resource {
            Resource::Graph => self.graph,
            Resource::Defender => self.defender,
        }
    }
}
