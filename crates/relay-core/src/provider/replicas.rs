//! Answers that go to the store that replicas share, and come from there.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::answer::Answer;
use super::cache::CacheKey;
use crate::heavy;
use crate::shared::{Shared, Unpacked};

/// What stands before the body of a shared answer.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

/// Separates head and body; JSON has no such byte.
const END_OF_HEAD: u8 = 0;

/// The entry of the store for the answer to a call.
pub(super) struct StoreEntry {
    shared: Shared,
    name: String,
}

impl StoreEntry {
    pub(super) fn of(shared: &Shared, key: &CacheKey) -> Self {
        let CacheKey { credential, method, url, body } = key;
        let name =
            shared.answer_name(&[credential.bytes(), method.as_str().as_bytes(), url.as_bytes(), body]);
        Self { shared: shared.clone(), name }
    }

    /// The answer that another replica has received, of at most this many bytes.
    pub(super) async fn recall(&self, most: usize) -> Option<Answer> {
        let packed = self.shared.answer(self.name.clone()).await?;
        let unpacked = heavy::run(packed.bytes(), || packed.unpack(&self.shared, most)).await?;
        let Unpacked { answer, lasts } = unpacked;
        let end = answer.iter().position(|byte| *byte == END_OF_HEAD)?;
        let Head { status, headers } = serde_json::from_slice(&answer[..end]).ok()?;
        let mut kept = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            kept.append(name, HeaderValue::from_bytes(&value).ok()?);
        }
        let names: Vec<HeaderName> = kept.keys().cloned().collect();
        let status = StatusCode::from_u16(status).ok()?;
        let body = Bytes::from(answer).slice(end + 1..);
        Some(Answer::new(status, &kept, &names, body).serving_until(Instant::now() + lasts))
    }
}

/// The answers that a request has received, and that the other replicas may use. They are shared when this is dropped,
/// at the end of the request: those that could be read and in which nothing had failed.
#[derive(Default)]
pub(crate) struct ReceivedAnswers(Mutex<Vec<Received>>);

struct Received {
    entry: StoreEntry,
    answer: Answer,
    /// Until when it serves.
    until: Instant,
}

impl ReceivedAnswers {
    /// Adds an answer, which serves for this long.
    pub(super) fn add(&self, entry: StoreEntry, answer: &Answer, ttl: Duration) {
        let received = Received { entry, answer: answer.clone(), until: Instant::now() + ttl };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    }
}

impl Drop for ReceivedAnswers {
    fn drop(&mut self) {
        let mut received = std::mem::take(self.0.get_mut().unwrap_or_else(PoisonError::into_inner));
        received.retain(|received| received.answer.is_good());
        // The request is not kept waiting for it.
        if let (false, Ok(runtime)) = (received.is_empty(), Handle::try_current()) {
            runtime.spawn(async move {
                for received in received {
                    received.share().await;
                }
            });
        }
    }
}

impl Received {
    async fn share(self) {
        let Self { entry, answer, until } = self;
        let headers =
            answer.kept_headers().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
        let head = Head { status: answer.status(), headers: headers.collect() };
        let Ok(head) = serde_json::to_vec(&head) else { return };
        let share = || entry.shared.share_answer(&entry.name, until, &[&head, &[END_OF_HEAD], &answer.body]);
        heavy::run(answer.body.len(), share).await;
    }
}
