//! Answers of the provider that all replicas use: packed, sealed, and lapsing when they lapse here.

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use tokio::time::Instant;

use super::keys::Kind;
use super::{Shared, milliseconds};

/// The largest answer that is shared, packed.
const MOST: usize = 1024 * 1024;
/// A larger one is not packed to find out: nothing that providers send shrinks to less than a sixteenth.
const MOST_UNPACKED: usize = 16 * MOST;

/// Before the packed answer stands until when it serves: milliseconds by the store's clock.
type Until = u64;
const UNTIL_BYTES: usize = size_of::<Until>();

/// An answer as it is in the store.
pub(crate) struct Packed {
    name: String,
    sealed: Vec<u8>,
}

/// An answer of another replica.
pub(crate) struct Unpacked {
    pub(crate) answer: Vec<u8>,
    /// For how long it may still serve.
    pub(crate) lasts: Duration,
}

impl Shared {
    /// The name of the answer to the call that these parts identify.
    pub(crate) fn answer_name(&self, parts: &[&[u8]]) -> String {
        self.keys().name(Kind::Answer, parts.iter().copied())
    }

    /// An answer that a replica has received; nothing where there is none or the store is unavailable.
    pub(crate) async fn answer(&self, name: String) -> Option<Packed> {
        let sealed = self.read(name.clone()).await?;
        Some(Packed { name, sealed })
    }

    /// Packs and seals an answer, given in parts, and writes it for what is left of its time.
    pub(crate) fn share_answer(&self, name: &str, until: Instant, parts: &[&[u8]]) {
        let lasts = until.saturating_duration_since(Instant::now());
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        if lasts.is_zero() || bytes > MOST_UNPACKED || self.0.link.is_unavailable() {
            return;
        }
        let lasts = milliseconds(lasts);
        let Some(now) = self.time() else { return };
        let until: Until = now + lasts;
        let Ok(packed) = self.0.packers.pack(until.to_le_bytes().to_vec(), parts) else { return };
        if packed.len() > MOST + UNTIL_BYTES {
            return;
        }
        let Some(sealed) = self.keys().seal(name, packed) else { return };
        let mut set = redis::cmd("SET");
        set.arg(name).arg(sealed).arg("PX").arg(lasts);
        self.write_later(set);
    }
}

/// Encoders that are not in use. A new one takes a quarter of a megabyte, which costs more than what it packs.
#[derive(Default)]
pub(super) struct Packers(Mutex<Vec<DeflateEncoder<Vec<u8>>>>);

/// How many are kept.
const PACKERS: usize = 4;

impl Packers {
    /// Appends these parts, packed.
    fn pack(&self, to: Vec<u8>, parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let kept = self.kept().pop();
        let mut encoder = kept.unwrap_or_else(|| DeflateEncoder::new(Vec::new(), Compression::fast()));
        *encoder.get_mut() = to;
        parts.iter().try_for_each(|part| encoder.write_all(part))?;
        let packed = encoder.reset(Vec::new())?;
        let mut kept = self.kept();
        if kept.len() < PACKERS {
            kept.push(encoder);
        }
        Ok(packed)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<DeflateEncoder<Vec<u8>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Packed {
    /// How large it is, to judge what unpacking costs.
    pub(crate) fn bytes(&self) -> usize {
        self.sealed.len()
    }

    /// The answer, of at most this many bytes; nothing where it was sealed with another key, or serves no longer.
    pub(crate) fn unpack(self, shared: &Shared, most: usize) -> Option<Unpacked> {
        let value = shared.keys().open(&self.name, self.sealed)?;
        let (until, packed) = value.split_first_chunk::<UNTIL_BYTES>()?;
        let left = Until::from_le_bytes(*until).checked_sub(shared.time()?).filter(|left| *left > 0)?;
        let mut answer = Vec::new();
        DeflateDecoder::new(packed).take(most as u64 + 1).read_to_end(&mut answer).ok()?;
        (answer.len() <= most).then_some(Unpacked { answer, lasts: Duration::from_millis(left) })
    }
}

#[cfg(test)]
mod tests;
