//! Names and seals of entries: what is in the store says nothing to those who can read it there.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hkdf, hmac};

/// Made from one secret that all replicas of a relay have.
pub(crate) struct Keys {
    relay: &'static str,
    names: hmac::Key,
    seal: RandomizedNonceKey,
}

/// What kind of entry it is; a part of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The calls under a rate.
    Window,
    /// For how long the provider wants no call.
    Pause,
    /// The quota that the provider's headers give.
    Quota,
    /// An action that was taken a moment ago.
    Trigger,
    /// An answer of the provider.
    Answer,
    /// What tenants' providers refuse.
    Refusals,
    /// The replicas that are alive.
    Replicas,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Pause => "pause",
            Self::Quota => "quota",
            Self::Trigger => "trigger",
            Self::Answer => "answer",
            Self::Refusals => "refusals",
            Self::Replicas => "replicas",
        }
    }
}

const SALT: &[u8] = b"relay shared store";

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl Keys {
    pub(crate) fn new(relay: &'static str, secret: &[u8]) -> Result<Self, Unspecified> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let mut seal = [0; 32];
        root.expand(&[b"seal"], &AES_256_GCM)?.fill(&mut seal)?;
        let names = root.expand(&[b"names"], hmac::HMAC_SHA256)?.into();
        Ok(Self { relay, names, seal: RandomizedNonceKey::new(&AES_256_GCM, &seal)? })
    }

    /// What credentials are hashed with, so that all replicas agree on who a tenant is.
    pub(crate) fn names(&self) -> hmac::Key {
        self.names.clone()
    }

    /// A keyed hash of parts, in hexadecimal digits.
    pub(crate) fn digest<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
        let mut context = hmac::Context::with_key(&self.names);
        for part in parts {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
        let hash = context.sign();
        hash.as_ref()[..16].iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// The name of the entry that these parts identify.
    pub(crate) fn name<'a>(&self, kind: Kind, parts: impl IntoIterator<Item = &'a [u8]>) -> String {
        let digest = self.digest([kind.name().as_bytes()].into_iter().chain(parts));
        format!("relay:{}:{}:{digest}", self.relay, kind.name())
    }

    /// Seals a value for the entry of this name; nothing where the system gives no random numbers.
    pub(crate) fn seal(&self, name: &str, mut value: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = self.seal.seal_in_place_append_tag(Aad::from(name), &mut value).ok()?;
        value.extend_from_slice(nonce.as_ref());
        Some(value)
    }

    /// The value of the entry of this name; nothing where it was sealed with another key, or for another entry.
    pub(crate) fn open(&self, name: &str, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let end = sealed.len().checked_sub(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(&sealed[end..]).ok()?;
        let length = self.seal.open_in_place(nonce, Aad::from(name), &mut sealed[..end]).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8) -> Keys {
        Keys::new("acme", &[secret; 32]).expect("keys")
    }

    #[test]
    fn all_replicas_agree_on_names_and_no_two_entries_share_one() {
        let name =
            |secret, kind, parts: &[&str]| keys(secret).name(kind, parts.iter().map(|part| part.as_bytes()));
        let first = name(1, Kind::Window, &["ab", "c"]);
        assert_eq!(first, name(1, Kind::Window, &["ab", "c"]));
        assert!(first.starts_with("relay:acme:window:") && first.len() == 18 + 32, "{first}");
        let others = [
            name(1, Kind::Window, &["a", "bc"]),
            name(1, Kind::Pause, &["ab", "c"]).replace("pause", "window"),
            name(2, Kind::Window, &["ab", "c"]),
        ];
        assert!(!others.contains(&first));
    }

    #[test]
    fn a_value_opens_with_its_key_and_its_name_only() {
        let sealed = keys(1).seal("one", b"secret".to_vec()).expect("sealed");
        assert_ne!(sealed, keys(1).seal("one", b"secret".to_vec()).expect("sealed"), "another nonce");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        assert_eq!(keys(1).open("one", sealed.clone()).as_deref(), Some(&b"secret"[..]));
        assert_eq!(keys(1).open("two", sealed.clone()), None);
        assert_eq!(keys(2).open("one", sealed.clone()), None);
        let cut = |length: usize| keys(1).open("one", sealed[..length].to_vec());
        assert!((0..sealed.len()).all(|length| cut(length).is_none()));
    }
}
