//! Memory for provider answers, all platform requests together: for those that are being read, and for what requests
//! hold of those that they have read.
//!
//! An answer has a little room from before its call is sent, and takes more as it grows. Where there is none, a
//! request that has its share gets no more, the others wait. While every request is within its share there is room
//! for one more answer of each, so somebody can always go on.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

/// What an answer has to begin with: room for its first part, and for unpacking it.
pub(super) const FIRST: usize = 32 * 1024;

/// Memory that a request takes for each byte of an answer, until it is answered itself: the byte, and what it becomes
/// when it is read and mapped. Measured: an observable's answers of 15 kB become 60 entities, which take 60 kB.
pub(super) const TIMES: usize = 5;

/// How often a request that waits for room looks whether it is still within its share, which shrinks as others come.
const RECHECK: Duration = Duration::from_secs(1);

/// All the room there is.
pub(crate) struct Rooms {
    total: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    /// How many requests have room.
    sharing: usize,
    /// Answers that need more room to go on, before calls that have none yet.
    growing: VecDeque<Waiting>,
    waiting: VecDeque<Waiting>,
}

/// A wait for a number of bytes. One that was given up is passed over when its turn comes.
struct Waiting {
    bytes: usize,
    account: Arc<Account>,
    grant: oneshot::Sender<Granted>,
}

/// Bytes that are counted as used; given back where nobody takes them.
struct Granted {
    account: Arc<Account>,
    bytes: usize,
}

/// What one platform request has of the room: for its answers, and for what it holds until it is answered.
pub(crate) struct Account {
    rooms: Arc<Rooms>,
    /// Changed under the lock of the rooms only.
    own: Mutex<Own>,
}

#[derive(Default)]
struct Own {
    bytes: usize,
    /// Answers under way: each gives back what it does not need.
    reading: usize,
    /// Answers that were read, and what they take.
    read: usize,
    read_bytes: usize,
}

impl Own {
    /// Room that the next answer is likely to take: as much as those before it.
    fn expected(&self) -> usize {
        self.read_bytes.checked_div(self.read).unwrap_or(0)
    }
}

/// Room that a request has, for one answer or for all that it has read.
pub(crate) struct Room {
    account: Arc<Account>,
    bytes: usize,
    /// Whether it is for an answer under way.
    reading: bool,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({} bytes)", self.bytes)
    }
}

/// There is no more room for the request, which has its share.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Rooms {
    /// Room for this many bytes.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, state: Mutex::default() }
    }

    /// The account of a platform request.
    pub(crate) fn account(self: &Arc<Self>) -> Arc<Account> {
        Arc::new(Account { rooms: Arc::clone(self), own: Mutex::default() })
    }

    /// Gives what is free to those who wait.
    fn serve(&self) {
        // Waits that were given up, and what was granted to them: dropping either takes the lock again.
        let (mut given_up, mut unwanted) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        loop {
            let first = state.growing.is_empty();
            let line = if first { &mut state.waiting } else { &mut state.growing };
            let Some(next) = line.front() else { break };
            let (bytes, gone) = (next.bytes, next.grant.is_closed());
            if !gone && state.used + bytes > self.total {
                break;
            }
            let line = if first { &mut state.waiting } else { &mut state.growing };
            let Some(next) = line.pop_front() else { break };
            if gone {
                given_up.push(next);
                continue;
            }
            next.account.take(&mut state, bytes);
            unwanted.extend(next.grant.send(Granted { account: next.account, bytes }).err());
        }
        drop(state);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    /// The room of an answer to begin with, if there is some now.
    pub(super) fn try_begin(self: &Arc<Self>) -> Option<Room> {
        let bytes = self.first();
        let mut state = self.rooms.lock();
        let is_next = state.growing.is_empty() && state.waiting.is_empty();
        (is_next && state.used + bytes <= self.rooms.total).then(|| {
            self.take(&mut state, bytes);
            self.room(bytes)
        })
    }

    /// The room of an answer to begin with, as soon as there is some.
    ///
    /// # Errors
    /// There is none, and the request has its share.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<Room, NoRoom> {
        loop {
            if let Some(room) = self.try_begin() {
                return Ok(room);
            }
            let first = self.first();
            if self.own().reading == 0 && self.has_its_share(&self.rooms.lock(), first) {
                return Err(NoRoom);
            }
            let granted = self.wait(first, |state| &mut state.waiting);
            if let Ok(Some(bytes)) = timeout(RECHECK, granted).await {
                return Ok(self.room(bytes));
            }
        }
    }

    /// What an answer begins with: as much as it is likely to take, so that no call is made in vain.
    fn first(&self) -> usize {
        FIRST.max(self.own().expected()).min(self.rooms.total)
    }

    fn room(self: &Arc<Self>, bytes: usize) -> Room {
        self.own().reading += 1;
        Room { account: Arc::clone(self), bytes, reading: true }
    }

    /// Room for what becomes of an answer that is there already.
    ///
    /// # Errors
    /// There is none, and the request has its share.
    pub(super) async fn room_for(self: &Arc<Self>, answer: usize) -> Result<Room, NoRoom> {
        let mut room = self.begin().await?;
        room.grow(answer * TIMES).await?;
        room.shrink(answer * TIMES);
        Ok(room)
    }

    /// Waits in one of the lines; nothing where the wait ended without room.
    async fn wait(
        self: &Arc<Self>,
        bytes: usize,
        line: impl FnOnce(&mut State) -> &mut VecDeque<Waiting>,
    ) -> Option<usize> {
        let (grant, granted) = oneshot::channel();
        line(&mut self.rooms.lock()).push_back(Waiting { bytes, account: Arc::clone(self), grant });
        self.rooms.serve();
        granted.await.ok().map(Granted::take)
    }

    /// Whether this many further bytes are beyond the request's share.
    fn has_its_share(&self, state: &State, more: usize) -> bool {
        let bytes = self.own().bytes;
        let sharing = state.sharing + usize::from(bytes == 0);
        bytes + more > self.rooms.total / sharing
    }

    fn take(&self, state: &mut State, bytes: usize) {
        let mut own = self.own();
        state.sharing += usize::from(own.bytes == 0 && bytes > 0);
        state.used += bytes;
        own.bytes += bytes;
    }

    fn give_back(&self, bytes: usize) {
        let mut state = self.rooms.lock();
        let mut own = self.own();
        state.used -= bytes;
        own.bytes -= bytes;
        state.sharing -= usize::from(own.bytes == 0 && bytes > 0);
        drop((own, state));
        self.rooms.serve();
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Granted {
    fn take(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.give_back(self.bytes);
        }
    }
}

impl Room {
    /// Makes it as large as this; waits where there is no room and the request has not had its share.
    pub(super) async fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        let account = &self.account;
        {
            let mut state = account.rooms.lock();
            if state.growing.is_empty() && state.used + more <= account.rooms.total {
                account.take(&mut state, more);
                self.bytes = bytes;
                return Ok(());
            }
            if account.has_its_share(&state, more) {
                return Err(NoRoom);
            }
        }
        self.bytes += account.wait(more, |state| &mut state.growing).await.ok_or(NoRoom)?;
        Ok(())
    }

    /// Its answer is read: it is for what becomes of it from now on.
    pub(crate) fn read(mut self) -> Self {
        self.end_reading();
        let mut own = self.account.own();
        own.read += 1;
        own.read_bytes += self.bytes;
        drop(own);
        self
    }

    /// Takes over the room of another answer of the same request.
    pub(crate) fn absorb(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    fn end_reading(&mut self) {
        if std::mem::take(&mut self.reading) {
            self.account.own().reading -= 1;
        }
    }

    /// Gives back what is beyond this.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if let Some(less) = self.bytes.checked_sub(bytes).filter(|less| *less > 0) {
            self.bytes = bytes;
            self.account.give_back(less);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.end_reading();
        if self.bytes > 0 {
            self.account.give_back(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
