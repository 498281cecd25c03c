//! 100 alerts on 10 devices, made of a fixture.

use provider_sim::fixtures;
use serde_json::{Value, json};

/// How many alerts.
pub(crate) const ALERTS: usize = 100;
/// On how many devices.
pub(crate) const DEVICES: usize = 10;
/// The files of each alert.
pub(crate) const FILES: [&str; 2] =
    ["2f00000000000000000000000000000000000b02", "1f00000000000000000000000000000000000a01"];

/// What the provider answers: the alerts, the devices and each file.
pub(crate) struct Answers {
    pub(crate) alerts: String,
    pub(crate) machines: String,
    pub(crate) file: String,
}

/// Those of a fixture: an alert with two processes, an address and a host name, a hundred times.
pub(crate) fn answers() -> Answers {
    let cases = fixtures::cases("defender").unwrap();
    let case = cases.iter().find(|case| case.name == "alert-process-injection").unwrap();
    let answer = |part: &str| {
        let answer = case.answers.iter().find(|answer| answer.path.contains(part)).unwrap();
        answer.json.clone().unwrap()
    };
    let alert = answer("/alerts")["value"][0].clone();
    let alerts: Vec<Value> = (0..ALERTS)
        .map(|number| {
            let mut alert = alert.clone();
            alert["id"] = json!(format!("da{number}"));
            alert["machineId"] = json!(device(number));
            alert
        })
        .collect();
    let machine = answer("/machines/");
    let machines = (0..DEVICES).map(|number| {
        let mut machine = machine.clone();
        machine["id"] = json!(device(number));
        machine
    });
    Answers {
        alerts: json!({ "value": alerts }).to_string(),
        machines: json!({ "value": machines.collect::<Vec<_>>() }).to_string(),
        file: answer(&format!("/files/{}", FILES[0])).to_string(),
    }
}

/// The id of the device of an alert.
pub(crate) fn device(number: usize) -> String {
    format!("{:040}", number % DEVICES)
}
