//! Collections: curated case files that contain the observable.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use relay_core::ctim::{Bundle, ExternalReference, MemberOf, ObservedTime, Text, Timestamp};

use super::Mapping;
use crate::model::{Linkage, Linked};
use crate::module::TITLE;

impl Mapping<'_> {
    /// A sighting and an indicator for each, the newest first, at most `room`.
    pub(super) fn collections(&self, linkage: &Linkage, room: usize, bundle: &mut Bundle) {
        let mut known = BTreeSet::new();
        let mut collections: Vec<(Option<Timestamp>, &str, &Linked)> = linkage
            .linked
            .items
            .iter()
            .filter(|linked| linked.kind.as_deref().is_none_or(|kind| kind == "casefile"))
            .filter_map(|linked| Some((linked.id.as_deref().filter(|id| !id.trim().is_empty())?, linked)))
            .filter(|(id, _)| known.insert(*id))
            .map(|(id, linked)| {
                (linked.created.as_deref().and_then(Timestamp::parse_assuming_utc), id, linked)
            })
            .collect();
        // Stable; those without a time come last.
        collections.sort_by_key(|(created, ..)| Reverse(*created));
        collections.truncate(room);
        let last = collections.len().checked_sub(1);
        // The API has no further page: as many as were asked for may not be all.
        let more = linkage.linked.received as u64 >= self.options.collections;
        for (position, (created, id, linked)) in collections.into_iter().enumerate() {
            let note = (more && last == Some(position)).then(|| {
                let asked = self.options.collections;
                format!("IBM X-Force Exchange returned the {asked} collections that were asked for; there may be more")
            });
            self.collection(id, linked, created, note, bundle);
        }
    }

    fn collection(
        &self,
        id: &str,
        linked: &Linked,
        created: Option<Timestamp>,
        note: Option<String>,
        bundle: &mut Bundle,
    ) {
        let key = format!("collection:{id}");
        let title = linked.title.as_deref().filter(|title| !title.trim().is_empty());
        let name = title.unwrap_or(id);
        let page = self.links.collection(title, id);
        let reference = ExternalReference::new(Text::constant(TITLE)).external_id(id).url(page.clone());
        let sighting = self
            .sighting(&key, ObservedTime::at(created.unwrap_or(self.now)))
            .title(format!("Contained in Collection: {name}"))
            .description(note)
            .internal(linked.category.as_deref() == Some("1owned"))
            .external_id(id)
            .external_reference(reference.clone())
            .source_uri(page.clone());
        let indicator = self
            .indicator(&key)
            .title(name)
            .producer(linked.owner.as_ref().and_then(|owner| owner.name.as_deref()))
            .external_id(id)
            .external_reference(reference)
            .source_uri(page);
        bundle.relate(&sighting, MemberOf, &indicator);
        bundle.push(sighting);
        bundle.push(indicator);
    }
}
