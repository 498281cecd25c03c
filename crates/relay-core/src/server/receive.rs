//! Request bodies: received within their size, their time, and the memory of all of them together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::envelope::Reply;
use crate::error::{Code, Error};
use crate::settings::Settings;
use crate::telemetry::{Bound, Metrics};

/// What a client has to send in each second after the first: less is a client that only holds the connection.
const LEAST_PER_SECOND: usize = 16 * 1024;
/// The first piece of memory for a body.
const FIRST: usize = 4 * 1024;

/// Receives the bodies of all connections.
pub(super) struct Receiver {
    max_body: usize,
    time: Duration,
    memory: Arc<Memory>,
    metrics: Arc<Metrics>,
}

/// Memory that bodies share. What was taken of it comes back when a [`Body`] is dropped.
struct Memory {
    limit: usize,
    taken: AtomicUsize,
}

/// A body, and its share of the memory.
struct Body {
    bytes: Vec<u8>,
    memory: Arc<Memory>,
    taken: usize,
}

impl Receiver {
    pub(super) fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        let memory = Memory { limit: settings.connections.body_memory, taken: AtomicUsize::new(0) };
        Self {
            max_body: settings.max_body,
            time: settings.connections.body_timeout,
            memory: Arc::new(memory),
            metrics,
        }
    }

    /// The body, whose share of the memory comes back when it is dropped. After a refusal the connection has to be
    /// closed: the rest of the body is still to come.
    pub(super) async fn receive(&self, request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Reply> {
        let begun = Instant::now();
        let announced = announced(request);
        if announced.is_some_and(|length| length > self.max_body) {
            return Err(self.too_large());
        }
        let largest = announced.unwrap_or(self.max_body);
        let mut body = Body { bytes: Vec::new(), memory: Arc::clone(&self.memory), taken: 0 };
        loop {
            let chunk = match timeout_at(begun + self.time_for(body.bytes.len()), payload.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(None) => return Ok(Bytes::from_owner(body)),
                Ok(Some(Err(_))) => {
                    let message = "Invalid JSON payload received. The body broke off.";
                    return Err(Reply::failed(Error::fatal(Code::INVALID_ARGUMENT, message)));
                }
                Err(_) => {
                    self.metrics.bounds.hit(Bound::BodyTime);
                    let message = "The request body did not arrive in time.";
                    return Err(Reply::failed(Error::fatal(Code::TIMEOUT, message)));
                }
            };
            if body.bytes.len() + chunk.len() > self.max_body {
                return Err(self.too_large());
            }
            if !body.add(&chunk, largest) {
                self.metrics.bounds.hit(Bound::BodyMemory);
                let message = "The relay is receiving too many requests; ask again in a moment";
                return Err(Reply::refused(503, Error::fatal(Code::UNAVAILABLE, message)));
            }
        }
    }

    /// Until when the next bytes have to come, from the beginning.
    fn time_for(&self, received: usize) -> Duration {
        let paid = Duration::from_secs_f64(received as f64 / LEAST_PER_SECOND as f64);
        self.time.min(Duration::from_secs(1) + paid)
    }

    fn too_large(&self) -> Reply {
        let limit = self.max_body;
        let message = format!("The request body is larger than {limit} bytes (RELAY_MAX_BODY).");
        Reply::refused(413, Error::fatal(Code::PAYLOAD_TOO_LARGE, message))
    }
}

/// The length of the body, where its head says it.
fn announced(request: &HttpRequest) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

impl Body {
    /// Adds bytes; false where there is no memory for them.
    fn add(&mut self, chunk: &[u8], largest: usize) -> bool {
        let needed = self.bytes.len() + chunk.len();
        if needed > self.taken {
            let room = needed.max(FIRST).max(self.taken * 2).min(largest.max(needed));
            if !self.memory.take(room - self.taken) {
                return false;
            }
            self.taken = room;
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(chunk);
        true
    }
}

impl Memory {
    fn take(&self, bytes: usize) -> bool {
        let taken = self.taken.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = taken <= self.limit;
        if !fits {
            self.taken.fetch_sub(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.taken, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(memory: &Arc<Memory>) -> Body {
        Body { bytes: Vec::new(), memory: Arc::clone(memory), taken: 0 }
    }

    #[test]
    fn bodies_share_their_memory_and_give_it_back() {
        let memory = Arc::new(Memory { limit: 10_000, taken: AtomicUsize::new(0) });
        let (mut one, mut other) = (body(&memory), body(&memory));
        assert!(one.add(&[1; 6000], 8000));
        assert!(!other.add(&[2; 5000], 8000));
        assert!(other.add(&[2; 100], 100));
        assert_eq!(memory.taken.load(Ordering::Relaxed), 6100);
        assert!(one.add(&[1; 1900], 8000), "memory for the announced length, not for twice as much");
        assert_eq!((one.bytes.len(), one.bytes.capacity()), (7900, 8000));
        let bytes = Bytes::from_owner(one);
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(memory.taken.load(Ordering::Relaxed), 8100);
        drop((part, other));
        assert_eq!(memory.taken.load(Ordering::Relaxed), 0);
    }
}
