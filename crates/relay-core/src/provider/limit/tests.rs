use futures::FutureExt;
use futures::future::join_all;
use proptest::prelude::*;
use tokio::time::{advance, sleep};

use super::*;
use crate::call::Priority::{self, Health, Lookup};
use crate::call::RequestContext;
use crate::provider::flight::Flight;
use crate::provider::places::Places;
use crate::provider::room::{Account, FIRST, Rooms};
use crate::provider::{CredentialHasher, CredentialKey};

/// A bucket, and more places in flight than any test has calls.
#[derive(Clone)]
struct Provider {
    bucket: Arc<Bucket>,
    places: Arc<Places>,
    flight: Arc<Flight>,
    tenant: CredentialKey,
    account: Arc<Account>,
}

impl Provider {
    fn new(quotas: &[Quota]) -> Self {
        let quotas: &'static [Quota] = Box::leak(quotas.to_vec().into_boxed_slice());
        let rate = Box::leak(Box::new(Rate { name: "calls", holder: "the account", quotas }));
        Self {
            bucket: Arc::new(Bucket::new(rate, None)),
            places: Arc::new(Places::new(1000)),
            flight: Arc::new(Flight::new(1000, 1)),
            tenant: CredentialHasher::new().expect("random numbers").key([]),
            account: Arc::new(Rooms::new(1 << 30)).account(),
        }
    }

    fn with_places(self, most: usize) -> Self {
        Self { places: Arc::new(Places::new(most)), ..self }
    }

    /// A call of this weight that waits until `patience`; it is in the line from now on.
    async fn enter(&self, priority: Priority, weight: u32, patience: Instant) -> Result<Admission, Denied> {
        self.enter_within(priority, weight, Patience { place: patience, quota: patience }).await
    }

    async fn enter_within(
        &self,
        priority: Priority,
        weight: u32,
        patience: Patience,
    ) -> Result<Admission, Denied> {
        let Self { bucket, places, flight, tenant, account } = self;
        let order = Order::new(priority);
        bucket.enter(&Entry { places, flight, tenant: *tenant, account, order, patience }, weight).await
    }

    /// A call that is answered at once, and after how many milliseconds it was made.
    async fn answered(&self, priority: Priority, weight: u32) -> u64 {
        let asked = Instant::now();
        let mut admission = self.enter(priority, weight, never()).await.expect("no bound");
        admission.slot.as_mut().expect("a quota").answered();
        u64::try_from(asked.elapsed().as_millis()).expect("a short time")
    }

    /// After how many milliseconds each of several calls is made that are asked for at once.
    async fn turns(&self, calls: usize) -> Vec<u64> {
        join_all((0..calls).map(|_| self.answered(Lookup, 1))).await
    }

    /// The quota that has no place within this time, and in how many milliseconds it has one.
    async fn denied(&self, within: Duration) -> (Option<String>, u64) {
        let asked = Instant::now();
        let outcome = self.enter(Lookup, 1, asked + within).await;
        assert_eq!(asked.elapsed(), Duration::ZERO, "answered at once");
        match outcome {
            Err(Denied::Quota(QuotaUsedUp { quota, free_in, .. })) => {
                (quota, u64::try_from(free_in.as_millis()).expect("a short time"))
            }
            other => panic!("{:?}", other.map(|admission| admission.slot)),
        }
    }
}

fn never() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn calls_beyond_the_quota_wait_for_their_window() {
    let provider = Provider::new(&[Quota::per_second(2)]);
    assert_eq!(provider.turns(6).await, [0, 0, 1000, 1000, 2000, 2000]);
}

#[tokio::test(start_paused = true)]
async fn a_call_counts_from_its_answer() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    let mut first = provider.enter(Lookup, 1, never()).await.expect("a place");
    let slow = async {
        sleep(Duration::from_millis(700)).await;
        first.slot.as_mut().expect("a quota").answered();
    };
    let (next, ()) = tokio::join!(provider.answered(Lookup, 1), slow);
    assert_eq!(next, 1700);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_long_counts_from_when_it_must_have_arrived() {
    let provider = Provider::new(&[Quota::per_minute(1)]);
    let slow = provider.enter(Lookup, 1, never()).await.expect("a place");
    assert_eq!(provider.answered(Lookup, 1).await, 65_000);
    drop(slow);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_may_still_arrive() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    drop(provider.enter(Lookup, 1, never()).await.expect("a place"));
    assert_eq!(provider.answered(Lookup, 1).await, 1100);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_too_late_is_refused_at_once_and_not_taken() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    assert_eq!(provider.turns(1).await, [0]);
    let quota = Some("1 calls a second for the account".to_owned());
    assert_eq!(provider.denied(Duration::from_millis(900)).await, (quota, 1000));
    assert_eq!(provider.turns(1).await, [1000]);
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_too_far_behind_is_refused_at_once() {
    let provider = Provider::new(&[Quota::per_second(2)]);
    // Two now, two each after one and two seconds: the seventh would have to wait for three.
    let calls = (0..9).map(|_| provider.enter(Lookup, 1, Instant::now() + SECOND * 5 / 2));
    let asked = Instant::now();
    let outcomes = join_all(calls.map(|call| async {
        let outcome = call.await.map(|mut admission| admission.slot.as_mut().map(Slot::answered));
        (outcome.is_ok(), asked.elapsed().as_secs())
    }))
    .await;
    let made = [(true, 0), (true, 0), (true, 1), (true, 1), (true, 2), (true, 2)];
    assert_eq!(outcomes, [made.as_slice(), &[(false, 0); 3]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stops_waiting_leaves_its_place_to_the_next() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    assert_eq!(provider.turns(1).await, [0]);
    let given_up = timeout_at(Instant::now() + SECOND / 2, provider.answered(Lookup, 1));
    let (given_up, next) = tokio::join!(given_up, provider.answered(Lookup, 1));
    assert!(given_up.is_err());
    assert_eq!(next, 1000);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_its_window_holds_no_place_in_flight() {
    let provider = Provider::new(&[Quota::per_minute(1)]).with_places(1);
    provider.turns(1).await;
    let mut waiting = Box::pin(provider.answered(Lookup, 1));
    assert!(waiting.as_mut().now_or_never().is_none());
    let other = Provider { bucket: Provider::new(&[Quota::per_minute(1)]).bucket, ..provider.clone() };
    assert_eq!(other.turns(1).await, [0], "another kind of call has the place");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_a_place_takes_none_in_the_window() {
    let provider = Provider::new(&[Quota::per_second(1)]).with_places(1);
    let held = provider.places.try_enter(Order::new(Lookup)).expect("a place");
    let mut waiting = Box::pin(provider.answered(Lookup, 1));
    assert!(waiting.as_mut().now_or_never().is_none());
    assert_eq!(provider.answered(Health, 1).await, 0, "health has a place of its own");
    advance(SECOND / 2).await;
    drop(held);
    assert_eq!(waiting.await, 1000);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_others_is_refused_once_the_quota_comes_too_late() {
    let provider = Provider::new(&[Quota::per_minute(1)]).with_places(1);
    let _held = provider.places.try_enter(Order::new(Lookup)).expect("a place");
    let mut other = Box::pin(provider.enter(Lookup, 1, never()));
    assert!(other.as_mut().now_or_never().is_none());
    let asked = Instant::now();
    let patience = Patience { place: asked + 102 * SECOND, quota: asked + 100 * SECOND };
    let outcome = provider.enter_within(Lookup, 1, patience).await;
    assert!(matches!(outcome, Err(Denied::Quota(_))), "{outcome:?}");
    assert_eq!(asked.elapsed(), 100 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_admission_says_what_it_waited_for() {
    let waited = |admission: &Admission| (admission.quota_waited, admission.place_waited);
    let enter = async |provider: &Provider| provider.enter(Lookup, 1, never()).await.expect("no bound");
    let provider = Provider::new(&[Quota::per_second(9)]).with_places(1);
    let first = enter(&provider).await;
    assert_eq!(waited(&first), (false, false));
    let mut second = Box::pin(enter(&provider));
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    assert_eq!(waited(&second.await), (false, true));
    let provider = Provider::new(&[Quota::per_second(1)]);
    provider.turns(1).await;
    assert_eq!(waited(&enter(&provider).await), (true, false));
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_no_place_in_flight_waits_no_longer_than_it_may() {
    let provider = Provider::new(&[Quota::per_second(9)]).with_places(1);
    let _held = provider.places.try_enter(Order::new(Lookup)).expect("a place");
    let asked = Instant::now();
    let outcomes = join_all((0..3).map(|_| provider.enter(Lookup, 1, asked + SECOND))).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Denied::Place))), "{outcomes:?}");
    assert_eq!(asked.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_memory_takes_no_place_in_the_window() {
    let rooms = Arc::new(Rooms::new(2 * FIRST));
    let provider = Provider { account: rooms.account(), ..Provider::new(&[Quota::per_second(1)]) };
    let mut held = rooms.account().try_begin().expect("room");
    held.grow(2 * FIRST).await.expect("all of it");
    let denied = provider.enter(Lookup, 1, Instant::now() + SECOND).await;
    assert!(matches!(denied, Err(Denied::Memory)), "{denied:?}");
    drop(held);
    assert_eq!(provider.turns(1).await, [0]);
}

#[tokio::test(start_paused = true)]
async fn the_urgent_call_gets_the_next_place() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    provider.turns(1).await;
    let lookups = join_all((0..3).map(|_| provider.answered(Lookup, 1)));
    let health = async {
        sleep(SECOND / 2).await;
        provider.answered(Health, 1).await
    };
    let (lookups, health) = tokio::join!(lookups, health);
    assert_eq!((health, lookups), (500, vec![2000, 3000, 4000]));
}

#[tokio::test(start_paused = true)]
async fn the_scarcest_of_several_quotas_counts() {
    let provider = Provider::new(&[Quota::per_second(10), Quota::per_hour(1)]);
    assert_eq!(provider.turns(2).await, [0, 3_600_000]);
    let quota = Some("1 calls an hour for the account".to_owned());
    assert_eq!(provider.denied(SECOND).await, (quota, 3_600_000));
}

#[tokio::test(start_paused = true)]
async fn a_batch_takes_all_its_places_at_once() {
    let provider = Provider::new(&[Quota::per_minute(50)]);
    assert_eq!(provider.answered(Lookup, 20).await, 0);
    advance(SECOND * 10).await;
    assert_eq!(provider.answered(Lookup, 20).await, 0);
    // Ten are left: not enough for the next batch, and nobody passes it.
    let batch = provider.answered(Lookup, 20);
    let (batch, single) = tokio::join!(batch, provider.answered(Lookup, 1));
    assert_eq!((batch, single), (50_000, 50_000));
    advance(SECOND * 120).await;
    assert_eq!(provider.answered(Lookup, 10).await, 0);
    assert_eq!(provider.answered(Lookup, 70).await, 60_000, "more than there ever is room for");
}

#[tokio::test(start_paused = true)]
async fn the_providers_word_changes_rate_and_pauses() {
    let provider = Provider::new(&[Quota::per_second(2)]);
    provider.bucket.adapt(Quota::per_second(50));
    provider.bucket.pause(SECOND * 3, None);
    assert_eq!(provider.denied(SECOND * 2).await, (None, 3000));
    assert_eq!(provider.turns(1).await, [3000]);
    advance(SECOND * 5).await;
    assert_eq!(provider.turns(50).await, [0; 50]);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_already_hear_the_providers_word() {
    let provider = Provider::new(&[Quota::per_second(1)]);
    // The first call is made; the answer to it says how fast the others may follow.
    let word = async { provider.bucket.adapt(Quota::per_second(5)) };
    let (turns, ()) = tokio::join!(provider.turns(10), word);
    assert_eq!(turns, [0, 0, 0, 0, 0, 1000, 1000, 1000, 1000, 1000]);

    let word = async { provider.bucket.pause(SECOND * 7, None) };
    let (turns, ()) = tokio::join!(provider.turns(2), word);
    assert_eq!(turns, [7000, 7000]);

    // One that would now wait too long hears it at once too.
    let asked = Instant::now();
    let (denied, ()) = tokio::join!(provider.enter(Lookup, 5, asked + SECOND * 3), async {
        let refusal = Rejection { status: 429, body: "slower".into(), retry_after: None };
        provider.bucket.pause(SECOND * 3600, Some(refusal));
    });
    let Err(Denied::Refused(refusal)) = denied else { panic!("{denied:?}") };
    assert_eq!((refusal.plain_text().as_deref(), refusal.retry_after), (Some("slower"), Some(SECOND * 3600)));
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

#[test]
fn tiles_wait_less_long_than_lookups() {
    let deadline = Instant::now() + SECOND * 25;
    let patience = |priority| Patience::of(&RequestContext::for_tests(priority, 16, SECOND * 25));
    let lookup = patience(Lookup);
    assert!(lookup.quota < deadline - SECOND && lookup.place >= deadline - SECOND, "{lookup:?}");
    let tile = patience(Priority::Tile);
    assert!(tile.quota < deadline - SECOND * 15 && tile.place < deadline - SECOND * 15, "{tile:?}");
}

/// How long a call is on its way to the provider, and its answer on the way back, in milliseconds.
fn ways() -> impl Strategy<Value = Vec<(u64, u64, u64)>> {
    let way = prop_oneof![0_u64..50, 0_u64..2000];
    prop::collection::vec((0_u64..800, way, 0_u64..100), 1..60)
}

proptest! {
    #[test]
    fn the_provider_never_sees_more_calls_in_a_second_than_it_allows(allowed in 1_u32..20, calls in ways()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async {
            let provider = Provider::new(&[Quota::per_second(allowed)]);
            let mut asked = Instant::now();
            let seen = join_all(calls.into_iter().map(|(gap, there, back)| {
                asked += Duration::from_millis(gap);
                let (asked, provider) = (asked, &provider);
                async move {
                    sleep_until(asked).await;
                    let mut admission = provider.enter(Lookup, 1, never()).await.expect("no bound");
                    sleep(Duration::from_millis(there)).await;
                    let seen = Instant::now();
                    sleep(Duration::from_millis(back)).await;
                    admission.slot.as_mut().expect("a quota").answered();
                    seen
                }
            }))
            .await;
            for from in &seen {
                let window = *from..*from + SECOND;
                let calls = seen.iter().filter(|at| window.contains(at)).count();
                assert!(calls <= allowed as usize, "{calls} calls in a second where {allowed} are allowed");
            }
        });
    }
}

#[test]
fn a_quota_of_another_replica_is_known_by_its_length() {
    for quota in [Quota::per_second(5), Quota::per_minute(6), Quota::per_hour(7)] {
        assert_eq!(Quota::of(quota.calls, quota.per), Some(quota));
    }
    assert_eq!(Quota::of(5, Duration::from_secs(2)), None);
}
