//! A stand-in for credentials in caches and limits, from which they cannot be recovered.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use serde::{Deserialize, Serialize};

use crate::settings::SettingsError;

/// A keyed hash of a tenant's credentials. Equal credentials have equal keys within
/// one process only, or within the replicas that share a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CredentialKey([u8; 16]);

impl CredentialKey {
    /// What it is a part of: names of entries that replicas share.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Makes [`CredentialKey`]s with a key that is drawn at start and never leaves the process, or with that of all
/// replicas.
pub(crate) struct CredentialHasher(hmac::Key);

impl CredentialHasher {
    pub(crate) fn new() -> Result<Self, SettingsError> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(Self)
            .map_err(|_| SettingsError::value("workers", "the system gives no random numbers"))
    }

    /// With a key that all replicas have.
    pub(crate) fn of_replicas(key: hmac::Key) -> Self {
        Self(key)
    }

    /// The key of credentials that consist of these parts.
    pub(crate) fn key<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> CredentialKey {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&context.sign().as_ref()[..16]);
        CredentialKey(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_the_same_letters_are_told_apart_by_their_parts() {
        let hasher = CredentialHasher::new().expect("random numbers");
        assert_eq!(hasher.key(["ab", "c"]), hasher.key(["ab", "c"]));
        let all = [
            vec!["ab", "c"],
            vec!["a", "bc"],
            vec!["abc"],
            vec!["abc", ""],
            vec!["", "abc"],
            vec!["c", "ab"],
        ];
        let keys: std::collections::HashSet<CredentialKey> =
            all.iter().map(|parts| hasher.key(parts.iter().copied())).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn the_key_of_credentials_says_nothing_in_another_process() {
        let keys = [(); 2].map(|()| CredentialHasher::new().expect("random numbers").key(["ab"]));
        assert_ne!(keys[0], keys[1]);
    }
}
