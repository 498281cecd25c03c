//! What a call needs before it is made, and for how long it waits for it: a place among the calls in flight, memory for
//! its answer, and, in [`super::limit`], a place in its quota.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::credential::CredentialKey;
use super::failure::Rejection;
use super::flight::{Flight, Seat};
use super::limit::{QuotaUsedUp, Slot};
use super::places::{Order, Place, Places};
use super::room::{Account, Room};
use crate::call::{Priority, RequestContext};

/// Until when a call waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a place among the calls in flight, and for memory.
    pub(super) place: Instant,
    /// For a place in a quota: what is begun then can still be answered.
    pub(super) quota: Instant,
}

/// How long a call takes that is made at the last moment, and what follows from its answer.
const TO_ANSWER: Duration = Duration::from_secs(2);
/// Dashboards are asked for again; their calls do not pile up behind those of investigations.
const TILES_WAIT: Duration = Duration::from_secs(5);

impl Patience {
    pub(super) fn of(context: &RequestContext) -> Self {
        let deadline = context.deadline();
        let quota = deadline.checked_sub(TO_ANSWER).unwrap_or(deadline);
        match context.priority() {
            Priority::Tile => {
                let end = Instant::now() + TILES_WAIT;
                Self { place: deadline.min(end), quota: quota.min(end) }
            }
            Priority::Action | Priority::Health | Priority::Lookup => Self { place: deadline, quota },
        }
    }
}

/// Why a call may not be made.
#[derive(Debug)]
pub(super) enum Denied {
    /// The quota has no place in time.
    Quota(QuotaUsedUp),
    /// The provider refused another call, and asked for a pause that is too long.
    Refused(Rejection),
    /// There was no place among the calls in flight.
    Place,
    /// There was no memory for an answer in time.
    Memory,
    /// There is none, and the platform request has its share.
    Share,
}

/// What a call may be made with.
#[derive(Debug)]
pub(super) struct Admission {
    /// Among the credential's calls in flight.
    pub(super) place: Place,
    /// Among those of all tenants.
    pub(super) seat: Seat,
    /// For the answer.
    pub(super) room: Room,
    /// In the quota, for calls that have one.
    pub(super) slot: Option<Slot>,
    /// Whether it waited for the quota.
    pub(super) quota_waited: bool,
    /// Whether it waited for the place.
    pub(super) place_waited: bool,
}

/// What a call needs besides a place in its quota, and for how long it waits.
pub(super) struct Entry<'c> {
    pub(super) places: &'c Arc<Places>,
    pub(super) flight: &'c Arc<Flight>,
    pub(super) tenant: CredentialKey,
    pub(super) account: &'c Arc<Account>,
    pub(super) order: Order,
    pub(super) patience: Patience,
}

impl Entry<'_> {
    /// Waits until a call without a quota may be made.
    pub(super) async fn enter(&self) -> Result<Admission, Denied> {
        let (place, place_waited) = match self.places.try_enter(self.order) {
            Some(place) => (place, false),
            None => match timeout_at(self.patience.place, self.places.enter(self.order)).await {
                Ok(place) => (place, true),
                Err(_) => return Err(Denied::Place),
            },
        };
        let (seat, seat_waited) = match self.flight.try_enter(self.tenant, self.order) {
            Some(seat) => (seat, false),
            None => match timeout_at(self.patience.place, self.flight.enter(self.tenant, self.order)).await {
                Ok(seat) => (seat, true),
                Err(_) => return Err(Denied::Place),
            },
        };
        let room = match self.account.try_begin() {
            Some(room) => room,
            None => match timeout_at(self.patience.place, self.account.begin()).await {
                Ok(room) => room.map_err(|_| Denied::Share)?,
                Err(_) => return Err(Denied::Memory),
            },
        };
        let place_waited = place_waited || seat_waited;
        Ok(Admission { place, seat, room, slot: None, quota_waited: false, place_waited })
    }

    /// At once, if nothing has to be waited for.
    pub(super) fn try_enter(&self) -> Option<Admission> {
        let place = self.places.try_enter(self.order)?;
        let seat = self.flight.try_enter(self.tenant, self.order)?;
        let room = self.account.try_begin()?;
        Some(Admission { place, seat, room, slot: None, quota_waited: false, place_waited: false })
    }
}
