//! Memory for the answers that are being read or mapped, all calls of the process together.
//!
//! An answer has a little room from before its call is sent, and takes more as it grows. Where there is none, one that
//! has had its share ends, others wait: so what is there is always enough for somebody to finish.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// What an answer has to begin with: room for its first part, and for unpacking it.
pub(super) const FIRST: usize = 32 * 1024;

/// All the room there is.
pub(super) struct Rooms {
    total: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    /// How many answers have room.
    answers: usize,
    /// Answers that need more room to go on, before calls that have none yet.
    growing: VecDeque<Waiting>,
    waiting: VecDeque<Waiting>,
}

/// A wait for so many bytes. Whoever stopped waiting is passed over when its turn comes.
struct Waiting {
    bytes: usize,
    grant: oneshot::Sender<Granted>,
}

/// Bytes that are counted as used; given back where nobody takes them.
struct Granted {
    rooms: Arc<Rooms>,
    bytes: usize,
    /// Whether an answer begins with them.
    first: bool,
}

/// The room of one answer.
pub(super) struct Room {
    rooms: Arc<Rooms>,
    bytes: usize,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Room({} bytes)", self.bytes)
    }
}

/// There is no room for the answer to grow, and it has had its share.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Rooms {
    /// Room for so many bytes.
    pub(super) fn new(total: usize) -> Self {
        Self { total, state: Mutex::default() }
    }

    /// The room of an answer to begin with, if there is some now.
    pub(super) fn try_begin(self: &Arc<Self>) -> Option<Room> {
        let bytes = self.first();
        let mut state = self.lock();
        let free = state.growing.is_empty() && state.waiting.is_empty() && self.fits(&state, bytes);
        free.then(|| {
            state.used += bytes;
            state.answers += 1;
            Room { rooms: Arc::clone(self), bytes }
        })
    }

    /// The room of an answer to begin with, as soon as there is some.
    pub(super) async fn begin(self: &Arc<Self>) -> Room {
        loop {
            if let Some(room) = self.try_begin() {
                return room;
            }
            if let Some(bytes) = self.wait(self.first(), |state| &mut state.waiting).await {
                return Room { rooms: Arc::clone(self), bytes };
            }
        }
    }

    /// Waits in one of the lines; nothing where there was no need to.
    async fn wait(
        self: &Arc<Self>,
        bytes: usize,
        line: impl FnOnce(&mut State) -> &mut VecDeque<Waiting>,
    ) -> Option<usize> {
        let (grant, granted) = oneshot::channel();
        line(&mut self.lock()).push_back(Waiting { bytes, grant });
        self.serve();
        granted.await.ok().map(Granted::take)
    }

    /// Gives what is free to those who wait.
    fn serve(self: &Arc<Self>) {
        // What was granted to those who have stopped waiting; giving it back takes the lock again.
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        loop {
            let State { growing, waiting, .. } = &mut *state;
            let first = growing.is_empty();
            let line = if first { waiting } else { growing };
            let Some(next) = line.front() else { break };
            let (bytes, gone) = (next.bytes, next.grant.is_closed());
            if !gone && !self.fits(&state, bytes) {
                break;
            }
            let line = if first { &mut state.waiting } else { &mut state.growing };
            let Some(next) = line.pop_front() else { break };
            if gone {
                continue;
            }
            state.used += bytes;
            state.answers += usize::from(first);
            let granted = Granted { rooms: Arc::clone(self), bytes, first };
            unwanted.extend(next.grant.send(granted).err());
        }
        drop(state);
    }

    fn give_back(self: &Arc<Self>, bytes: usize, answers: usize) {
        let mut state = self.lock();
        state.used -= bytes;
        state.answers -= answers;
        drop(state);
        self.serve();
    }

    fn first(&self) -> usize {
        FIRST.min(self.total)
    }

    fn fits(&self, state: &State, bytes: usize) -> bool {
        state.used + bytes <= self.total
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Granted {
    fn take(mut self) -> usize {
        self.first = false;
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.rooms.give_back(self.bytes, usize::from(self.first));
        }
    }
}

impl Room {
    /// Makes it as large as this; waits where there is no room and the answer has not had its share.
    pub(super) async fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let Some(more) = bytes.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        {
            let mut state = self.rooms.lock();
            if state.growing.is_empty() && self.rooms.fits(&state, more) {
                state.used += more;
                self.bytes = bytes;
                return Ok(());
            }
            if bytes > self.rooms.total / state.answers.max(1) {
                return Err(NoRoom);
            }
        }
        let rooms = Arc::clone(&self.rooms);
        self.bytes += rooms.wait(more, |state| &mut state.growing).await.ok_or(NoRoom)?;
        Ok(())
    }

    /// Gives back what is beyond this.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if let Some(less) = self.bytes.checked_sub(bytes).filter(|less| *less > 0) {
            self.bytes = bytes;
            self.rooms.give_back(less, 0);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.rooms.give_back(self.bytes, 1);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const PART: usize = FIRST;

    fn rooms(parts: usize) -> Arc<Rooms> {
        Arc::new(Rooms::new(parts * PART))
    }

    fn used(rooms: &Rooms) -> (usize, usize) {
        let state = rooms.lock();
        (state.used / PART, state.answers)
    }

    #[tokio::test]
    async fn there_is_never_more_in_use_than_there_is() {
        let rooms = rooms(4);
        let mut held: Vec<Room> = std::iter::from_fn(|| rooms.try_begin()).collect();
        assert_eq!((held.len(), used(&rooms)), (4, (4, 4)));
        let mut next = Box::pin(rooms.begin());
        assert!(next.as_mut().now_or_never().is_none());
        held.pop();
        let room = next.now_or_never().expect("the room that came free");
        assert_eq!(used(&rooms), (4, 4));
        drop((room, held));
        assert_eq!(used(&rooms), (0, 0));
    }

    #[tokio::test]
    async fn an_answer_grows_and_gives_back_what_it_does_not_need() {
        let rooms = rooms(8);
        let mut room = rooms.begin().await;
        room.grow(8 * PART).await.expect("all of it");
        assert!(rooms.try_begin().is_none());
        room.shrink(2 * PART);
        assert_eq!((room.bytes, used(&rooms)), (2 * PART, (2, 1)));
        room.grow(PART).await.expect("it is larger already");
        assert_eq!(room.bytes, 2 * PART);
        assert!(room.grow(9 * PART).await.is_err(), "more than there ever is");
    }

    #[tokio::test]
    async fn without_room_one_that_has_had_its_share_ends_and_others_wait() {
        let rooms = rooms(8);
        let (mut large, mut small) = (rooms.begin().await, rooms.begin().await);
        large.grow(7 * PART).await.expect("room");
        // The share of two answers is four parts.
        assert!(large.grow(8 * PART).await.is_err());
        let mut growing = Box::pin(small.grow(4 * PART));
        assert!(growing.as_mut().now_or_never().is_none(), "it waits for the other one");
        drop(large);
        growing.await.expect("room");
        assert_eq!(used(&rooms), (4, 1));
    }

    #[tokio::test]
    async fn answers_that_are_under_way_go_before_new_ones() {
        let rooms = rooms(4);
        let mut large = rooms.begin().await;
        large.grow(4 * PART).await.expect("all of it");
        let mut new = Box::pin(rooms.begin());
        assert!(new.as_mut().now_or_never().is_none());
        large.shrink(3 * PART);
        let mut other = new.now_or_never().expect("room");
        assert_eq!(used(&rooms), (4, 2));
        let mut growing = Box::pin(other.grow(2 * PART));
        assert!(growing.as_mut().now_or_never().is_none());
        let mut new = Box::pin(rooms.begin());
        assert!(new.as_mut().now_or_never().is_none());
        large.shrink(2 * PART);
        assert!(new.as_mut().now_or_never().is_none(), "not before the one that grows");
        assert!(growing.now_or_never().is_some());
    }

    #[tokio::test]
    async fn whoever_stops_waiting_takes_no_room_with_it() {
        let rooms = rooms(1);
        let held = rooms.begin().await;
        let (mut gone, mut granted) = (Box::pin(rooms.begin()), Box::pin(rooms.begin()));
        assert!(gone.as_mut().now_or_never().is_none() && granted.as_mut().now_or_never().is_none());
        drop(gone);
        drop(held);
        assert_eq!(used(&rooms), (1, 1), "granted, but not yet taken");
        drop(granted);
        assert_eq!(used(&rooms), (0, 0));
    }
}
