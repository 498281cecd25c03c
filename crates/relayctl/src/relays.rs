//! The list of relays: one line each. Everything else is read from the relay itself.

use relay_core::Relay;
use relay_core::endpoint::Endpoint;
use relay_core::module::Module;

/// What relayctl has to be told of a relay.
pub(crate) struct Known {
    /// Makes it.
    pub(crate) relay: fn() -> Relay,
    /// The settings that hold its provider's addresses, each with the simulator's path that stands in for it.
    pub(crate) addresses: &'static [(&'static str, &'static str)],
    /// Claims that the simulated provider accepts.
    pub(crate) claims: &'static [(&'static str, &'static str)],
    /// How it is registered on the platform.
    pub(crate) module_type: &'static str,
    /// What it serves without advertising it there.
    pub(crate) hidden: &'static [Endpoint],
}

/// All relays, in the order of their ports in the demonstration.
#[rustfmt::skip]
pub(crate) const RELAYS: &[Known] = &[
    Known { relay: relay_graph::relay, addresses: &[("RELAY_PROVIDER__API_URL", "/graph"), ("RELAY_PROVIDER__LOGIN_URL", "/login")], claims: &[("application_id", "22222222-3333-4444-8555-666666666666"), ("tenant_id", "corp.example"), ("client_secret", "demo-secret")], module_type: include_str!("../../../relays/graph/module_type.json"), hidden: &[] },
    Known { relay: relay_defender::relay, addresses: &[("RELAY_PROVIDER__API_URL", "/defender"), ("RELAY_PROVIDER__LOGIN_URL", "/login")], claims: &[("client_id", "22222222-3333-4444-8555-666666666666"), ("tenant_id", "11111111-2222-4333-8444-555555555555"), ("client_secret", "demo-secret")], module_type: include_str!("../../../relays/defender/module_type.json"), hidden: &[Endpoint::Deliberate] },
    Known { relay: relay_securitytrails::relay, addresses: &[("RELAY_PROVIDER__API_URL", "/securitytrails")], claims: &[("key", "demo-key")], module_type: include_str!("../../../relays/securitytrails/module_type.json"), hidden: &[] },
    Known { relay: relay_gigamon::relay, addresses: &[("RELAY_PROVIDER__DETECTIONS_URL", "/gigamon"), ("RELAY_PROVIDER__EVENTS_URL", "/gigamon"), ("RELAY_PROVIDER__ENTITY_URL", "/gigamon")], claims: &[("key", "demo-token")], module_type: include_str!("../../../relays/gigamon/module_type.json"), hidden: &[] },
    Known { relay: relay_xforce::relay, addresses: &[("RELAY_PROVIDER__API_URL", "/xforce")], claims: &[("key", "demo-key"), ("password", "demo-password")], module_type: include_str!("../../../relays/xforce/module_type.json"), hidden: &[] },
];

impl Known {
    /// Names, claims and settings of the relay.
    pub(crate) fn module(&self) -> &'static Module {
        (self.relay)().module()
    }
}

/// The relay of this name.
///
/// # Errors
/// There is none; the message lists those that there are.
pub(crate) fn named(name: &str) -> anyhow::Result<&'static Known> {
    RELAYS.iter().find(|known| known.module().name == name).ok_or_else(|| {
        let names: Vec<&str> = RELAYS.iter().map(|known| known.module().name).collect();
        anyhow::anyhow!("there is no relay `{name}`; there are: {}", names.join(", "))
    })
}
