//! 100 alerts on 10 devices, made of a fixture.

use provider_sim::fixtures;
use serde_json::{Value, json};

/// How many alerts.
pub(crate) const ALERTS: usize = 100;
/// On how many devices.
pub(crate) const DEVICES: usize = 10;
/// The file that they are about (SHA-1).
pub(crate) const FILE: &str = "1f00000000000000000000000000000000000a01";

/// The list of alerts, and the answer about any of the devices.
pub(crate) fn answers() -> (String, String) {
    let cases = fixtures::cases("defender").unwrap();
    let case = cases.iter().find(|case| case.name == "alert-process-injection").unwrap();
    let answer = |part: &str| {
        let answer = case.answers.iter().find(|answer| answer.path.contains(part)).unwrap();
        answer.json.clone().unwrap()
    };
    let (alert, device) = (answer("/alerts")["value"][0].clone(), answer("/machines/"));
    let alerts: Vec<Value> = (0..ALERTS)
        .map(|number| {
            let mut alert = alert.clone();
            alert["id"] = json!(format!("da{number}"));
            alert["machineId"] = json!(format!("{:040}", number % DEVICES));
            alert
        })
        .collect();
    (json!({ "value": alerts }).to_string(), device.to_string())
}
