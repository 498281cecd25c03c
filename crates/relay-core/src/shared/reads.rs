//! Answers are read in batches: what the lookups of a request ask for at the same moment is one exchange, and what others
//! ask for until it ends is the next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use tokio::sync::oneshot;

use super::Shared;
use super::metrics::Operation;
use crate::heavy;

/// Most entries of one exchange: each can be a megabyte.
const AT_ONCE: usize = 16;

/// The reads that wait for the next exchange.
#[derive(Default)]
pub(super) struct Reads(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Vec<Read>,
    /// A task reads, and goes on with what waits.
    reading: bool,
}

struct Read {
    name: String,
    found: oneshot::Sender<Vec<u8>>,
}

impl Reads {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be read now; where there is nothing, the task that asks ends.
    fn next(&self) -> Vec<Read> {
        let mut queue = self.queue();
        queue.reading = !queue.waiting.is_empty();
        std::mem::take(&mut queue.waiting)
    }
}

/// The task that reads. If it is lost, such as by a panic, the next read begins another one.
struct Reader(Shared);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.0.reads.queue().reading = false;
    }
}

impl Shared {
    /// The sealed value of an entry; nothing where there is none or the store is unavailable.
    pub(super) async fn read(&self, name: String) -> Option<Vec<u8>> {
        if self.0.link.is_unavailable() {
            return None;
        }
        let (found, answer) = oneshot::channel();
        let begins = {
            let mut queue = self.0.reads.queue();
            queue.waiting.push(Read { name, found });
            !std::mem::replace(&mut queue.reading, true)
        };
        if begins {
            // It runs when the request that asks has asked for all that it can ask for now.
            heavy::spawn(Reader(self.clone()).run());
        }
        answer.await.ok()
    }

    async fn read_batch(&self, batch: Vec<Read>) {
        // Those whose request has ended meanwhile need nothing.
        let batch: Vec<Read> = batch.into_iter().filter(|read| !read.found.is_closed()).collect();
        if batch.is_empty() {
            return;
        }
        let mut command = redis::cmd("MGET");
        for read in &batch {
            command.arg(&read.name);
        }
        let asked = self.0.link.ask(Operation::Answer, |mut connection| async move {
            command.query_async::<Vec<Option<Vec<u8>>>>(&mut connection).await
        });
        // Where it fails, the senders are dropped, and all who wait go on without the store.
        let Ok(values) = asked.await else { return };
        for (read, value) in batch.into_iter().zip(values) {
            if let Some(value) = value {
                // A request that has ended does not take it.
                let _ = read.found.send(value);
            }
        }
    }
}

impl Reader {
    async fn run(self) {
        loop {
            let mut waiting = self.0.0.reads.next();
            if waiting.is_empty() {
                return;
            }
            let mut batches = Vec::new();
            while waiting.len() > AT_ONCE {
                let rest = waiting.split_off(AT_ONCE);
                batches.push(self.0.read_batch(std::mem::replace(&mut waiting, rest)));
            }
            batches.push(self.0.read_batch(waiting));
            join_all(batches).await;
        }
    }
}
