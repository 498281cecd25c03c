//! The device of an alert or event.

use relay_core::ctim::{Observable, ObservableType, ObservedTime, Sensor, Target};
use relay_core::observable::ip_address;

use super::typed;
use crate::model::{Machine, Row, adapter_addresses, text};
use crate::subject::is_built_in;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Operating system, processor and version in one text.
    pub os: Option<String>,
    /// Network adapters in order of appearance.
    pub adapters: Vec<Adapter>,
    /// Its last address in the organization's network.
    pub last_address: Option<String>,
}

/// A network adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adapter {
    /// As the provider writes it, without separators.
    pub mac: Option<String>,
    /// Its addresses, those of the loopback aside.
    pub addresses: Vec<String>,
}

impl From<&Machine> for Device {
    fn from(machine: &Machine) -> Self {
        let last_address = text(&machine.last_ip_address).map(str::to_owned);
        let mut device = Self { os: os(machine), adapters: Vec::new(), last_address };
        for entry in &machine.ip_addresses {
            device.add(entry.mac_address.as_deref(), entry.ip_address.as_deref());
        }
        device
    }
}

impl Device {
    /// Adds the adapter of a row of `DeviceNetworkInfo`.
    pub fn add_row(&mut self, row: &Row) {
        let mac = row.text("macaddress");
        for address in adapter_addresses(row.text("ipaddresses").unwrap_or_default()) {
            self.add(mac, Some(&address));
        }
    }

    /// Adds an address to its adapter. One that is none, or of the loopback, adds nothing.
    fn add(&mut self, mac: Option<&str>, address: Option<&str>) {
        let mac = mac.map(str::trim).filter(|mac| !mac.is_empty());
        let Some(address) = address.map(str::trim) else { return };
        if ip_address(address).is_none_or(|address| address.is_loopback()) {
            return;
        }
        let address = address.to_owned();
        match self.adapters.iter_mut().find(|adapter| adapter.mac.as_deref() == mac) {
            Some(known) => known.addresses.push(address),
            None => self.adapters.push(Adapter { mac: mac.map(str::to_owned), addresses: vec![address] }),
        }
    }
}

fn os(machine: &Machine) -> Option<String> {
    let mut os = text(&machine.os_platform)?.to_owned();
    os.extend(text(&machine.os_processor));
    if let Some(version) = text(&machine.version) {
        os.push_str(" version: ");
        os.push_str(version);
    }
    Some(os)
}

/// What an alert or event itself says of its device.
#[derive(Debug, Default)]
pub(super) struct Named<'a> {
    pub(super) hostname: Option<&'a str>,
    pub(super) machine: Option<&'a str>,
    /// Accounts that were on it.
    pub(super) users: Vec<&'a str>,
}

/// Most accounts of a target.
const USERS: usize = 3;

/// The device as a target; none where nothing identifies it.
pub(super) fn target(named: &Named<'_>, device: Option<&Device>, seen: ObservedTime) -> Option<Target> {
    let mut observables = Vec::new();
    observables.extend(Observable::new(ObservableType::Hostname, named.hostname));
    observables.extend(Observable::new(ObservableType::MsMachineId, named.machine));
    if observables.is_empty() {
        return None;
    }
    let mut users: Vec<&str> = Vec::new();
    for user in named.users.iter().map(|user| user.trim()).filter(|user| !is_built_in(user)) {
        if users.len() < USERS && !users.iter().any(|known| known.eq_ignore_ascii_case(user)) {
            users.push(user);
            observables.extend(Observable::new(ObservableType::User, user));
        }
    }
    let adapters = device.map(|device| device.adapters.as_slice()).unwrap_or_default();
    for adapter in adapters {
        observables.extend(Observable::new(ObservableType::MacAddress, adapter.mac.as_deref()));
        observables.extend(adapter.addresses.iter().filter_map(|ip| typed::address(Some(ip))));
    }
    if adapters.is_empty() {
        observables.extend(typed::address(device.and_then(|device| device.last_address.as_deref())));
    }
    let os = device.and_then(|device| device.os.as_deref());
    Some(Target::new(Sensor::ENDPOINT, observables, seen)?.os(os))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn device(machine: serde_json::Value) -> Device {
        Device::from(&serde_json::from_value::<Machine>(machine).unwrap())
    }

    #[test]
    fn the_system_is_put_together_from_what_is_there() {
        let os = |machine| device(machine).os;
        let full = json!({"osPlatform": "Windows11", "osProcessor": "x64", "version": "23H2"});
        assert_eq!(os(full).as_deref(), Some("Windows11x64 version: 23H2"));
        assert_eq!(
            os(json!({"osPlatform": "Linux", "osProcessor": null, "version": " "})).as_deref(),
            Some("Linux")
        );
        assert_eq!(os(json!({"osProcessor": "x64", "version": "23H2"})), None);
    }

    #[test]
    fn addresses_are_grouped_by_adapter_and_loopback_is_left_out() {
        let address = |ip: &str, mac| json!({"ipAddress": ip, "macAddress": mac});
        let device = device(json!({"ipAddresses": [
            address("10.0.0.1", Some("02A1")), address("127.0.0.1", Some("00")), address("fe80::1", Some("02A1")),
            address("10.0.0.2", Some("02B2")), address("::1", None), address("nonsense", Some("02C3")),
        ]}));
        let adapter = |mac: &str, addresses: &[&str]| Adapter {
            mac: Some(mac.to_owned()),
            addresses: addresses.iter().map(|ip| (*ip).to_owned()).collect(),
        };
        assert_eq!(
            device.adapters,
            [adapter("02A1", &["10.0.0.1", "fe80::1"]), adapter("02B2", &["10.0.0.2"])]
        );
    }
}
