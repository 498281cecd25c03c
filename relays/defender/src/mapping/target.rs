//! The device of an alert or event.

use relay_core::ctim::{Observable, ObservableType, ObservedTime, Sensor, Target};
use relay_core::observable::ip_address;

use crate::model::{Machine, Row, adapter_addresses};

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Operating system, processor and version in one text.
    pub os: Option<String>,
    /// Network adapters in order of appearance.
    pub adapters: Vec<Adapter>,
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
        let mut device = Self { os: os(machine), adapters: Vec::new() };
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
    let named = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let mut os = named(&machine.os_platform)?;
    os.extend(named(&machine.os_processor));
    if let Some(version) = named(&machine.version) {
        os.push_str(" version: ");
        os.push_str(&version);
    }
    Some(os)
}

/// The device as a target; none where nothing identifies it.
pub(super) fn target(
    name: Option<&str>,
    id: Option<&str>,
    device: Option<&Device>,
    seen: ObservedTime,
) -> Option<Target> {
    let mut observables = Vec::new();
    observables.extend(Observable::new(ObservableType::Hostname, name));
    observables.extend(Observable::new(ObservableType::MsMachineId, id));
    for adapter in device.iter().flat_map(|device| &device.adapters) {
        observables.extend(Observable::new(ObservableType::MacAddress, adapter.mac.as_deref()));
        observables.extend(adapter.addresses.iter().filter_map(|ip| Observable::address(ip.as_str())));
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
