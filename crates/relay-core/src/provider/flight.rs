//! Places for the calls of all tenants together. Each call in flight holds a connection; without a bound two hundred
//! tenants would have thousands of them, and their answers would come faster than they can be mapped.
//!
//! A tenant always has the places that one observable takes. All other places go, as they come free, to the tenant with
//! the fewest calls in flight, so a tenant with one observable does not wait for one with a thousand.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::credential::CredentialKey;
use super::places::Order;

/// Calls in flight of all tenants together. A connection takes some 50 kB with TLS, so these take 25 MiB; at providers
/// that answer within 300 ms they are 1,700 calls a second, more than one core maps.
pub(super) const MOST: usize = 512;

/// Places that a tenant has in any case: as many as the calls about one observable.
pub(super) const OWN: usize = 4;

/// The calls in flight of all tenants.
pub(super) struct Flight {
    most: usize,
    own: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// The tenants with calls in flight or waiting.
    tenants: HashMap<CredentialKey, Line>,
    /// How many of them wait.
    waiting: usize,
}

#[derive(Default)]
struct Line {
    in_flight: usize,
    /// A call that stopped waiting is passed over when its turn comes.
    waiting: BTreeMap<Order, oneshot::Sender<Seat>>,
}

/// The place of a call in flight.
#[derive(Debug)]
pub(super) struct Seat {
    flight: Arc<Flight>,
    tenant: CredentialKey,
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Flight {
    /// For this many calls at a time, and in any case this many of each tenant.
    pub(super) fn new(most: usize, own: usize) -> Self {
        Self { most, own, state: Mutex::default() }
    }

    /// A place, if there is one now. Calls that go before lookups always have one: they are few.
    pub(super) fn try_enter(self: &Arc<Self>, tenant: CredentialKey, order: Order) -> Option<Seat> {
        let mut state = self.lock();
        let free = state.in_flight < self.most && state.waiting == 0;
        let is_own = state.tenants.get(&tenant).is_none_or(|line| line.in_flight < self.own);
        (free || is_own || order.is_urgent()).then(|| {
            state.in_flight += 1;
            state.tenants.entry(tenant).or_default().in_flight += 1;
            self.seat(tenant)
        })
    }

    /// A place, as soon as there is one.
    pub(super) async fn enter(self: &Arc<Self>, tenant: CredentialKey, order: Order) -> Seat {
        loop {
            if let Some(seat) = self.try_enter(tenant, order) {
                return seat;
            }
            let (grant, granted) = oneshot::channel();
            {
                let mut state = self.lock();
                state.tenants.entry(tenant).or_default().waiting.insert(order, grant);
                state.waiting += 1;
            }
            self.serve();
            // The sender is kept until it grants a place.
            if let Ok(seat) = granted.await {
                return seat;
            }
        }
    }

    fn seat(self: &Arc<Self>, tenant: CredentialKey) -> Seat {
        Seat { flight: Arc::clone(self), tenant }
    }

    /// Gives free places to those who wait.
    fn serve(self: &Arc<Self>) {
        // Places that were granted to calls that have stopped waiting; dropping one takes the lock again.
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        while state.waiting > 0 {
            let waiting = state.tenants.iter().filter_map(|(tenant, line)| {
                let (order, _) = line.waiting.first_key_value()?;
                Some((order.priority(), line.in_flight, *order, *tenant))
            });
            let next = waiting.min_by_key(|(priority, in_flight, order, _)| (*priority, *in_flight, *order));
            let Some((_, in_flight, order, tenant)) = next else { break };
            if state.in_flight >= self.most && in_flight >= self.own {
                break;
            }
            state.waiting -= 1;
            let Some(grant) = state.tenants.get_mut(&tenant).and_then(|line| line.waiting.remove(&order))
            else {
                break;
            };
            if grant.is_closed() {
                state.forget_idle(tenant);
                continue;
            }
            state.in_flight += 1;
            state.tenants.entry(tenant).or_default().in_flight += 1;
            unwanted.extend(grant.send(self.seat(tenant)).err());
        }
        drop(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget_idle(&mut self, tenant: CredentialKey) {
        if self.tenants.get(&tenant).is_some_and(|line| line.in_flight == 0 && line.waiting.is_empty()) {
            self.tenants.remove(&tenant);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.flight.lock();
        state.in_flight -= 1;
        if let Some(line) = state.tenants.get_mut(&self.tenant) {
            line.in_flight -= 1;
        }
        state.forget_idle(self.tenant);
        drop(state);
        self.flight.serve();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::call::Priority::{self, Health, Lookup, Tile};
    use crate::provider::CredentialHasher;

    fn tenants<const N: usize>() -> [CredentialKey; N] {
        let hasher = CredentialHasher::new().expect("random numbers");
        std::array::from_fn(|number| hasher.key([number.to_string().as_str()]))
    }

    fn fill(flight: &Arc<Flight>, tenant: CredentialKey) -> Vec<Seat> {
        std::iter::from_fn(|| flight.try_enter(tenant, Order::new(Lookup))).take(100).collect()
    }

    fn enter(
        flight: &Arc<Flight>,
        tenant: CredentialKey,
        priority: Priority,
    ) -> std::pin::Pin<Box<impl Future<Output = Seat>>> {
        let (flight, order) = (Arc::clone(flight), Order::new(priority));
        let mut waiting = Box::pin(async move { flight.enter(tenant, order).await });
        assert!(waiting.as_mut().now_or_never().is_none(), "there was a place");
        waiting
    }

    #[test]
    fn a_tenant_without_calls_and_urgent_calls_always_have_a_place() {
        let flight = Arc::new(Flight::new(8, 1));
        let [one, other] = tenants();
        assert_eq!(fill(&flight, one).len(), 8);
        let held = fill(&flight, one);
        let first = flight.try_enter(other, Order::new(Lookup));
        assert!(first.is_some() && flight.try_enter(other, Order::new(Lookup)).is_none());
        assert!(flight.try_enter(one, Order::new(Health)).is_some());
        drop((held, first));
        let state = flight.lock();
        assert_eq!((state.in_flight, state.tenants.len(), state.waiting), (0, 0, 0));
    }

    #[tokio::test]
    async fn a_free_place_goes_to_the_tenant_with_the_fewest_calls() {
        let flight = Arc::new(Flight::new(4, 1));
        let [many, few] = tenants();
        let mut held = fill(&flight, many);
        let more = enter(&flight, many, Lookup);
        let first = flight.try_enter(few, Order::new(Lookup)).expect("its first");
        let tile = enter(&flight, few, Tile);
        let second = enter(&flight, few, Lookup);
        // One more is in flight than there are places.
        held.truncate(2);
        let second = second.now_or_never().expect("the tenant with one call goes first");
        held.pop();
        let more = more.now_or_never().expect("lookups go before tiles");
        drop((first, second));
        assert!(tile.now_or_never().is_some());
        drop((held, more));
    }

    #[tokio::test]
    async fn a_tenant_has_its_own_places_beside_the_calls_of_others() {
        let flight = Arc::new(Flight::new(8, 3));
        let [many, few] = tenants();
        let held = fill(&flight, many);
        assert_eq!(held.len(), 8);
        let mut own = fill(&flight, few);
        assert_eq!(own.len(), 3);
        let fourth = enter(&flight, few, Lookup);
        own.pop();
        // No place of all is free, but the tenant has fewer than its own.
        assert!(fourth.now_or_never().is_some());
        drop(held);
    }

    #[tokio::test]
    async fn a_call_that_stops_waiting_takes_no_place_with_it() {
        let flight = Arc::new(Flight::new(1, 1));
        let [one, other] = tenants();
        let held = fill(&flight, one);
        let (gone, granted, last) = (enter(&flight, one, Lookup), enter(&flight, one, Lookup), other);
        drop(gone);
        drop(held);
        // It has the place by now, but never takes it.
        drop(granted);
        assert_eq!(fill(&flight, last).len(), 1);
        let state = flight.lock();
        assert_eq!((state.in_flight, state.tenants.len(), state.waiting), (0, 0, 0));
    }
}
