//! Which device has a name or an address.

use jiff::SignedDuration;
use relay_core::ctim::Timestamp;

use crate::model::{Machine, text};
use crate::subject::MachineId;

/// A device that actions can be taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) id: MachineId,
    /// Its name, else its id.
    pub(super) name: String,
}

/// A device that was not seen for longer is no longer the one of its name or address.
const SEEN_WITHIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How many devices are named where there are too many.
const NAMED: usize = 5;

/// The devices of an answer that actions can be taken on, each once.
pub(super) fn usable(machines: &[Machine], now: jiff::Timestamp) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for machine in machines {
        let seen = text(&machine.last_seen).and_then(Timestamp::parse);
        let is_recent = seen.is_none_or(|seen| now.duration_since(seen.instant()) < SEEN_WITHIN);
        let is_onboarded = text(&machine.onboarding_status).is_none_or(|status| status == "Onboarded");
        let Some(id) = machine.id.as_deref().and_then(MachineId::parse) else { continue };
        if is_recent && is_onboarded && !devices.iter().any(|known| known.id == id) {
            let name = text(&machine.computer_dns_name).unwrap_or(id.as_str()).to_owned();
            devices.push(Device { id, name });
        }
    }
    devices
}

/// What is said of several devices of one name or address.
pub(super) fn several(devices: &[Device], what: &str) -> String {
    let names: Vec<&str> = devices.iter().take(NAMED).map(|device| device.name.as_str()).collect();
    format!("{} devices have this {what}: {}; act on the device id", devices.len(), names.join(", "))
}
