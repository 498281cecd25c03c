//! The quota of a rate where several replicas share it: a call that has a place here needs one among those of all
//! replicas too. While nothing counts for all of them, they divide the quota.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::window::SEEN_WITHIN;
use super::{Bucket, Quota, Slot};
use crate::provider::Rejection;
use crate::provider::admission::{Admission, Denied, Entry};
use crate::shared::{Asked, SharedWindow, Word};

/// What the store says of a call.
enum Confirmed {
    Place,
    Full,
    Unavailable,
}

impl Bucket {
    /// Waits until a call may be made, by what this process knows and by what all replicas have made.
    pub(super) async fn enter_shared(
        self: &Arc<Self>,
        shared: &SharedWindow,
        entry: &Entry<'_>,
        weight: u32,
    ) -> Result<Admission, Denied> {
        let (mut quota_waited, mut place_waited) = (false, false);
        // Whether the store was unavailable for this call: it is not asked a second time.
        let mut alone = false;
        loop {
            let store = shared.shared();
            let sharing = if alone { store.replicas() } else { store.sharing() };
            self.lock().windows.share_among(sharing);
            let mut admission = self.enter_here(entry, weight).await?;
            quota_waited |= admission.quota_waited;
            place_waited |= admission.place_waited;
            let confirmed = match &mut admission.slot {
                Some(slot) if !alone => slot.confirm(shared, weight).await,
                _ => Confirmed::Place,
            };
            match confirmed {
                Confirmed::Place => return Ok(Admission { quota_waited, place_waited, ..admission }),
                // It holds nothing while it waits.
                Confirmed::Full => quota_waited = true,
                Confirmed::Unavailable => alone = true,
            }
        }
    }

    /// Takes over what the store knows.
    fn follow(&self, word: &Word, now: Instant) {
        let mut state = self.lock();
        let quota = word.quota.and_then(|(calls, per)| Quota::of(calls, per));
        let mut changed = quota.is_some_and(|quota| state.windows.adapt(quota));
        if let Some((wait, quota)) = word.wait {
            state.windows.elsewhere(wait, quota, now);
            changed = true;
        }
        if changed {
            state.wake_all();
        }
    }
}

impl Slot {
    /// Asks for a place among the calls of all replicas. Without one, the call has none here any more either.
    async fn confirm(&mut self, shared: &SharedWindow, weight: u32) -> Confirmed {
        let quotas: Vec<(u32, Duration)> =
            self.bucket.lock().windows.quotas().map(|quota| (quota.calls(), quota.per)).collect();
        let asked = Asked { weight, quotas: &quotas, seen_within: SEEN_WITHIN };
        let Ok(word) = shared.take(asked).await else {
            self.give_back();
            return Confirmed::Unavailable;
        };
        if word.place.is_none() {
            self.give_back();
        }
        self.bucket.follow(&word, Instant::now());
        if let Some((pause, refusal)) = word.pause {
            self.bucket.pause_here(pause, refusal.and_then(|refusal| read(&refusal)));
        }
        self.stamp = word.place;
        if self.stamp.is_some() { Confirmed::Place } else { Confirmed::Full }
    }

    fn give_back(&mut self) {
        self.settled = true;
        self.bucket.lock().windows.give_back(self.id);
    }
}

/// A refusal as other replicas read it.
#[derive(Serialize, Deserialize)]
struct Written {
    status: u16,
    body: String,
}

/// A longer body has no words for the user that would be worth its way with every call.
const BODY: usize = 4096;

pub(super) fn written(refusal: &Rejection) -> Option<Vec<u8>> {
    let body = std::str::from_utf8(&refusal.body).ok().filter(|body| body.len() <= BODY);
    let body = body.unwrap_or_default().to_owned();
    serde_json::to_vec(&Written { status: refusal.status, body }).ok()
}

fn read(written: &[u8]) -> Option<Rejection> {
    let Written { status, body } = serde_json::from_slice(written).ok()?;
    // What is left of the pause is said where it is refused.
    Some(Rejection { status, body: Bytes::from(body), retry_after: None })
}
