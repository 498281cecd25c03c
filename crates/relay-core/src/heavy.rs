//! Work that takes a processor for long: reading a large body, looking many observables up, writing or packing a large
//! answer.
//!
//! On the threads of the runtime it would keep all other requests waiting until it is done. So it gets a thread of its
//! own, and the operating system shares the processors fairly; only as many pieces at a time as there are processors.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::ready;
use std::thread::available_parallelism;

use futures::FutureExt;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Bytes from which work is heavy: about a millisecond of reading or writing JSON.
pub(crate) const LARGE: usize = 128 * 1024;

/// Turns of all heavy work.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(2, usize::from)));

/// Turns of the steps of large requests. Others than of the work in such a step, for which it waits without its own.
static STEPS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(2, usize::from)));

/// Observables from which a request is heavy. Hundreds of such requests begin and end together when a provider is slow,
/// and each is at work for milliseconds then.
const MANY: usize = 100;

/// Whether there are other threads to go on with what waits meanwhile.
fn has_others() -> bool {
    Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// Looks this many observables up; from [`MANY`] on, each step in its turn and on another thread.
pub(crate) async fn look_up<T>(observables: usize, lookups: impl Future<Output = T>) -> T {
    if observables < MANY || !has_others() {
        return lookups.await;
    }
    let mut lookups = pin!(lookups);
    let mut turn = Box::pin(STEPS.acquire());
    poll_fn(|context| {
        // The semaphore is never closed.
        let held = ready!(turn.poll_unpin(context));
        turn = Box::pin(STEPS.acquire());
        let step = tokio::task::block_in_place(|| lookups.as_mut().poll(context));
        drop(held);
        step
    })
    .await
}

/// Does work on this many bytes, on another thread from [`LARGE`] on.
pub(crate) async fn run<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    if bytes < LARGE || !has_others() {
        return work();
    }
    // The semaphore is never closed.
    let _turn = TURNS.acquire().await;
    tokio::task::block_in_place(work)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_heavy_work_is_done() {
        let (done, is_done) = std::sync::mpsc::channel();
        // The only thread of the runtime does it, and waits in it for the other task.
        let heavy = tokio::spawn(run(LARGE, move || is_done.recv_timeout(Duration::from_secs(30))));
        tokio::spawn(async move { done.send(()) });
        assert_eq!(heavy.await.expect("no panic"), Ok(()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_is_done_at_a_time_than_there_are_processors() {
        static AT_WORK: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let work = || {
            MOST.fetch_max(AT_WORK.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            AT_WORK.fetch_sub(1, Ordering::SeqCst);
        };
        let all: Vec<_> = (0..200).map(|_| tokio::spawn(run(LARGE, work))).collect();
        futures::future::join_all(all).await;
        let processors = available_parallelism().map_or(2, usize::from);
        assert!((1..=processors).contains(&MOST.load(Ordering::SeqCst)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_many_observables_are_looked_up() {
        let (done, is_done) = std::sync::mpsc::channel();
        let lookups = async move {
            tokio::task::yield_now().await;
            is_done.recv_timeout(Duration::from_secs(30))
        };
        let heavy = tokio::spawn(look_up(MANY, lookups));
        tokio::spawn(async move { done.send(()) });
        assert_eq!(heavy.await.expect("no panic"), Ok(()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn large_requests_take_turns_with_each_other_and_with_other_heavy_work() {
        let request = || {
            look_up(MANY, async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                    run(LARGE, || ()).await;
                }
            })
        };
        let all: Vec<_> = (0..200).map(|_| tokio::spawn(request())).collect();
        let all = futures::future::join_all(all);
        let ended = tokio::time::timeout(Duration::from_secs(30), all).await.expect("nobody waits forever");
        assert!(ended.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn little_work_is_done_where_it_comes_up() {
        let here = std::thread::current().id();
        assert_eq!(run(LARGE - 1, || std::thread::current().id()).await, here);
        assert_eq!(run(LARGE, || std::thread::current().id()).await, here, "a runtime of one thread");
        assert_eq!(
            look_up(MANY, async { std::thread::current().id() }).await,
            here,
            "a runtime of one thread"
        );
    }
}
