//! IBM X-Force Exchange: `report`, `resolve`, `linkage`.

use std::sync::LazyLock;

use relay_core::relay::Relay;
use relay_xforce::links::Links;
use relay_xforce::mapping::{Answers, Mapping};
use relay_xforce::model::Report;
use relay_xforce::settings::Options;
use relay_xforce::subject::Family;
use serde_json::from_str;

use super::{accepted, now, portal};
use crate::input::Input;

static RELAY: LazyLock<Relay> = LazyLock::new(relay_xforce::relay);

/// The target.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data, &RELAY) else { return };
    let report = input.answers("report").find_map(|text| match Family::of(&input.about) {
        Family::Ip => from_str(text).ok().map(Report::Ip),
        Family::Url => from_str(text).ok().map(Report::Url),
        Family::Hash => from_str(text).ok().map(Report::Hash),
    });
    let resolve = input.answers("resolve").find_map(|text| from_str(text).ok());
    let linkage = input.answers("linkage").find_map(|text| from_str(text).ok());
    let answers = Answers { report, resolve, linkage };
    let options = Options {
        resolve_enabled: true,
        linkage_enabled: true,
        report_first: false,
        collections: 20,
        skip_private: true,
        malware_details: true,
    };
    let links = Links(portal());
    for limit in [1, 100] {
        let mapping = Mapping::new(&input.about, &links, now(), limit, &options);
        let bundle = mapping.observe(&answers);
        assert!(bundle.sightings().len() <= limit);
        accepted(&bundle, &input.about);
    }
}
