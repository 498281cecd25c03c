//! What is written without anybody waiting for it: one task sends it, many commands in one exchange.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use redis::Cmd;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Task;
use super::link::Link;
use super::metrics::Operation;

/// Commands that may wait; what is beyond that is left out.
const WAITING: usize = 1024;
/// Bytes of them that may wait.
const WAITING_BYTES: usize = 8 * 1024 * 1024;
/// How long a command waits for others to go with it: an exchange costs more than the commands in it.
const GATHER: Duration = Duration::from_millis(5);
/// Commands of one exchange.
const AT_ONCE: usize = 64;
/// Bytes of one exchange, beyond which no further command goes with it.
const BYTES_AT_ONCE: usize = 256 * 1024;

pub(super) struct Writes {
    waiting: mpsc::Sender<Write>,
    bytes: Arc<AtomicUsize>,
    received: Mutex<Option<mpsc::Receiver<Write>>>,
    task: OnceLock<Task>,
}

impl Writes {
    pub(super) fn new() -> Self {
        let (waiting, received) = mpsc::channel(WAITING);
        Self { waiting, bytes: Arc::default(), received: Mutex::new(Some(received)), task: OnceLock::new() }
    }

    pub(super) fn begin(&self, link: &Arc<Link>) {
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(received) = received {
            let task = tokio::spawn(send(received, Arc::clone(link)));
            let _ = self.task.set(Task(task.abort_handle()));
        }
    }

    pub(super) fn add(&self, command: Cmd) {
        let bytes = command.get_packed_command().len();
        let write = Write { command, counted: Counted { bytes, all: Arc::clone(&self.bytes) } };
        // Where too much waits, the store is behind: entries that are missing cost a call or a wait, memory costs more.
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= WAITING_BYTES {
            let _ = self.waiting.try_send(write);
        }
    }
}

struct Write {
    command: Cmd,
    counted: Counted,
}

/// The bytes of a command, for as long as it waits.
struct Counted {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

async fn send(mut waiting: mpsc::Receiver<Write>, link: Arc<Link>) {
    while let Some(first) = waiting.recv().await {
        sleep(GATHER).await;
        let mut pipeline = redis::pipe();
        let mut bytes = first.counted.bytes;
        let mut sent = vec![first.counted];
        pipeline.add_command(first.command).ignore();
        while sent.len() < AT_ONCE
            && bytes < BYTES_AT_ONCE
            && let Ok(next) = waiting.try_recv()
        {
            bytes += next.counted.bytes;
            sent.push(next.counted);
            pipeline.add_command(next.command).ignore();
        }
        // A failure is counted there; what was to be written is lost.
        let _ = link
            .ask(Operation::Write, |mut connection| async move {
                pipeline.query_async::<()>(&mut connection).await
            })
            .await;
    }
}
