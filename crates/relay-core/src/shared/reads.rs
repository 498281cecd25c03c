//! Answers are read in batches: what the lookups of a request ask for at the same moment is one exchange.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Shared;
use super::metrics::Operation;

/// Most entries of one exchange: each can be a megabyte.
const AT_ONCE: usize = 16;

/// The reads that wait for the next exchange.
#[derive(Default)]
pub(super) struct Reads(Mutex<Vec<Read>>);

struct Read {
    name: String,
    found: oneshot::Sender<Vec<u8>>,
}

impl Reads {
    /// Adds a read; whether it is the first one of its exchange.
    fn add(&self, read: Read) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(read);
        waiting.len() == 1
    }

    fn take(&self) -> Vec<Read> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    /// The sealed value of an entry; nothing where there is none or the store is unavailable.
    pub(super) async fn read(&self, name: String) -> Option<Vec<u8>> {
        if self.0.link.is_unavailable() {
            return None;
        }
        let (found, answer) = oneshot::channel();
        if self.0.reads.add(Read { name, found }) {
            // It runs when the request that asks has asked for all that it can ask for now.
            tokio::spawn(self.clone().read_waiting());
        }
        answer.await.ok()
    }

    async fn read_waiting(self) {
        let mut waiting = self.0.reads.take();
        while waiting.len() > AT_ONCE {
            let rest = waiting.split_off(AT_ONCE);
            tokio::spawn(self.clone().read_batch(std::mem::replace(&mut waiting, rest)));
        }
        self.read_batch(waiting).await;
    }

    async fn read_batch(self, batch: Vec<Read>) {
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
