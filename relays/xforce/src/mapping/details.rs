//! What a malware report tells beyond its risk: families, and the servers that the file talks to.

use std::collections::BTreeMap;

use relay_core::ctim::{
    BasedOn, Bundle, Judgement, Observable, ObservableType, ObservedTime, RelationType, Relations,
    SightingOf, Timestamp,
};

use super::{Mapping, RELATIONS_BY};
use crate::model::{Malware, Server, Servers};

impl Mapping<'_> {
    /// A sighting and an indicator for every family; the servers as relations of the first sighting, or of one
    /// of their own where no family is named.
    pub(super) fn malware(&self, malware: &Malware, judgement: &Judgement, bundle: &mut Bundle) {
        let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
        let seen = self.seen(malware);
        let mut servers = Some(self.servers(malware));
        for name in families(malware).into_iter().take(self.limit) {
            let key = format!("family:{name}");
            let indicator = self
                .indicator(&key)
                .title(name)
                .source_uri(self.page.clone())
                .tag(external.and_then(|external| external.malware_type.as_deref()))
                .tag(external.and_then(|external| external.platform.as_deref()));
            let sighting = self
                .sighting(&key, seen)
                .title(name)
                .source_uri(self.page.clone())
                .relations(servers.take().unwrap_or_else(|| Relations::new(&RELATIONS_BY)));
            bundle.relate(&sighting, SightingOf, &indicator);
            bundle.relate(judgement, BasedOn, &indicator);
            bundle.push(sighting);
            bundle.push(indicator);
        }
        if let Some(servers) = servers.filter(|servers| !servers.is_empty()) {
            bundle.push(
                self.sighting("infra", seen)
                    .title("Malware Infrastructure")
                    .source_uri(self.page.clone())
                    .relations(servers),
            );
        }
    }

    /// When the file was seen: by the other source, else when X-Force came to know it, else now.
    fn seen(&self, malware: &Malware) -> ObservedTime {
        let time = |text: &Option<String>| text.as_deref().and_then(Timestamp::parse_assuming_utc);
        let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
        let span = external.map(|external| (time(&external.first_seen), time(&external.last_seen)));
        match span {
            Some((Some(first), Some(last))) => ObservedTime::between(first, last),
            Some((Some(once), None) | (None, Some(once))) => ObservedTime::at(once),
            _ => ObservedTime::at(time(&malware.created).unwrap_or(self.now)),
        }
    }

    fn servers(&self, malware: &Malware) -> Relations {
        let mut relations = Relations::new(&RELATIONS_BY);
        let Some(origins) = &malware.origins else { return relations };
        let groups = [
            (&origins.command_servers, RelationType::CONNECTED_TO),
            (&origins.download_servers, RelationType::DOWNLOADED_FROM),
        ];
        for (servers, relation) in groups {
            for server in servers.iter().flat_map(|servers: &Servers| &servers.rows) {
                for end in ends(server).into_iter().flatten() {
                    relations.add(self.about.clone(), relation.clone(), end);
                }
            }
        }
        relations.truncate(self.limit);
        relations
    }
}

/// What a row names of a server.
fn ends(server: &Server) -> [Option<Observable>; 3] {
    [
        Observable::new(ObservableType::Domain, server.domain.as_deref()),
        server.ip.as_deref().and_then(Observable::address),
        Observable::new(ObservableType::Url, server.uri.as_deref()),
    ]
}

/// Each family once, whatever its case, in the order of their names.
fn families(malware: &Malware) -> Vec<&str> {
    let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
    let named = malware.family.iter().chain(external.iter().flat_map(|external| &external.family));
    let mut distinct: BTreeMap<String, &str> = BTreeMap::new();
    for name in named.map(|name| name.trim()).filter(|name| !name.is_empty()) {
        distinct.entry(name.to_lowercase()).or_insert(name);
    }
    distinct.into_values().collect()
}
