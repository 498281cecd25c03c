//! The id under which a request is found in logs: the caller's where it is harmless, else a new one.

use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// 1 to 64 characters of `[A-Za-z0-9._-]`: nothing that could forge a log line or a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's id where it is well formed, else a new one (UUID version 7, so ids sort by time).
    pub(crate) fn accept(offered: Option<&[u8]>) -> Self {
        let harmless = |id: &&[u8]| {
            (1..=64).contains(&id.len())
                && id.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        match offered.filter(harmless).and_then(|id| std::str::from_utf8(id).ok()) {
            Some(id) => Self(id.into()),
            None => Self(
                Uuid::now_v7().as_hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned().into(),
            ),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Runs a future whose log lines carry the id.
pub(crate) fn with_request_id<F: Future>(id: RequestId, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(id, future)
}

/// The id of the request that the current task works for.
pub(crate) fn current_request_id() -> Option<RequestId> {
    CURRENT.try_with(RequestId::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_harmless_id_of_the_caller_is_kept() {
        assert_eq!(RequestId::accept(Some(b"a-1.B_2")).as_str(), "a-1.B_2");
    }

    proptest! {
        #[test]
        fn an_id_is_always_harmless(offered in prop::collection::vec(any::<u8>(), 0..80)) {
            let id = RequestId::accept(Some(&offered));
            prop_assert!((1..=64).contains(&id.as_str().len()));
            prop_assert!(id.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)));
        }
    }
}
