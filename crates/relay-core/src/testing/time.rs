//! Bounds for whatever a test waits for, so that a hang is a failure with a name.

use std::future::Future;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for one thing: long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a whole test may take.
const TEST_LIMIT: Duration = Duration::from_secs(180);
/// Between two looks at something that a test can only ask for again and again.
const PAUSE: Duration = Duration::from_millis(2);

/// What a future yields within [`PATIENCE`].
///
/// # Panics
/// It is not ready by then; the message says `what` did not happen.
pub async fn in_time<F: Future>(what: &str, future: F) -> F::Output {
    let output = tokio::time::timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("{what}: not within {} s", PATIENCE.as_secs()))
}

/// Waits until a condition holds, for at most [`PATIENCE`].
///
/// # Panics
/// It does not hold by then; the message says `what` did not happen.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    in_time(what, async {
        while !holds().await {
            tokio::time::sleep(PAUSE).await;
        }
    })
    .await;
}

/// As [`eventually`], for tests without a runtime.
///
/// # Panics
/// As [`eventually`].
pub fn eventually_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {} s", PATIENCE.as_secs());
        thread::sleep(PAUSE);
    }
}

/// Ends the test program when the test that holds this does not end, and names the test.
pub struct TestLimit {
    /// Closed when the test lets go of it.
    _running: Option<Sender<()>>,
}

impl TestLimit {
    /// Counts from now. Benchmarks, which run on the main thread, have no limit.
    pub fn start() -> Self {
        let test = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        Self { _running: test.map(|test| watch(test, TEST_LIMIT, end_the_program)) }
    }
}

fn watch(test: String, limit: Duration, expired: impl FnOnce(&str) + Send + 'static) -> Sender<()> {
    let (running, ended) = channel();
    thread::spawn(move || {
        if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            expired(&format!("the test {test} did not end within {limit:?}"));
        }
    });
    running
}

/// A test that hangs cannot be made to fail from outside. The test runner keeps what is printed for itself, so this
/// goes past it.
fn end_the_program(why: &str) {
    let _ = writeln!(std::io::stderr(), "{why}");
    std::process::exit(101);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_end_is_named() {
        let (expired, messages) = channel();
        let report = move |why: &str| drop(expired.send(why.to_owned()));
        let running = watch("of_something".to_owned(), Duration::from_millis(1), report);
        let message = messages.recv_timeout(PATIENCE).expect("the limit passes");
        assert_eq!(message, "the test of_something did not end within 1ms");
        drop(running);
    }

    #[test]
    fn a_test_that_ends_is_left_alone() {
        let (expired, messages) = channel();
        drop(watch("of_something".to_owned(), TEST_LIMIT, move |why| drop(expired.send(why.to_owned()))));
        // The watching thread ends at once, and with it the only sender.
        assert_eq!(messages.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "the door opens: not within 30 s")]
    async fn what_never_happens_is_named() {
        eventually("the door opens", async || false).await;
    }
}
