//! SecurityTrails: histories `a`, `aaaa`, `mx`, `ns`; `domains`, `subdomains`.

use std::sync::LazyLock;

use relay_core::ctim::Bundle;
use relay_core::relay::Relay;
use relay_securitytrails::links::Links;
use relay_securitytrails::mapping::Mapping;
use relay_securitytrails::model::{Hosted, Page, Period, Subdomains};
use relay_securitytrails::query::{RecordType, Subject};
use relay_securitytrails::settings::Options;
use serde_json::from_str;

use super::{accepted, now, portal};
use crate::input::Input;

static RELAY: LazyLock<Relay> = LazyLock::new(relay_securitytrails::relay);

const HISTORIES: [(&str, RecordType); 4] =
    [("a", RecordType::A), ("aaaa", RecordType::Aaaa), ("mx", RecordType::Mx), ("ns", RecordType::Ns)];

/// The target.
pub fn check(data: &[u8]) {
    let Some(input) = Input::read(data, &RELAY) else { return };
    // Nothing is asked about others.
    if Subject::of(&input.about).is_none() {
        return;
    }
    let options = Options {
        max_pages: 100,
        max_relations: 1000,
        history_table: true,
        domains_table: true,
        history_types: vec![RecordType::A, RecordType::Aaaa],
        extra_record_types: vec![RecordType::Mx, RecordType::Ns],
        subdomains: true,
        usage: true,
    };
    let links = Links(portal());
    let mapping = Mapping::new(&input.about, &links, now(), 100, &options);
    let mut bundle = Bundle::new();
    for (name, record) in HISTORIES {
        let pages = input.answers(name).filter_map(|text| from_str::<Page<Period>>(text).ok());
        let periods: Vec<Period> = pages.flat_map(|page| page.records).collect();
        bundle.extend(mapping.history(record, &periods).map(|mapped| mapped.sighting));
    }
    let pages: Vec<Page<Hosted>> = input.answers("domains").filter_map(|text| from_str(text).ok()).collect();
    let count = pages.iter().find_map(|page| page.record_count).map(|count| count.0);
    let hosted: Vec<Hosted> = pages.into_iter().flat_map(|page| page.records).collect();
    bundle.extend(mapping.domains(&hosted, count).map(|mapped| mapped.sighting));
    if let Some(names) = input.answers("subdomains").find_map(|text| from_str::<Subdomains>(text).ok()) {
        let parent = relay_core::observable::domain(input.about.value());
        bundle.extend(
            parent.and_then(|parent| mapping.subdomains(&parent, &names)).map(|mapped| mapped.sighting),
        );
    }
    accepted(&bundle, &input.about);
}
