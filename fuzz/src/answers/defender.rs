//! Microsoft Defender for Endpoint: `alerts`, `hunting`, `adapters`, `machine`, `file`, `stats`, `indicators`.

use std::sync::LazyLock;

use relay_core::ctim::Bundle;
use relay_core::relay::Relay;
use relay_defender::mapping::{self, AlertTimes, Details, Device, Event, Mapping};
use relay_defender::model::{Alert, Collection, File, HuntingResult, Indicator, Machine, Prevalence};
use serde_json::from_str;

use super::{accepted, now, portal};
use crate::input::Input;

static RELAY: LazyLock<Relay> = LazyLock::new(relay_defender::relay);

/// The target.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data, &RELAY) else { return };
    let mut details = Details::default();
    for machine in input.answers("machine").filter_map(|text| from_str::<Machine>(text).ok()) {
        let id = machine.id.clone().unwrap_or_default();
        details.devices.insert(id, Device::from(&machine));
    }
    for rows in input.answers("adapters").filter_map(|text| from_str::<HuntingResult>(text).ok()) {
        for row in &rows.rows.items {
            let id = row.text("deviceid").unwrap_or_default().to_owned();
            details.devices.entry(id).or_default().add_row(row);
        }
    }
    let file: Option<File> = input.answers("file").find_map(|text| from_str(text).ok());
    if let Some(file) = &file {
        details.files.add(&file.hashes());
    }
    let portal = portal();
    let mut bundle = Bundle::new();
    for command_lines in [true, false] {
        let mapping = Mapping { about: &input.about, details: &details, portal: &portal, command_lines };
        for alerts in input.answers("alerts").filter_map(|text| from_str::<Collection<Alert>>(text).ok()) {
            let timed = |alert| AlertTimes::of(alert).map(|times| (alert, times));
            let alerts = alerts.list.items.iter().filter_map(timed);
            bundle.extend(alerts.filter_map(|(alert, times)| mapping::alert(&mapping, alert, &times)));
        }
        for rows in input.answers("hunting").filter_map(|text| from_str::<HuntingResult>(text).ok()) {
            let events = rows.rows.items.into_iter().filter_map(Event::of);
            bundle.extend(events.map(|event| mapping::event(&mapping, &event)));
        }
        let stats = input.answers("stats").find_map(|text| from_str::<Prevalence>(text).ok());
        bundle.extend(stats.and_then(|known| mapping::prevalence(&mapping, "stats", &known)));
    }
    let indicators =
        input.answers("indicators").filter_map(|text| from_str::<Collection<Indicator>>(text).ok());
    let indicators: Vec<Indicator> = indicators.flat_map(|list| list.list.items).collect();
    let opinions = mapping::opinions(&input.about, &indicators, file.as_ref(), now(), true);
    bundle.extend(opinions.judgements);
    bundle.extend(opinions.verdict);
    accepted(&bundle, &input.about);
}
