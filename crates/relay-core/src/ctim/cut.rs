//! Cuts an answer that has too many entities: fairly, and so that what is left fits together.

use std::collections::{HashMap, HashSet, VecDeque};

use indexmap::IndexMap;

use super::bundle::{Bundle, Collection};
use super::{Entity, Observable, Reference, Relationship};

/// A place in one of a bundle's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Verdict(usize),
    Judgement(usize),
    Sighting(usize),
    Indicator(usize),
    Relationship(usize),
}

impl Bundle {
    /// The bundle with at most `most` entities, and how many were left out.
    ///
    /// Observables take turns: each adds its verdict with the judgement behind it, then its other judgements, then its
    /// sightings, each with the indicators and relationships that belong to it. A relationship stays where both of its
    /// ends do.
    pub fn cut(mut self, most: usize) -> (Self, usize) {
        let all = self.len();
        if all <= most {
            return (self, 0);
        }
        let kept = Plan::of(&self).keep(most);
        retain(&mut self.verdicts, |at| kept.contains(&Place::Verdict(at)));
        retain(&mut self.judgements, |at| kept.contains(&Place::Judgement(at)));
        retain(&mut self.sightings, |at| kept.contains(&Place::Sighting(at)));
        retain(&mut self.indicators, |at| kept.contains(&Place::Indicator(at)));
        retain(&mut self.relationships, |at| kept.contains(&Place::Relationship(at)));
        self.note_identities();
        let left_out = all - self.len();
        (self, left_out)
    }
}

fn retain<T>(list: &mut Collection<T>, keep: impl Fn(usize) -> bool) {
    let mut at = 0;
    list.docs.retain(|_| {
        at += 1;
        keep(at - 1)
    });
}

/// What belongs together in a bundle.
struct Plan<'b> {
    /// The entities of each observable, in the order in which they are kept; an indicator without a relationship is one
    /// of its own.
    turns: IndexMap<Option<&'b Observable>, VecDeque<Place>>,
    relationships: &'b [Relationship],
    /// The relationships of an entity.
    edges: HashMap<Reference, Vec<usize>>,
    /// Where the entities with an id are.
    places: HashMap<Reference, Place>,
    ids: HashMap<Place, Reference>,
    /// The judgements behind verdicts.
    behind: HashMap<Place, Place>,
}

impl<'b> Plan<'b> {
    fn of(bundle: &'b Bundle) -> Self {
        let mut plan = Self {
            turns: IndexMap::new(),
            relationships: bundle.relationships(),
            edges: HashMap::new(),
            places: HashMap::new(),
            ids: HashMap::new(),
            behind: HashMap::new(),
        };
        for (at, relationship) in plan.relationships.iter().enumerate() {
            for end in relationship.ends() {
                plan.edges.entry(end).or_default().push(at);
            }
        }
        for (at, verdict) in bundle.verdicts().iter().enumerate() {
            plan.turns.entry(Some(verdict.observable())).or_default().push_back(Place::Verdict(at));
        }
        plan.add(bundle.judgements(), Place::Judgement);
        plan.add(bundle.sightings(), Place::Sighting);
        plan.add(bundle.indicators(), Place::Indicator);
        for (at, verdict) in bundle.verdicts().iter().enumerate() {
            if let Some(place) = verdict.judgement_id().and_then(|id| plan.places.get(&id)) {
                plan.behind.insert(Place::Verdict(at), *place);
            }
        }
        plan
    }

    fn add<T: Entity>(&mut self, entities: &'b [T], place: fn(usize) -> Place) {
        for (at, entity) in entities.iter().enumerate() {
            let (place, id) = (place(at), Reference::from(entity.id()));
            self.places.insert(id, place);
            self.ids.insert(place, id);
            // An indicator comes with what it is related to.
            if !matches!(place, Place::Indicator(_)) || !self.edges.contains_key(&id) {
                self.turns.entry(entity.about()).or_default().push_back(place);
            }
        }
    }

    /// What is kept of it.
    fn keep(mut self, most: usize) -> HashSet<Place> {
        let mut kept = HashSet::new();
        let mut turns = std::mem::take(&mut self.turns);
        while !turns.is_empty() {
            turns.retain(|_, places| {
                let Some(next) = places.pop_front() else { return false };
                let together = self.together(next, &kept);
                // What does not fit ends the turns of its observable: what follows matters less.
                let fits = kept.len() + together.len() <= most;
                if fits {
                    kept.extend(together);
                }
                fits
            });
        }
        kept
    }

    /// An entity with all that has to be kept with it, less what is kept already.
    fn together(&self, entity: Place, kept: &HashSet<Place>) -> HashSet<Place> {
        let mut together = HashSet::new();
        let mut open = vec![entity];
        while let Some(place) = open.pop() {
            if kept.contains(&place) || !together.insert(place) {
                continue;
            }
            open.extend(self.behind.get(&place));
            let edges = self.ids.get(&place).and_then(|id| self.edges.get(id));
            for at in edges.into_iter().flatten() {
                let ends = self.relationships[*at].ends().map(|end| self.places.get(&end).copied());
                let other = ends.into_iter().flatten().find(|other| *other != place);
                match other {
                    Some(other @ Place::Indicator(_)) => open.push(other),
                    Some(other) if kept.contains(&other) || together.contains(&other) => {}
                    // It comes with its other end.
                    _ => continue,
                }
                together.insert(Place::Relationship(*at));
            }
        }
        together
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ctim::{
        BasedOn, Disposition, Indicator, Judgement, ObservableType, ObservedTime, Origin, Sighting,
        SightingOf, Timestamp, ValidTime, Verdict,
    };

    const ORIGIN: Origin = Origin::new("acme", "Acme");

    fn observable(number: usize) -> Observable {
        Observable::new(ObservableType::Domain, format!("{number}.example").as_str()).expect("a value")
    }

    fn now() -> Timestamp {
        Timestamp::from_clock(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The given number of sightings for each observable, each of an indicator of its own and of one that all share; where there is
    /// one, a verdict with a judgement that rests on the shared indicator.
    fn bundle(sightings: &[usize], verdicts: bool) -> Bundle {
        let mut bundle = Bundle::new();
        let shared = Indicator::new(ORIGIN, "shared", ValidTime::none());
        for (number, count) in sightings.iter().enumerate() {
            let about = observable(number);
            if verdicts {
                let time = ValidTime::none();
                let judgement = Judgement::new(ORIGIN, "opinion", &about, Disposition::Malicious, time);
                bundle.relate(&judgement, BasedOn, &shared);
                bundle.push(Verdict::new(&about, Disposition::Malicious, time).based_on(&judgement));
                bundle.push(judgement);
            }
            for at in 0..*count {
                let key = format!("{at}");
                let sighting = Sighting::new(ORIGIN, &key, &about, ObservedTime::at(now()));
                let own = Indicator::new(ORIGIN, &format!("{number} {at}"), ValidTime::none());
                bundle.relate(&sighting, SightingOf, &own);
                bundle.relate(&sighting, SightingOf, &shared);
                bundle.push(sighting);
                bundle.push(own);
            }
        }
        if !sightings.is_empty() {
            bundle.push(shared);
        }
        bundle
    }

    fn of_each(bundle: &Bundle, observables: usize) -> Vec<usize> {
        let of = |number| {
            let about = observable(number);
            bundle.sightings().iter().filter(|sighting| sighting.about() == Some(&about)).count()
        };
        (0..observables).map(of).collect()
    }

    #[test]
    fn an_answer_within_the_bound_stays_as_it_is() {
        let whole = bundle(&[2, 1], true);
        let (same, left_out) = whole.clone().cut(whole.len());
        assert_eq!((same.counts(), left_out), (whole.counts(), 0));
    }

    #[test]
    fn a_busy_observable_leaves_room_to_the_quiet_ones() {
        let whole = bundle(&[1000, 1, 0, 3], true);
        let (cut, left_out) = whole.clone().cut(60);
        assert_eq!(cut.verdicts().len(), 4);
        assert_eq!(cut.judgements().len(), 4);
        let sightings = of_each(&cut, 4);
        assert_eq!(sightings[1..], [1, 0, 3]);
        assert!(sightings[0] >= 4, "{sightings:?}");
        assert!(cut.len() <= 60 && cut.len() > 55, "{}", cut.len());
        assert_eq!(left_out, whole.len() - cut.len());
    }

    #[test]
    fn nothing_fits_into_nothing() {
        let (cut, left_out) = bundle(&[3], false).cut(0);
        assert!(cut.is_empty());
        assert_eq!(left_out, 3 * 4 + 1);
    }

    proptest! {
        #[test]
        fn what_is_left_fits_together(
            sightings in proptest::collection::vec(0_usize..12, 1..8), verdicts in any::<bool>(), most in 0_usize..120,
        ) {
            let whole = bundle(&sightings, verdicts);
            let all = whole.len();
            let (cut, left_out) = whole.cut(most);
            prop_assert!(cut.len() <= most);
            prop_assert_eq!(cut.len() + left_out, all);
            prop_assert_eq!(cut.counts().iter().map(|(_, count)| count).sum::<usize>(), cut.len());
            let ids: HashSet<Reference> = cut.sightings().iter().map(|one| one.id().into())
                .chain(cut.judgements().iter().map(|one| one.id().into()))
                .chain(cut.indicators().iter().map(|one| one.id().into()))
                .collect();
            for relationship in cut.relationships() {
                prop_assert!(relationship.ends().iter().all(|end| ids.contains(end)));
            }
            for verdict in cut.verdicts() {
                prop_assert!(verdict.judgement_id().is_some_and(|id| ids.contains(&id)));
            }
            // Each sighting has both of its indicators.
            let edges = cut.relationships().len() - cut.judgements().len();
            prop_assert_eq!(edges, 2 * cut.sightings().len());
            // Each observable has its turn: none has two more than one that has more to give.
            let got = of_each(&cut, sightings.len());
            for (one, had) in got.iter().zip(&sightings) {
                let least = *got.iter().max().unwrap_or(&0);
                prop_assert!(one == had || one + 1 >= least, "{got:?} of {sightings:?}");
            }
        }
    }
}
