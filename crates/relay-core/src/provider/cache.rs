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

/// An entry of up to this size counts as one, a larger one as several. So the memory is bounded too: 80 MiB for the
/// default of 10,000 entries.
const ENTRY_BYTES: usize = 8 * 1024;
/// What an entry takes besides its texts.
const OVERHEAD: usize = 512;

impl AnswerCache {
    /// With a `ttl` of zero nothing is kept, but equal calls still share one while it runs.
    pub(super) fn new(ttl: Duration, entries: u64) -> Self {
        let entries = if ttl.is_zero() { 0 } else { entries };
        let cache = Cache::builder()
            .max_capacity(entries)
            .weigher(|key: &CacheKey, answer: &Answer| {
                let bytes = OVERHEAD + key.url.len() + key.body.len() + answer.body.len();
                u32::try_from(bytes.div_ceil(ENTRY_BYTES)).unwrap_or(u32::MAX)
            })
            .time_to_live(ttl);
        Self(cache.build())
    }

    /// A kept answer. One that could not be read, or that failed in parts, is forgotten: the provider may have recovered.
    /// So is one of another replica whose time is over.
    pub(super) async fn get(&self, key: &CacheKey) -> Option<Answer> {
        let answer = self.0.get(key).await?;
        if answer.is_spent() {
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

#[cfg(test)]
mod tests {

    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::provider::CredentialHasher;

    /// How many bytes of answers are kept of a hundred, each of this size, where ten entries are allowed.
    async fn kept(bytes: usize) -> usize {
        let cache = AnswerCache::new(Duration::from_secs(60), 10);
        let credential = CredentialHasher::new().expect("random numbers").key([]);
        for number in 0..100 {
            let key = CacheKey {
                credential,
                method: Method::GET,
                url: format!("https://acme.example/{number}"),
                body: Bytes::new(),
            };
            let body = Bytes::from(vec![0; bytes]);
            let answer = Answer::new(StatusCode::OK, &HeaderMap::new(), &[], body);
            cache.entries().insert(key, answer).await;
        }
        cache.entries().run_pending_tasks().await;
        cache.entries().iter().map(|(_, answer)| answer.body.len()).sum()
    }

    #[tokio::test]
    async fn large_answers_count_as_several_so_that_the_memory_is_bounded() {
        // Small ones count as one each.
        assert_eq!(kept(100).await, 10 * 100);
        for bytes in [4_000, 8_000, 20_000, 60_000] {
            let kept = kept(bytes).await;
            assert!(kept <= 10 * ENTRY_BYTES, "{kept} bytes of answers of {bytes} bytes");
        }
        assert_eq!(kept(200_000).await, 0, "one that is larger than all of it");
    }
}
