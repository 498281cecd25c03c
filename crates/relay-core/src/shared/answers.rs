//! Answers of the provider that all replicas use: packed, sealed, and lapsing when they lapse here.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use tokio::time::Instant;

use super::keys::Kind;
use super::metrics::Operation;
use super::{Shared, milliseconds};

/// The largest answer that is shared, packed.
const MOST: usize = 1024 * 1024;
/// A larger one is not packed to find out: nothing that providers send shrinks to less than a sixteenth.
const MOST_UNPACKED: usize = 16 * MOST;

/// An answer as it is in the store, and how much of its time is left.
pub(crate) struct Packed {
    name: String,
    sealed: Vec<u8>,
    /// For how long it may still serve.
    pub(crate) lasts: Duration,
}

/// An answer that was received for a request, to be shared when the request has ended and found nothing wrong with it.
pub(crate) struct Learnt {
    pub(crate) shared: Shared,
    pub(crate) name: String,
    /// Until when it serves.
    pub(crate) until: Instant,
}

impl Shared {
    /// The name of the answer to the call that these parts identify.
    pub(crate) fn answer_name(&self, parts: &[&[u8]]) -> String {
        self.keys().name(Kind::Answer, parts.iter().copied())
    }

    /// An answer that a replica has received; nothing where there is none or the store is away.
    pub(crate) async fn answer(&self, name: String) -> Option<Packed> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(&name).cmd("PTTL").arg(&name);
        let asked = self.0.link.ask(Operation::Answer, |mut connection| async move {
            pipeline.query_async::<(Option<Vec<u8>>, i64)>(&mut connection).await
        });
        let (sealed, lasts) = asked.await.ok()?;
        let lasts = u64::try_from(lasts).ok().filter(|lasts| *lasts > 0)?;
        Some(Packed { name, sealed: sealed?, lasts: Duration::from_millis(lasts) })
    }
}

impl Packed {
    /// How large it is, to judge what unpacking costs.
    pub(crate) fn bytes(&self) -> usize {
        self.sealed.len()
    }

    /// The answer, of at most this many bytes; nothing where it was sealed with another key.
    pub(crate) fn unpack(self, shared: &Shared, most: usize) -> Option<Vec<u8>> {
        let packed = shared.keys().open(&self.name, self.sealed)?;
        let mut answer = Vec::new();
        DeflateDecoder::new(packed.as_slice()).take(most as u64 + 1).read_to_end(&mut answer).ok()?;
        (answer.len() <= most).then_some(answer)
    }
}

impl Learnt {
    /// Packs and seals these parts, and writes them for what is left of their time.
    pub(crate) fn share(self, parts: &[&[u8]]) {
        let lasts = self.until.saturating_duration_since(Instant::now());
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        if lasts.is_zero() || bytes > MOST_UNPACKED || self.shared.0.link.is_away() {
            return;
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        let written = parts.iter().try_for_each(|part| encoder.write_all(part));
        let Ok(packed) = written.and_then(|()| encoder.finish()) else { return };
        if packed.len() > MOST {
            return;
        }
        let Some(sealed) = self.shared.keys().seal(&self.name, packed) else { return };
        let mut set = redis::cmd("SET");
        set.arg(&self.name).arg(sealed).arg("PX").arg(milliseconds(lasts));
        self.shared.post(set);
    }
}
