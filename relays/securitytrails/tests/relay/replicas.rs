//! Two relays that share a store, and a limit per second.

use std::sync::Arc;
use std::time::Duration;

use provider_sim::Fault;
use relay_testkit::{Store, errors};

use crate::limits::most_in_a_second;
use crate::{SIDE, setup};

#[tokio::test(flavor = "multi_thread")]
async fn no_second_sees_more_calls_of_two_replicas_than_an_account_has() {
    let Some(store) = Store::start() else { return };
    let setup = setup().claim("key", "two-a-second").shared(&store);
    let one = setup.clone().start().await;
    let two = setup.before(Arc::clone(&one.sim));
    for stage in [&one, &two] {
        stage.until_metrics("relay_shared_up{relay=\"securitytrails\"} 1").await;
    }
    // A third of the calls is slow to be answered.
    one.sim.faults().add(Fault::latency(Duration::from_millis(150)).on(SIDE).path("/history/"));
    let (answer, other) = tokio::join!(
        one.observe(&[("ip", "198.18.1.1"), ("domain", "pages-1.a.example")]),
        two.observe(&[("domain", "pages-1.b.example"), ("ip", "198.18.1.2")]),
    );
    assert_eq!((errors(&answer), errors(&other)), (vec![], vec![]));
    let calls = one.sim.calls_to(SIDE);
    assert_eq!((calls.len(), most_in_a_second(&calls)), (6, 2), "{calls:?}");
}
