//! Answers that go to the store that replicas share, and come from there.

use std::fmt;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::answer::Answer;
use super::cache::CacheKey;
use crate::heavy;
use crate::shared::{Learnt, Shared, Unpacked};

/// What stands before the body of a shared answer.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

/// Separates head and body; JSON has no such byte.
const END_OF_HEAD: u8 = 0;

/// The name of the answer to a call.
fn name(shared: &Shared, key: &CacheKey) -> String {
    let CacheKey { credential, method, url, body } = key;
    shared.answer_name(&[credential.bytes(), method.as_str().as_bytes(), url.as_bytes(), body])
}

/// The answer to a call that another replica has received, of at most this many bytes.
pub(super) async fn recall(shared: &Shared, key: &CacheKey, most: usize) -> Option<Answer> {
    let packed = shared.answer(name(shared, key)).await?;
    let Unpacked { answer, lasts } = heavy::run(packed.bytes(), || packed.unpack(shared, most)).await?;
    let end = answer.iter().position(|byte| *byte == END_OF_HEAD)?;
    let Head { status, headers } = serde_json::from_slice(&answer[..end]).ok()?;
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        kept.append(name, HeaderValue::from_bytes(&value).ok()?);
    }
    let names: Vec<HeaderName> = kept.keys().cloned().collect();
    let status = StatusCode::from_u16(status).ok()?;
    Some(Answer::new(status, &kept, &names, Bytes::from(answer).slice(end + 1..)).lasting(lasts))
}

/// An answer that the other replicas may use. It is shared when it is dropped, at the end of the request that made the
/// call, if it could be read and nothing in it had failed.
pub(crate) struct LearntAnswer {
    answer: Answer,
    /// Taken when it is shared.
    learnt: Option<Learnt>,
}

impl fmt::Debug for LearntAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

impl LearntAnswer {
    pub(super) fn new(shared: &Shared, key: &CacheKey, answer: &Answer, ttl: std::time::Duration) -> Self {
        let until = tokio::time::Instant::now() + ttl;
        let learnt = Learnt { shared: shared.clone(), name: name(shared, key), until };
        Self { answer: answer.clone(), learnt: Some(learnt) }
    }
}

impl Drop for LearntAnswer {
    fn drop(&mut self) {
        let (Some(learnt), Ok(runtime)) = (self.learnt.take(), Handle::try_current()) else { return };
        if !self.answer.is_good() {
            return;
        }
        let answer = self.answer.clone();
        // The request is not kept waiting for it.
        runtime.spawn(async move {
            let headers = answer
                .kept_headers()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
            let head = Head { status: answer.status(), headers: headers.collect() };
            let Ok(head) = serde_json::to_vec(&head) else { return };
            heavy::run(answer.body.len(), || learnt.share(&[&head, &[END_OF_HEAD], &answer.body])).await;
        });
    }
}
