//! All open connections, as other threads see them: who waits longest, who may be closed, and what the answers that
//! wait to be taken hold together.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;

use crate::telemetry::{Bound, Metrics};

/// How long an idle connection has been idle before it is closed at the stop, and how long one may be without any
/// progress: a client that asks again and again sends its next request within it.
const GRACE: Duration = Duration::from_millis(500);
/// How often the end of the connections is looked for.
const TICK: Duration = Duration::from_millis(20);

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits for a request.
    Idle,
    /// A request arrives.
    Receiving,
    /// A request is worked on.
    Working,
    /// An answer waits to be taken.
    Answering,
}

/// What is wanted of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It goes on.
    Open,
    /// It ends, unless a request is there already.
    End,
    /// It ends at once.
    Abort,
}

/// One open connection.
struct Peer {
    id: u64,
    doing: AtomicU8,
    wanted: AtomicU8,
    /// Milliseconds after [`Peers::started`] of the last change or progress.
    since: AtomicU64,
    /// Bytes of the answer that waits to be taken.
    held: AtomicUsize,
    /// The task that serves it.
    task: AtomicWaker,
}

/// All open connections.
pub(super) struct Peers {
    open: Mutex<HashMap<u64, Arc<Peer>>>,
    next: AtomicU64,
    started: Instant,
    held: AtomicUsize,
    write_memory: usize,
    /// Answers end their connection: the relay stops.
    draining: AtomicBool,
    /// Answers end their connection: others wait for a place.
    crowded: AtomicBool,
    pub(super) metrics: Arc<Metrics>,
}

/// The membership of a connection among [`Peers`], until it is dropped.
pub(super) struct Member {
    peers: Arc<Peers>,
    peer: Arc<Peer>,
}

impl Peer {
    fn doing(&self) -> Doing {
        match self.doing.load(Ordering::Relaxed) {
            0 => Doing::Idle,
            1 => Doing::Receiving,
            2 => Doing::Working,
            _ => Doing::Answering,
        }
    }

    fn is_wanted(&self, wanted: Wanted) -> bool {
        self.wanted.load(Ordering::Relaxed) == wanted as u8
    }

    /// Orders connections by how long they wait; the older one first where that is equal.
    fn waiting_since(&self) -> (u64, u64) {
        (self.since.load(Ordering::Relaxed), self.id)
    }

    /// Asks for the connection's end.
    fn want(&self, wanted: Wanted) {
        if self.wanted.fetch_max(wanted as u8, Ordering::Relaxed) < wanted as u8 {
            self.task.wake();
        }
    }
}

impl Peers {
    pub(super) fn new(write_memory: usize, metrics: Arc<Metrics>) -> Self {
        Self {
            open: Mutex::default(),
            next: AtomicU64::new(0),
            started: Instant::now(),
            held: AtomicUsize::new(0),
            write_memory,
            draining: AtomicBool::new(false),
            crowded: AtomicBool::new(false),
            metrics,
        }
    }

    /// A poisoned lock still guards a whole map: nothing in here panics between two changes.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Peer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn waits(&self, peer: &Peer) -> Duration {
        Duration::from_millis(self.now().saturating_sub(peer.since.load(Ordering::Relaxed)))
    }

    /// Takes a connection in.
    pub(super) fn enter(self: &Arc<Self>) -> Member {
        let peer = Arc::new(Peer {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            doing: AtomicU8::new(Doing::Idle as u8),
            wanted: AtomicU8::new(Wanted::Open as u8),
            since: AtomicU64::new(self.now()),
            held: AtomicUsize::new(0),
            task: AtomicWaker::new(),
        });
        self.open().insert(peer.id, Arc::clone(&peer));
        Member { peers: Arc::clone(self), peer }
    }

    /// The answer was taken, or is not to be taken any more.
    fn release(&self, peer: &Peer) {
        let held = peer.held.swap(0, Ordering::Relaxed);
        self.held.fetch_sub(held, Ordering::Relaxed);
    }

    /// Makes room: the longest idle connection ends now, and busy ones with their answer.
    pub(super) fn crowd(&self) {
        self.crowded.store(true, Ordering::Relaxed);
        let open = self.open();
        let idle = || open.values().filter(|peer| peer.doing() == Doing::Idle);
        // One at a time: who is asked for its place already gives it up in a moment.
        if idle().all(|peer| peer.is_wanted(Wanted::Open))
            && let Some(longest) = idle().min_by_key(|peer| peer.waiting_since())
        {
            longest.want(Wanted::End);
        }
    }

    pub(super) fn uncrowd(&self) {
        self.crowded.store(false, Ordering::Relaxed);
    }

    /// From now on, every answer is the last one of its connection.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Waits for the requests at work, at most `patience`, and ends everything else.
    pub(super) async fn finish(&self, patience: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < patience && self.end_what_waits() {
            tokio::time::sleep(TICK).await;
        }
    }

    /// Ends the connections that do not hold up the stop; whether any are left.
    fn end_what_waits(&self) -> bool {
        let open = self.open();
        for peer in open.values().filter(|peer| self.waits(peer) >= GRACE) {
            match peer.doing() {
                Doing::Working => {}
                Doing::Idle => peer.want(Wanted::End),
                Doing::Receiving | Doing::Answering => peer.want(Wanted::Abort),
            }
        }
        !open.is_empty()
    }
}

impl Member {
    /// What the connection does from now on.
    pub(super) fn turn(&self, doing: Doing) {
        self.peer.doing.store(doing as u8, Ordering::Relaxed);
        self.progress();
    }

    pub(super) fn progress(&self) {
        self.peer.since.store(self.peers.now(), Ordering::Relaxed);
    }

    pub(super) fn is_wanted(&self, wanted: Wanted) -> bool {
        self.peer.is_wanted(wanted)
    }

    /// The task to wake when something is wanted of the connection.
    pub(super) fn register(&self, task: &Waker) {
        self.peer.task.register(task);
    }

    /// Accounts for an answer. Where there is no room for it, the connections that wait longest give theirs up.
    pub(super) fn hold(&self, bytes: usize) {
        self.turn(Doing::Answering);
        let peers = &self.peers;
        self.peer.held.fetch_add(bytes, Ordering::Relaxed);
        let mut all = peers.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        while all > peers.write_memory {
            let open = peers.open();
            let others = open.values().filter(|other| other.id != self.peer.id);
            let holding = others.filter(|other| other.held.load(Ordering::Relaxed) > 0);
            let Some(longest) = holding.min_by_key(|other| other.waiting_since()) else { break };
            peers.metrics.bounds.hit(Bound::WriteMemory);
            longest.want(Wanted::Abort);
            peers.release(longest);
            all = peers.held.load(Ordering::Relaxed);
        }
    }

    /// The answer was taken.
    pub(super) fn release(&self) {
        self.peers.release(&self.peer);
    }

    /// Whether an answer has to be the last one of its connection.
    pub(super) fn is_ending(&self) -> bool {
        self.peers.draining.load(Ordering::Relaxed) || self.peers.crowded.load(Ordering::Relaxed)
    }

    pub(super) fn hit(&self, bound: Bound) {
        self.peers.metrics.bounds.hit(bound);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.release();
        self.peers.open().remove(&self.peer.id);
    }
}
