//! Places among a credential's calls in flight: a few at a time, the more urgent ones first.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::call::Priority;

/// Where a call stands among those that wait: by priority, then by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    priority: Priority,
    arrived: u64,
}

impl Order {
    /// Behind all calls of this priority that came before.
    pub(super) fn new(priority: Priority) -> Self {
        static ARRIVED: AtomicU64 = AtomicU64::new(0);
        Self { priority, arrived: ARRIVED.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) fn priority(self) -> Priority {
        self.priority
    }

    /// Whether it goes before lookups.
    pub(super) fn is_urgent(self) -> bool {
        self.priority < Priority::Lookup
    }
}

/// Places beside those of lookups and tiles that only response actions and health checks take.
const KEPT: usize = 2;
/// Places that calls for tiles take at most.
pub(super) const FOR_TILES: usize = 4;

/// The calls that one credential has in flight.
pub(super) struct Places {
    /// For lookups and tiles.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    urgent: usize,
    lookups: usize,
    tiles: usize,
    /// Calls without a place. A call that stopped waiting is passed over when its turn comes.
    waiting: BTreeMap<Order, oneshot::Sender<Place>>,
}

/// A place that a call in flight holds.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    priority: Priority,
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Places {
    /// For this many calls at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// A place, if there is one now.
    pub(super) fn try_enter(self: &Arc<Self>, order: Order) -> Option<Place> {
        self.lock().take(self.most, order.priority).then(|| self.place(order.priority))
    }

    /// A place, as soon as there is one.
    pub(super) async fn enter(self: &Arc<Self>, order: Order) -> Place {
        loop {
            let granted = {
                let mut state = self.lock();
                if state.take(self.most, order.priority) {
                    return self.place(order.priority);
                }
                let (grant, granted) = oneshot::channel();
                state.waiting.insert(order, grant);
                granted
            };
            // The sender is kept until it grants a place, so this ends with one.
            if let Ok(place) = granted.await {
                return place;
            }
        }
    }

    fn place(self: &Arc<Self>, priority: Priority) -> Place {
        Place { places: Arc::clone(self), priority }
    }

    fn release(self: &Arc<Self>, priority: Priority) {
        // Places that were granted to calls that have stopped waiting; dropping one takes the lock again.
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        *state.count(priority) -= 1;
        while let Some(first) = state.waiting.first_entry() {
            let order = *first.key();
            if first.get().is_closed() {
                first.remove();
                continue;
            }
            if !state.take(self.most, order.priority) {
                break;
            }
            let grant = state.waiting.remove(&order);
            let place = self.place(order.priority);
            unwanted.extend(match grant {
                Some(grant) => grant.send(place).err(),
                None => Some(place),
            });
        }
        drop(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a place for a call, if there is one. One that waits already never could: see [`Places::release`].
    fn take(&mut self, most: usize, priority: Priority) -> bool {
        let others = self.lookups + self.tiles;
        let room = self.urgent + others < most + KEPT;
        let free = match priority {
            Priority::Action | Priority::Health => room,
            Priority::Lookup => room && others < most,
            Priority::Tile => room && others < most && self.tiles < FOR_TILES,
        };
        *self.count(priority) += usize::from(free);
        free
    }

    fn count(&mut self, priority: Priority) -> &mut usize {
        match priority {
            Priority::Action | Priority::Health => &mut self.urgent,
            Priority::Lookup => &mut self.lookups,
            Priority::Tile => &mut self.tiles,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.release(self.priority);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::join_all;

    use super::*;
    use crate::call::Priority::{Action, Health, Lookup, Tile};

    fn places(most: usize) -> Arc<Places> {
        Arc::new(Places::new(most))
    }

    fn enter(places: &Arc<Places>, priority: Priority) -> impl Future<Output = Place> {
        let (places, order) = (Arc::clone(places), Order::new(priority));
        async move { places.enter(order).await }
    }

    /// Takes as many places as there are for calls of a kind, and says how many.
    fn fill(places: &Arc<Places>, priority: Priority) -> Vec<Place> {
        std::iter::from_fn(|| places.try_enter(Order::new(priority))).take(100).collect()
    }

    #[test]
    fn two_places_are_kept_for_actions_and_health() {
        let places = places(3);
        let lookups = fill(&places, Lookup);
        assert_eq!(lookups.len(), 3);
        assert_eq!(fill(&places, Tile).len(), 0);
        let health = places.try_enter(Order::new(Health));
        let action = places.try_enter(Order::new(Action));
        assert!(health.is_some() && action.is_some());
        assert!(places.try_enter(Order::new(Action)).is_none(), "a third");
        drop(lookups);
        // All in all no more than the kept ones beside the others.
        assert_eq!(fill(&places, Action).len(), 3);
    }

    #[test]
    fn tiles_leave_places_to_lookups() {
        let places = places(16);
        let tiles = fill(&places, Tile);
        assert_eq!((tiles.len(), fill(&places, Lookup).len()), (4, 12));
    }

    #[tokio::test(start_paused = true)]
    async fn the_urgent_ones_go_first_then_in_order_of_arrival() {
        let places = places(1);
        let urgent = fill(&places, Health);
        assert_eq!(urgent.len(), 3);
        let started = std::sync::Mutex::new(Vec::new());
        let kinds =
            [("t1", Tile), ("l1", Lookup), ("h", Health), ("l2", Lookup), ("a", Action), ("t2", Tile)];
        let calls = join_all(kinds.map(|(name, priority)| {
            let place = enter(&places, priority);
            let started = &started;
            async move {
                let place = place.await;
                started.lock().unwrap().push(name);
                // Others get their turn when this one is done.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                drop(place);
            }
        }));
        tokio::join!(calls, async {
            for place in urgent {
                drop(place);
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
        let started = started.into_inner().unwrap();
        assert_eq!(started, ["a", "h", "l1", "l2", "t1", "t2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_takes_no_place_with_it() {
        let places = places(1);
        let held = fill(&places, Lookup);
        let mut gone = Box::pin(enter(&places, Lookup));
        assert!(gone.as_mut().now_or_never().is_none());
        let mut granted_and_gone = Box::pin(enter(&places, Lookup));
        assert!(granted_and_gone.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        // It has the place by now, but never takes it.
        drop(granted_and_gone);
        assert!(enter(&places, Lookup).now_or_never().is_some(), "the place is lost");
    }
}
