//! Provider answers that serve again, and equal calls at the same time that share one.

use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use reqwest::Method;

use super::answer::Answer;
use super::credential::CredentialKey;

/// What makes two calls equal. The credential is in it as a keyed hash, so no tenant gets another's answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CacheKey {
    pub(super) credential: CredentialKey,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) body: Bytes,
}

/// Answers by call. Failures are not kept.
pub(super) struct AnswerCache(Cache<CacheKey, Answer>);

/// An entry of up to this size counts as one, a larger one as several: the memory stays bounded too.
const ENTRY_BYTES: usize = 16 * 1024;

impl AnswerCache {
    /// With a `ttl` of zero nothing is kept, but equal calls still share one while it runs.
    pub(super) fn new(ttl: Duration, entries: u64) -> Self {
        let entries = if ttl.is_zero() { 0 } else { entries };
        Self(
            Cache::builder()
                .max_capacity(entries)
                .weigher(|_, answer: &Answer| {
                    u32::try_from(answer.body.len() / ENTRY_BYTES + 1).unwrap_or(u32::MAX)
                })
                .time_to_live(ttl)
                .build(),
        )
    }

    /// A kept answer. One that nobody can read is forgotten: the provider may have recovered.
    pub(super) async fn get(&self, key: &CacheKey) -> Option<Answer> {
        let answer = self.0.get(key).await?;
        if answer.is_unreadable() {
            self.0.invalidate(key).await;
            return None;
        }
        Some(answer)
    }

    /// For calls that are made once for all who ask at the same time.
    pub(super) fn entries(&self) -> &Cache<CacheKey, Answer> {
        &self.0
    }
}
