//! Lines on their way to the reader of the log, who may be slow or stand still: nobody who logs waits for it.
//!
//! The queue is bounded, in lines and in bytes. The thread that logs leaves a line there or, where it is full, drops it; one
//! thread writes. Dropped lines are counted, and one line says how many there were when the reader goes on.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

/// Bytes that the queue may hold for each line that it may hold: far longer than an access log line.
const BYTES_PER_LINE: usize = 1024;
/// Most bytes that are written at once.
const BATCH: usize = 64 * 1024;
/// Between two tries to write to a file that must not be waited for (`O_NONBLOCK`).
const PAUSE: Duration = Duration::from_millis(10);

/// Lines that this process dropped, a metric of each of its relays.
///
/// # Errors
/// Never: the name is a good one.
pub(super) fn dropped_lines() -> Result<IntCounter, prometheus::Error> {
    static COUNTER: OnceLock<IntCounter> = OnceLock::new();
    if let Some(counter) = COUNTER.get() {
        return Ok(counter.clone());
    }
    let counter = IntCounter::new(
        "relay_log_lines_dropped_total",
        "Log lines dropped because their reader did not keep up",
    )?;
    Ok(COUNTER.get_or_init(|| counter).clone())
}

/// Where lines are left. Each write is one line.
#[derive(Clone)]
pub(super) struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Everything was written.
    emptied: Condvar,
    /// How many lines may wait.
    capacity: usize,
    dropped: IntCounter,
    /// The line that says how many were dropped.
    notice: fn(u64) -> Vec<u8>,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Dropped lines that no line has reported yet.
    unreported: u64,
    /// The thread writes what it took.
    writing: bool,
    /// The last write failed: there is no reader.
    broken: bool,
}

impl Queue {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        capacity: usize,
        dropped: IntCounter,
        notice: fn(u64) -> Vec<u8>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity,
            dropped,
            notice,
        });
        let queue = Self { shared: Arc::clone(&shared) };
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write(out))?;
        Ok(queue)
    }

    /// Leaves a line, or drops it.
    fn push(&self, line: &[u8]) {
        let shared = &self.shared;
        let mut state = shared.state();
        let fits = state.lines.len() < shared.capacity
            && state.bytes + line.len() <= shared.capacity.saturating_mul(BYTES_PER_LINE);
        // A line of any length goes into an empty queue.
        if !fits && !state.lines.is_empty() {
            state.unreported += 1;
            shared.dropped.inc();
            return;
        }
        state.push(line.to_vec());
        shared.filled.notify_one();
    }

    /// Waits until everything is written, but not longer than this.
    pub(super) fn flush(&self, patience: Duration) {
        let is_busy = |state: &mut State| state.writing || state.has_work();
        let waited = self.shared.emptied.wait_timeout_while(self.shared.state(), patience, is_busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// For `env_logger`, which writes a line at once.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    /// Lines wait, or their loss has to be reported to a reader that is there.
    fn has_work(&self) -> bool {
        !self.lines.is_empty() || self.has_report()
    }

    fn has_report(&self) -> bool {
        self.unreported > 0 && !self.broken
    }

    fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.lines.push_back(line);
    }

    /// Moves lines into a batch; how many they are.
    fn take(&mut self, batch: &mut Vec<u8>) -> u64 {
        let mut lines = 0;
        while batch.len() < BATCH
            && let Some(line) = self.lines.pop_front()
        {
            self.bytes -= line.len();
            batch.extend_from_slice(&line);
            lines += 1;
        }
        lines
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes, for as long as the process runs.
    fn write(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        loop {
            batch.clear();
            let lines = self.next(&mut batch);
            let failed = write_all(&mut out, &batch).is_err();
            let mut state = self.state();
            if failed {
                state.unreported += lines;
                self.dropped.inc_by(lines);
            }
            state.broken = failed;
            state.writing = false;
            if !state.has_work() {
                self.emptied.notify_all();
            }
        }
    }

    /// Waits for lines. That some were dropped is reported after those that waited then: the reader goes on, since
    /// the batch before this one was written.
    fn next(&self, batch: &mut Vec<u8>) -> u64 {
        let waited = self.filled.wait_while(self.state(), |state| !state.has_work());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.has_report() {
            let notice = (self.notice)(std::mem::take(&mut state.unreported));
            state.push(notice);
        }
        state.writing = true;
        state.take(batch)
    }
}

fn write_all(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::time::Instant;

    use super::*;
    use crate::testing::{PATIENCE, eventually_blocking};

    /// A reader that takes a write when the test asks for it, and fails where it is gone.
    struct Pipe(SyncSender<String>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).expect("text");
            self.0.send(text).map_err(|_| ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn counter() -> IntCounter {
        IntCounter::new("dropped", "of a test").expect("a counter")
    }

    fn queue(capacity: usize) -> (Queue, Receiver<String>, IntCounter) {
        // Without room: a write ends when the text is received.
        let (pipe, reader) = sync_channel(0);
        let dropped = counter();
        let notice = |lines| format!("{lines} dropped\n").into_bytes();
        let queue = Queue::start(Pipe(pipe), capacity, dropped.clone(), notice).expect("a thread");
        (queue, reader, dropped)
    }

    fn received(reader: &Receiver<String>) -> String {
        reader.recv_timeout(PATIENCE).expect("a write")
    }

    impl Queue {
        /// Waits until the thread holds the lines that it writes.
        fn until_writing(&self) {
            eventually_blocking("the thread writes", || {
                let state = self.shared.state();
                state.writing && state.lines.is_empty()
            });
        }
    }

    #[test]
    fn lines_come_out_in_order_and_several_at_once() {
        let (queue, reader, dropped) = queue(10);
        queue.push(b"1\n");
        queue.until_writing();
        for line in ["2\n", "3\n", "4\n"] {
            queue.push(line.as_bytes());
        }
        assert_eq!(received(&reader), "1\n");
        assert_eq!(received(&reader), "2\n3\n4\n");
        queue.flush(PATIENCE);
        assert_eq!(dropped.get(), 0);
    }

    #[test]
    fn a_reader_that_stands_still_costs_lines_and_nobodys_time() {
        let (queue, reader, dropped) = queue(3);
        queue.push(b"0\n");
        queue.until_writing();
        let start = Instant::now();
        for number in 1..=1000 {
            queue.push(format!("{number}\n").as_bytes());
        }
        assert!(start.elapsed() < PATIENCE);
        assert_eq!(dropped.get(), 997);
        assert_eq!(received(&reader), "0\n");
        assert_eq!(received(&reader), "1\n2\n3\n997 dropped\n");
        queue.push(b"1001\n");
        assert_eq!(received(&reader), "1001\n", "what was reported once is reported again");
        queue.flush(PATIENCE);
        assert_eq!(dropped.get(), 997);
    }

    #[test]
    fn dropped_lines_are_reported_even_when_nothing_more_is_logged() {
        let (queue, reader, _) = queue(1);
        queue.push(b"0\n");
        queue.until_writing();
        queue.push(b"1\n");
        queue.push(b"2\n");
        assert_eq!(received(&reader), "0\n");
        assert_eq!(received(&reader), "1\n1 dropped\n");
        queue.flush(PATIENCE);
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let (queue, reader, dropped) = queue(2);
        let long = "x".repeat(5 * BYTES_PER_LINE);
        // Nothing else waits, so it may.
        queue.push(long.as_bytes());
        queue.until_writing();
        queue.push(b"1\n");
        queue.push(long.as_bytes());
        queue.push(b"2\n");
        assert_eq!(dropped.get(), 1);
        assert_eq!(received(&reader), long);
        assert_eq!(received(&reader), "1\n2\n1 dropped\n");
    }

    #[test]
    fn much_is_written_in_parts() {
        let (queue, reader, _) = queue(200);
        queue.push(b"0\n");
        queue.until_writing();
        let line = format!("{}\n", "x".repeat(999));
        for _ in 0..100 {
            queue.push(line.as_bytes());
        }
        assert_eq!(received(&reader), "0\n");
        assert_eq!(received(&reader).len(), 66_000);
        assert_eq!(received(&reader).len(), 34_000);
    }

    #[test]
    fn a_flush_waits_for_the_reader_but_not_for_ever() {
        let (queue, reader, _) = queue(10);
        queue.flush(PATIENCE);
        queue.push(b"1\n");
        let start = Instant::now();
        queue.flush(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20), "nobody has read it");
        let read = thread::spawn(move || received(&reader));
        queue.flush(PATIENCE);
        assert!(start.elapsed() < PATIENCE);
        assert!(!queue.shared.state().writing);
        assert_eq!(read.join().expect("a line"), "1\n");
    }

    #[test]
    fn without_a_reader_lines_are_counted_and_the_thread_rests() {
        let (queue, reader, dropped) = queue(10);
        drop(reader);
        queue.push(b"1\n");
        eventually_blocking("the write fails", || dropped.get() == 1);
        queue.flush(PATIENCE);
        // The report of it is not tried again and again: it goes out after the next line that can be written.
        assert_eq!(queue.shared.state().unreported, 1);
        queue.push(b"2\n");
        eventually_blocking("the next write fails", || dropped.get() == 2);
        queue.flush(PATIENCE);
        assert_eq!(queue.shared.state().unreported, 2);
    }

    #[test]
    fn a_write_may_be_short_interrupted_or_too_early() {
        struct Moody(Vec<io::Result<usize>>, Vec<u8>);
        impl Write for Moody {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let written = self.0.remove(0)?;
                self.1.extend_from_slice(&bytes[..written]);
                Ok(written)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let moods =
            vec![Ok(2), Err(ErrorKind::Interrupted.into()), Ok(1), Err(ErrorKind::WouldBlock.into()), Ok(3)];
        let mut out = Moody(moods, Vec::new());
        write_all(&mut out, b"abcdef").expect("all of it");
        assert_eq!(out.1, b"abcdef");
        for end in [Ok(0), Err(ErrorKind::BrokenPipe.into())] {
            assert!(write_all(&mut Moody(vec![end], Vec::new()), b"x").is_err());
        }
    }
}
