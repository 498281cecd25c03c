//! Work that takes a processor for long: answering a request about hundreds of observables, reading or writing a large
//! body.
//!
//! On the threads that serve all requests it would keep the others waiting until it is done. So a large request is
//! answered on threads of its own ([`Threads`]), to which the operating system gives less of the processors; and a large
//! piece of another request lets the other tasks of its thread go on elsewhere ([`run`]).

use std::cell::OnceCell;
use std::io;
use std::sync::LazyLock;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::telemetry::{current_request_id, with_request_id};

/// Bytes from which work is heavy: about a millisecond of reading or writing JSON.
pub(crate) const LARGE: usize = 128 * 1024;

/// Bytes of a body from which its request is large: a hundred observables.
const LARGE_REQUEST: usize = 4 * 1024;

/// How much later than others the threads of large requests get a processor ("nice"): with 5, they get a quarter of one
/// that both want.
const LARGE_REQUEST_NICE: i32 = 5;

/// Turns of heavy work, as many as there are processors.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(processors()));

thread_local! {
    /// On a thread of large requests: the runtime of the others.
    static OTHERS: OnceCell<Handle> = const { OnceCell::new() };
}

fn processors() -> usize {
    available_parallelism().map_or(2, usize::from)
}

/// Whether this thread answers large requests.
pub(crate) fn is_for_large_requests() -> bool {
    OTHERS.with(|others| others.get().is_some())
}

fn spawn_on<F>(runtime: &Handle, task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    match current_request_id() {
        Some(id) => runtime.spawn(with_request_id(id, task)),
        None => runtime.spawn(task),
    }
}

/// The threads that requests are answered on.
pub(crate) struct Threads {
    others: Handle,
    large: Option<Runtime>,
}

impl Threads {
    /// Starts threads for large requests, beside those of the current runtime.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn start() -> io::Result<Self> {
        let others = Handle::current();
        let known = others.clone();
        let large = Builder::new_multi_thread()
            .worker_threads((processors() / 2).max(1))
            .thread_name("large")
            .on_thread_start(move || {
                OTHERS.with(|others| drop(others.set(known.clone())));
                // The thread alone, on Linux. Where it may not be, both have the same priority.
                #[cfg(target_os = "linux")]
                let _ = rustix::process::setpriority_process(None, LARGE_REQUEST_NICE);
            })
            .enable_all()
            .build()?;
        Ok(Self { others, large: Some(large) })
    }

    /// Answers a request with a body of this many bytes. Log lines of the task carry the id of the request.
    pub(crate) fn spawn<F>(&self, bytes: usize, answer: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let large = self.large.as_ref().filter(|_| bytes >= LARGE_REQUEST);
        spawn_on(large.map_or(&self.others, Runtime::handle), answer)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Without waiting, which is not allowed on a thread of a runtime.
        if let Some(large) = self.large.take() {
            large.shutdown_background();
        }
    }
}

/// Starts a task that does not belong to one request alone.
pub(crate) fn spawn<F>(task: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let others = OTHERS.with(|others| others.get().cloned());
    spawn_on(&others.unwrap_or_else(Handle::current), task)
}

/// Does work on this many bytes; from [`LARGE`] on, the other tasks of this thread go on elsewhere meanwhile.
pub(crate) async fn run<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let has_others =
        || Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
    if bytes < LARGE || is_for_large_requests() || !has_others() {
        return work();
    }
    // The semaphore is never closed.
    let _turn = TURNS.acquire().await;
    tokio::task::block_in_place(work)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::telemetry::RequestId;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_heavy_work_is_done() {
        let (done, is_done) = mpsc::channel();
        // The only thread of the runtime does it, and waits in it for the other task.
        let heavy = tokio::spawn(run(LARGE, move || is_done.recv_timeout(PATIENCE)));
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
        assert!((1..=processors()).contains(&MOST.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn little_work_is_done_where_it_comes_up() {
        let here = std::thread::current().id();
        assert_eq!(run(LARGE - 1, || std::thread::current().id()).await, here);
        assert_eq!(run(LARGE, || std::thread::current().id()).await, here, "a runtime of one thread");
    }

    #[tokio::test]
    async fn others_are_answered_while_all_threads_of_large_requests_are_busy() {
        let threads = Threads::start().expect("threads");
        let (done, is_done) = mpsc::channel::<()>();
        // No request of a thread below ends before the small one, which the thread of this test answers.
        let is_done = std::sync::Arc::new(std::sync::Mutex::new(is_done));
        let large: Vec<_> = (0..processors())
            .map(|_| {
                let is_done = std::sync::Arc::clone(&is_done);
                threads.spawn(LARGE_REQUEST, async move {
                    is_done.lock().expect("no panic").recv_timeout(PATIENCE)
                })
            })
            .collect();
        let small = threads.spawn(LARGE_REQUEST - 1, async { std::thread::current().id() });
        assert_eq!(small.await.expect("no panic"), std::thread::current().id());
        for _ in &large {
            done.send(()).expect("still waited for");
        }
        for answer in large {
            assert_eq!(answer.await.expect("no panic"), Ok(()));
        }
    }

    #[tokio::test]
    async fn what_a_large_request_starts_for_others_runs_on_their_threads() {
        let threads = Threads::start().expect("threads");
        let here = std::thread::current().id();
        let answer = threads.spawn(LARGE_REQUEST, async move {
            assert_ne!(std::thread::current().id(), here);
            spawn(async { std::thread::current().id() }).await.expect("no panic")
        });
        assert_eq!(answer.await.expect("no panic"), here);
    }

    #[tokio::test]
    async fn tasks_carry_the_id_of_their_request() {
        let threads = Threads::start().expect("threads");
        let id = || async { current_request_id().map(|id| id.as_str().to_owned()) };
        let answer = async move { (id().await, spawn(id()).await.expect("no panic")) };
        let answer = with_request_id(RequestId::accept(Some(b"a-1")), async {
            threads.spawn(LARGE_REQUEST, answer).await
        });
        let expected = || Some("a-1".to_owned());
        assert_eq!(answer.await.expect("no panic"), (expected(), expected()));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_of_large_requests_have_a_lower_priority() {
        let threads = Threads::start().expect("threads");
        let own = || rustix::process::getpriority_process(None).expect("a priority");
        let before = own();
        let of_large = threads.spawn(LARGE_REQUEST, async move { own() }).await.expect("no panic");
        assert_eq!((of_large, own()), (LARGE_REQUEST_NICE, before));
    }
}
