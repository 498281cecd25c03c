//! What a malware report says beyond its risk: families, the servers that the file talks to, and the mails that
//! carry it.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use relay_core::ctim::{
    BasedOn, Bundle, Judgement, Observable, ObservableType, ObservedTime, RelationType, Relations, SightingOf,
};
use relay_core::observable::ip_address;

use super::{Mapping, RELATIONS_BY, Seen, given, tagged, time};
use crate::model::{Malware, Origins, Row, Rows};
use crate::subject::{is_absolute_url, name};

/// A relation of the file.
struct Fact {
    relation: RelationType,
    other: Observable,
    /// The same for all spellings of the other end.
    key: String,
    /// Whether the file is the relation's source.
    outgoing: bool,
}

impl Mapping<'_> {
    /// A sighting and an indicator for every family; the infrastructure as relations of the first sighting, or of
    /// a separate one if no family is named.
    pub(super) fn malware(
        &self,
        malware: &Malware,
        user_tags: &[&str],
        judgement: &Judgement,
        bundle: &mut Bundle,
    ) {
        let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
        let tags = external.into_iter().flat_map(|external| {
            [&external.malware_type, &external.platform, &external.sub_platform].map(Option::as_deref)
        });
        let tags: Vec<&str> = tags.flatten().chain(user_tags.iter().copied()).collect();
        let seen = self.seen(malware);
        let mut infrastructure = Some(self.infrastructure(malware));
        for name in families(malware).into_iter().take(self.limit) {
            let key = format!("family:{name}");
            let indicator = self.indicator(&key).title(name).source_uri(self.page.clone());
            let indicator = tagged(indicator, tags.iter().copied());
            let sighting = self
                .sighting(&key, seen)
                .title(name)
                .source_uri(self.page.clone())
                .relations(infrastructure.take().unwrap_or_else(|| Relations::new(&RELATIONS_BY)));
            bundle.relate(&sighting, SightingOf, &indicator);
            bundle.relate(judgement, BasedOn, &indicator);
            bundle.push(sighting);
            bundle.push(indicator);
        }
        if let Some(relations) = infrastructure.filter(|relations| !relations.is_empty()) {
            bundle.push(
                self.sighting("infra", seen)
                    .title("Malware Infrastructure")
                    .source_uri(self.page.clone())
                    .relations(relations),
            );
        }
    }

    /// When the file was seen: by the other source, else when X-Force came to know it, else now.
    fn seen(&self, malware: &Malware) -> ObservedTime {
        let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
        let span = external
            .map(|external| (time(external.first_seen.as_deref()), time(external.last_seen.as_deref())));
        match span {
            Some((Some(first), Some(last))) => ObservedTime::between(first, last),
            Some((Some(once), None) | (None, Some(once))) => ObservedTime::at(once),
            _ => ObservedTime::at(time(malware.created.as_deref()).unwrap_or(self.now)),
        }
    }

    /// Servers and mails as relations of the file, each once, with when and how often it was seen over all rows.
    fn infrastructure(&self, malware: &Malware) -> Relations {
        let mut known: IndexMap<(RelationType, ObservableType, String), (Fact, Seen)> = IndexMap::new();
        for (row, fact) in malware.origins.iter().flat_map(facts) {
            let key = (fact.relation.clone(), fact.other.kind(), fact.key.clone());
            let (_, seen) = known.entry(key).or_insert_with(|| (fact, Seen::default()));
            seen.merge(row.firstseen.as_deref(), row.lastseen.as_deref(), row.count);
        }
        let mut relations = Relations::new(&RELATIONS_BY);
        for (fact, seen) in known.into_values().take(self.limit) {
            let (file, other) = (self.about.clone(), fact.other);
            let (source, related) = if fact.outgoing { (file, other) } else { (other, file) };
            relations.add_with_info(source, fact.relation, related, seen.info());
        }
        relations
    }
}

fn facts(origins: &Origins) -> Vec<(&Row, Fact)> {
    let mut facts = Vec::new();
    let mut add = |row, relation: &RelationType, other: Option<(Observable, String)>, outgoing| {
        let relation = relation.clone();
        facts.extend(other.map(|(other, key)| (row, Fact { relation, other, key, outgoing })));
    };
    let servers = [
        (origins.command_servers.as_ref(), RelationType::CONNECTED_TO),
        (origins.download_servers.as_ref(), RelationType::DOWNLOADED_FROM),
    ];
    for (group, relation) in servers {
        for row in rows(group) {
            add(row, &relation, host(row.domain.as_deref()), true);
            add(row, &relation, address(row.ip.as_deref()), true);
            let url = row.uri.as_deref().filter(|uri| is_absolute_url(uri.trim()));
            add(row, &relation, plain(ObservableType::Url, url), true);
        }
    }
    for row in rows(origins.emails.as_ref()) {
        add(row, &RelationType::RECEIVED_FROM, host(row.domain.as_deref()), true);
        add(row, &RelationType::RECEIVED_FROM, address(row.ip.as_deref()), true);
    }
    for row in rows(origins.emails.as_ref()) {
        add(row, &RelationType::FILE_NAME_OF, plain(ObservableType::FileName, file_name(row)), false);
    }
    for row in rows(origins.subjects.as_ref()) {
        let subject = row.subject.as_deref().map(cut);
        add(row, &RelationType::ATTACHED_TO, plain(ObservableType::EmailSubject, subject), true);
    }
    facts
}

fn rows(group: Option<&Rows>) -> impl Iterator<Item = &Row> {
    group.into_iter().flat_map(|group| &group.rows)
}

/// A name in its one form; an address in its place counts as what it is.
fn host(text: Option<&str>) -> Option<(Observable, String)> {
    address(text).or_else(|| plain(ObservableType::Domain, Some(name(text?)?.as_str())))
}

fn address(text: Option<&str>) -> Option<(Observable, String)> {
    let text = text?.trim();
    Some((Observable::address(text)?, ip_address(text)?.to_string()))
}

fn plain(kind: ObservableType, text: Option<&str>) -> Option<(Observable, String)> {
    let text = text?.trim();
    Some((Observable::new(kind, text)?, text.to_owned()))
}

/// The name of an attached file: `filepath`, or `uri` where it is neither URL nor path.
fn file_name(row: &Row) -> Option<&str> {
    let bare = |text: &&str| !text.contains(['/', '\\']);
    given(row.filepath.as_deref()).or_else(|| given(row.uri.as_deref()).filter(bare))
}

/// The first characters of a subject, as many as CTIM takes in a text of its size.
fn cut(subject: &str) -> &str {
    const LONGEST: usize = 1024;
    subject.char_indices().nth(LONGEST).map_or(subject, |(end, _)| &subject[..end])
}

/// Each family once, whatever its case, in the order of their names.
fn families(malware: &Malware) -> Vec<&str> {
    let external = malware.origins.as_ref().and_then(|origins| origins.external.as_ref());
    let named = [malware.family.as_ref(), external.and_then(|external| external.family.as_ref())];
    let mut distinct: BTreeMap<String, &str> = BTreeMap::new();
    for name in named.into_iter().flatten().flat_map(|families| &families.0).map(|name| name.trim()) {
        if !name.is_empty() {
            distinct.entry(name.to_lowercase()).or_insert(name);
        }
    }
    distinct.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attached_file_has_a_name_and_no_path() {
        let row = |filepath: Option<&str>, uri: Option<&str>| Row {
            filepath: filepath.map(str::to_owned),
            uri: uri.map(str::to_owned),
            ..Row::default()
        };
        for (filepath, uri, name) in [
            (Some(" a.doc "), Some("b.doc"), Some("a.doc")),
            (Some("C:\\x\\a.doc"), None, Some("C:\\x\\a.doc")),
            (Some("  "), Some("b.doc"), Some("b.doc")),
            (None, Some("http://a.example/b.doc"), None),
            (None, Some("x\\b.doc"), None),
            (None, None, None),
        ] {
            assert_eq!(file_name(&row(filepath, uri)), name, "{filepath:?} {uri:?}");
        }
    }

    #[test]
    fn a_long_subject_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "ß".repeat(2000);
        assert_eq!(cut(&long), "ß".repeat(1024));
    }
}
