//! Which requests are answered now: a bounded number, and while several tenants have requests at work none of them
//! more than a quarter of that. What is more is refused at once; nothing waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::CredentialKey;

/// Who asks; nobody is known before the token is checked, nor where there is none.
type Tenant = Option<CredentialKey>;

/// For how long a tenant that was refused counts as waiting: it was asked to come back after a second.
const WAITING: Duration = Duration::from_secs(2);

/// Requests that come together would all end at their deadline together, thousands of lookups each, and keep a small
/// request waiting meanwhile. So each has a little less time than the one before it: the last of as many as there may
/// be, this fraction less.
const SPREAD: usize = 6;

/// The requests at work.
pub(crate) struct Admission {
    most: usize,
    /// Of one tenant while others wait.
    share: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    at_work: usize,
    tenants: HashMap<Tenant, usize>,
    /// The two tenants that were refused last, the later one first.
    refused: [Option<(Tenant, Instant)>; 2],
}

/// Why a request is not answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are as many at work as there may be.
    Full,
    /// The tenant has its share, and others wait.
    Share,
}

/// One request at work, until it is dropped.
pub(crate) struct Place {
    admission: Arc<Admission>,
    tenant: Mutex<Tenant>,
    /// How many were at work before it.
    before: usize,
}

impl Admission {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, share: (most / 4).max(1), state: Mutex::default() })
    }

    /// A place for a request. `identify` says whose it is; it is asked only where that decides.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn enter(self: &Arc<Self>, identify: impl FnOnce() -> Tenant) -> Result<Place, Refusal> {
        // Below the share of one tenant nobody can have more than that.
        let mut state = self.state();
        let tenant = if state.at_work < self.share {
            None
        } else {
            drop(state);
            let tenant = identify();
            state = self.state();
            self.check(&mut state, tenant)?;
            tenant
        };
        let before = state.at_work;
        state.at_work += 1;
        *state.tenants.entry(tenant).or_default() += 1;
        Ok(Place { admission: Arc::clone(self), tenant: Mutex::new(tenant), before })
    }

    fn check(&self, state: &mut State, tenant: Tenant) -> Result<(), Refusal> {
        let own = state.tenants.get(&tenant).copied().unwrap_or_default();
        let refusal = if state.at_work >= self.most {
            Refusal::Full
        } else if own >= self.share && state.others_wait(tenant) {
            Refusal::Share
        } else {
            return Ok(());
        };
        if tenant.is_some() {
            if state.refused[0].is_some_and(|(last, _)| last != tenant) {
                state.refused[1] = state.refused[0];
            }
            state.refused[0] = Some((tenant, Instant::now()));
        }
        Err(refusal)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether another tenant, one that is known, has requests at work or was refused lately.
    fn others_wait(&self, tenant: Tenant) -> bool {
        let is_other = |other: &Tenant| other.is_some() && *other != tenant;
        self.tenants.keys().any(is_other)
            || self.refused.iter().flatten().any(|(other, at)| is_other(other) && at.elapsed() < WAITING)
    }

    fn leave(&mut self, tenant: Tenant) {
        if let Some(count) = self.tenants.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}

impl Place {
    /// How much of the time that requests have this one may take.
    pub(crate) fn time(&self, allowed: Duration) -> Duration {
        let most = self.admission.most.max(1);
        allowed.mul_f64(1.0 - self.before.min(most) as f64 / (most * SPREAD) as f64)
    }

    /// Says whose request it is, once the token was checked.
    pub(crate) fn belongs_to(&self, credential: CredentialKey) {
        let mut tenant = self.tenant.lock().unwrap_or_else(PoisonError::into_inner);
        if tenant.is_none() {
            let mut state = self.admission.state();
            state.leave(None);
            *state.tenants.entry(Some(credential)).or_default() += 1;
            *tenant = Some(credential);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let tenant = *self.tenant.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.admission.state();
        state.at_work -= 1;
        state.leave(tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::CredentialHasher;

    fn tenants<const N: usize>() -> [Tenant; N] {
        let hasher = CredentialHasher::new().expect("random numbers");
        std::array::from_fn(|number| Some(hasher.key([number.to_string().as_str()])))
    }

    /// As many places as the tenant gets, at most `most`.
    fn places(admission: &Arc<Admission>, tenant: Tenant, most: usize) -> Vec<Place> {
        (0..most).map_while(|_| place(admission, tenant).ok()).collect()
    }

    fn place(admission: &Arc<Admission>, tenant: Tenant) -> Result<Place, Refusal> {
        let place = admission.enter(|| tenant)?;
        if let Some(credential) = tenant {
            place.belongs_to(credential);
        }
        Ok(place)
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenant_alone_may_have_all_places() {
        let admission = Admission::new(8);
        let [one, other] = tenants();
        let mut held = places(&admission, one, 9);
        assert_eq!(held.len(), 8);
        assert_eq!(place(&admission, one).err(), Some(Refusal::Full));
        assert_eq!(place(&admission, other).err(), Some(Refusal::Full));
        // The place that comes free is for the one who waits.
        held.pop();
        assert_eq!(place(&admission, one).err(), Some(Refusal::Share));
        let theirs = place(&admission, other).expect("a place");
        drop((held, theirs));
        tokio::time::advance(WAITING).await;
        assert_eq!(places(&admission, one, 9).len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn while_several_ask_each_has_at_most_a_quarter() {
        let admission = Admission::new(8);
        let [one, two, three, four, five] = tenants();
        let first = place(&admission, one).expect("a place");
        let held: Vec<_> =
            [two, one, three, four].map(|tenant| places(&admission, tenant, 9).len()).into_iter().collect();
        assert_eq!(held, [2, 1, 2, 2], "each beside the others' first ones");
        drop(first);
        let held = [one, two, three, four].map(|tenant| places(&admission, tenant, 2));
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 8);
        assert_eq!(place(&admission, five).err(), Some(Refusal::Full));
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_come_together_end_one_after_the_other() {
        let admission = Admission::new(24);
        let [one] = tenants();
        let seconds = |place: &Place| place.time(Duration::from_secs(24)).as_secs_f64();
        let held = places(&admission, one, 24);
        assert!((seconds(&held[0]) - 24.0).abs() < 1e-6, "alone it has all the time");
        assert!((seconds(&held[12]) - 22.0).abs() < 1e-6);
        assert!(held.windows(2).all(|two| seconds(&two[0]) > seconds(&two[1])));
        assert!(seconds(&held[23]) > 20.0);
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_have_a_share_like_a_tenant() {
        let admission = Admission::new(8);
        let [one] = tenants();
        let strangers = places(&admission, None, 9);
        assert_eq!(strangers.len(), 8, "nobody else asks");
        drop(strangers);
        let held = place(&admission, one).expect("a place");
        let strangers = places(&admission, None, 9);
        assert_eq!(strangers.len(), 2);
        // They take nothing from a tenant that is alone otherwise.
        drop(held);
        assert_eq!(places(&admission, one, 9).len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_about_the_tenant_while_there_is_room_for_all() {
        let admission = Admission::new(8);
        let [one] = tenants();
        let first = admission.enter(|| panic!("too early")).expect("a place");
        let second = admission.enter(|| panic!("too early")).expect("a place");
        let mut asked = false;
        let third = admission.enter(|| {
            asked = true;
            one
        });
        assert!(third.is_ok() && asked);
        drop((first, second, third));
        let state = admission.state();
        assert_eq!((state.at_work, state.tenants.len()), (0, 0));
    }
}
