//! Provider answers that serve again, and equal calls at the same time that share one.

use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use moka::future::Cache;
use reqwest::Method;

use super::answer::Answer;
use super::credential::CredentialKey;
use super::failure::Failure;

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

/// What is kept for a key, or else made by the first who asks and shared by all who ask meanwhile. A failure that
/// lies in the platform request that made it says nothing to the others: they try again.
pub(super) async fn shared<K, V, F>(cache: &Cache<K, V>, key: &K, make: impl Fn() -> F) -> Result<V, Failure>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: Future<Output = Result<V, Failure>>,
{
    loop {
        let ours = AtomicBool::new(false);
        // Boxed: the cache keeps a call in several places of its own state.
        let call = Box::pin(async {
            ours.store(true, Ordering::Relaxed);
            make().await
        });
        match cache.try_get_with(key.clone(), call).await {
            Err(failure) if failure.is_the_requests() && !ours.load(Ordering::Relaxed) => {}
            outcome => return outcome.map_err(|failure| (*failure).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;
    use tokio::sync::Notify;

    use super::*;
    use crate::provider::CredentialHasher;
    use crate::testing::in_time;

    #[tokio::test]
    async fn whoever_waits_for_a_request_that_ends_itself_makes_the_call() {
        let (calls, both_wait) = (AtomicUsize::new(0), Notify::new());
        let made = async || {
            if calls.fetch_add(1, Ordering::Relaxed) > 0 {
                return Ok(7);
            }
            both_wait.notified().await;
            Err(Failure::NoMemory)
        };
        let cache: Cache<u8, u8> = Cache::new(1);
        let outcomes = async {
            tokio::join!(biased; shared(&cache, &1, made), shared(&cache, &1, made), async {
                both_wait.notify_one();
            })
        };
        let (first, second, ()) = in_time("two answers", outcomes).await;
        assert!(matches!(first, Err(Failure::NoMemory)), "{first:?}");
        assert!(matches!(second, Ok(7)), "{second:?}");
        assert_eq!(calls.into_inner(), 2);
    }

    #[tokio::test]
    async fn a_failure_of_the_provider_is_shared_by_all_who_wait() {
        let (calls, both_wait) = (AtomicUsize::new(0), Notify::new());
        let made = async || {
            calls.fetch_add(1, Ordering::Relaxed);
            both_wait.notified().await;
            Err(Failure::Timeout(Duration::from_secs(1)))
        };
        let cache: Cache<u8, u8> = Cache::new(1);
        let outcomes = async {
            tokio::join!(biased; shared(&cache, &1, made), shared(&cache, &1, made), async {
                both_wait.notify_one();
            })
        };
        let (first, second, ()) = in_time("two failures", outcomes).await;
        assert!(matches!((first, second), (Err(Failure::Timeout(_)), Err(Failure::Timeout(_)))));
        assert_eq!(calls.into_inner(), 1);
    }

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
