//! The generated devices and files of a tenant.

use serde_json::{Value, json};

use crate::seeded::Rng;

/// The workstation of the demonstration.
const WORKSTATION: &str = "73e7e2de709dff64ef64b1d0c30e67fab63279db";

/// Ids of devices that alerts and events are about; the first one is the workstation of the demonstration.
pub(crate) fn fleet() -> Vec<String> {
    let mut ids = vec![WORKSTATION.to_owned()];
    ids.extend((1..12).map(|number: u32| Rng::new(&["defender", "fleet", &number.to_string()]).hex(40)));
    ids
}

/// A device of the tenant. Every valid id is one, except for a few that have been removed.
pub(crate) fn machine(id: &str) -> Option<Value> {
    let is_id = id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let mut rng = Rng::new(&["defender", "machine", id]);
    if !is_id || (rng.percent(10) && !fleet().iter().any(|known| known == id)) {
        return None;
    }
    let platform = rng.pick(&["Windows11", "Windows10", "WindowsServer2022", "Linux", "macOS"]);
    let version = if platform.starts_with("Windows1") {
        json!(rng.pick(&["22H2", "23H2", "24H2"]))
    } else {
        json!(null)
    };
    let seen = rng.time().to_string();
    // Older devices do not report their adapters.
    let adapters = if rng.percent(80) { adapters(id) } else { Vec::new() };
    let addresses: Vec<Value> = adapters
        .iter()
        .flat_map(|(mac, addresses)| {
            addresses.iter().map(
                move |ip| json!({"ipAddress": ip, "macAddress": mac, "type": "Ethernet", "operationalStatus": "Up"}),
            )
        })
        .collect();
    Some(json!({
        "@odata.context": "https://api.security.microsoft.com/api/v1.0/$metadata#Machines/$entity",
        "id": id,
        "computerDnsName": name(id),
        "firstSeen": "2025-01-01T00:00:00Z",
        "lastSeen": seen,
        "osPlatform": platform,
        "osProcessor": rng.pick(&["x64", "arm64"]),
        "osArchitecture": "64-bit",
        "version": version,
        "osBuild": rng.below(9000) + 19000,
        "lastIpAddress": addresses.first().map(|entry| entry["ipAddress"].clone()),
        "lastExternalIpAddress": rng.ipv4().to_string(),
        "healthStatus": "Active",
        "onboardingStatus": "Onboarded",
        "deviceValue": "Normal",
        "rbacGroupId": 140,
        "rbacGroupName": null,
        "riskScore": rng.pick(&["None", "Low", "Medium", "High"]),
        "exposureLevel": rng.pick(&["Low", "Medium", "High"]),
        "aadDeviceId": null,
        "machineTags": [],
        "ipAddresses": addresses,
    }))
}

/// The name of a device.
pub(crate) fn name(id: &str) -> String {
    if id == WORKSTATION {
        return "ws-042.corp.example".to_owned();
    }
    let mut rng = Rng::new(&["defender", "machine name", id]);
    format!("{}-{:03}.corp.example", rng.pick(&["ws", "lt", "srv"]), rng.below(400))
}

/// Network adapters of a device: MAC address and addresses.
pub(crate) fn adapters(id: &str) -> Vec<(String, Vec<String>)> {
    let mut rng = Rng::new(&["defender", "adapters", id]);
    let count = rng.below(2) + 1;
    (0..count)
        .map(|_| {
            let mac = format!("02{}", rng.hex(10).to_uppercase());
            let mut addresses = vec![format!("10.20.{}.{}", rng.below(200), rng.below(250) + 1)];
            if rng.percent(50) {
                addresses.push(format!("fe80::{}", rng.hex(4).trim_start_matches('0')));
            }
            (mac, addresses)
        })
        .collect()
}

/// The hashes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// 40 digits.
    pub(crate) sha1: String,
    /// 64 digits.
    pub(crate) sha256: String,
    /// 32 digits.
    pub(crate) md5: String,
}

/// The file of a hash of any kind; some hashes are unknown. All hashes of a file begin alike, so they lead to the same
/// file.
pub(crate) fn file(hash: &str) -> Option<File> {
    let hash = hash.to_ascii_lowercase();
    let core = hash.get(..32).filter(|_| is_hash(&hash))?;
    if !Rng::new(&["defender", "file", core]).percent(75) {
        return None;
    }
    let sha1 = format!("{core}{}", Rng::new(&["defender", "sha1", core]).hex(8));
    let sha256 = format!("{core}{}", Rng::new(&["defender", "sha256", core]).hex(32));
    let mut file = File { sha1, sha256, md5: core.to_owned() };
    match hash.len() {
        40 => file.sha1 = hash,
        64 => file.sha256 = hash,
        _ => {}
    }
    Some(file)
}

/// Whether a text is a hash: MD5, SHA-1 or SHA-256.
pub(crate) fn is_hash(text: &str) -> bool {
    matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
