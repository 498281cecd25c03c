//! Microsoft Graph Security: `alerts_v2`, `alerts`, `hunting`, `host`.

use std::sync::LazyLock;

use relay_core::ctim::Bundle;
use relay_core::relay::Relay;
use relay_graph::mapping::matching::Matcher;
use relay_graph::mapping::opinion::{self, Opinions};
use relay_graph::mapping::{intelligence, legacy, row, v2, value};
use relay_graph::model::intelligence::Report;
use relay_graph::model::{AlertPage, hunting, legacy as old, v2 as new};
use serde_json::from_str;

use super::{accepted, now, portal};
use crate::input::Input;

static RELAY: LazyLock<Relay> = LazyLock::new(relay_graph::relay);

/// The target.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data, &RELAY) else { return };
    let (about, ui) = (&input.about, portal());
    let mut bundle = Bundle::new();
    for text in input.answers("alerts") {
        let page = from_str::<AlertPage<old::Alert>>(text).ok().and_then(|page| page.value);
        let alerts = page.map(|list| list.items).unwrap_or_default();
        bundle.extend(alerts.iter().filter_map(|alert| legacy::sighting(alert, about)));
    }
    if let Some(matcher) = Matcher::new(about) {
        let mut alerts: Vec<new::Alert> = Vec::new();
        for text in input.answers("alerts_v2") {
            let page = from_str::<AlertPage<new::Alert>>(text).ok().and_then(|page| page.value);
            alerts.extend(page.map(|list| list.items).unwrap_or_default());
        }
        for text in input.answers("hunting") {
            let rows = from_str::<hunting::Answer>(text).ok().and_then(|answer| answer.results);
            alerts.extend(rows.iter().flat_map(|rows| &rows.items).filter_map(row::alert));
        }
        let alerts: Vec<&new::Alert> = alerts.iter().filter(|alert| matcher.concerns(alert)).collect();
        bundle.extend(alerts.iter().filter_map(|alert| v2::sighting(alert, &matcher, &ui)));
        let host = value::public_host(about);
        let report = input.answers("host").find_map(|text| from_str::<Report>(text).ok());
        let known = report.as_ref().zip(host.as_deref());
        bundle.extend(known.and_then(|(report, host)| intelligence::sighting(report, host, about)));
        let opinions = Opinions {
            evidence: opinion::of_evidence(&alerts, &matcher, &ui, now()),
            reputation: known.and_then(|(report, host)| opinion::of_reputation(report, host, about, now())),
        };
        opinions.add_all(about, &mut bundle);
    }
    accepted(&bundle, about);
}
