//! Listeners: one thread accepts connections, and hands each to one of the threads that serve them.
//!
//! The HTTP server's own would do, but for three things: it bounds connections per thread only, it drops connections
//! that it has accepted but not yet served when it stops, and it hands them to the HTTP service bare.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
#[cfg(target_os = "linux")]
use socket2::{SockFilter, SockRef};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::peers::{Member, Peers};
use crate::telemetry::Bound;

/// Connections that wait in the kernel.
const BACKLOG: i32 = 1024;
/// How long nothing is accepted after the system had no means for it, such as file descriptors.
const PAUSE: Duration = Duration::from_millis(500);
/// Time for handshakes under way when the listener closes.
const LAST: Duration = Duration::from_millis(100);
/// How often room is made while a connection waits for a place.
const CROWDED: Duration = Duration::from_millis(5);

/// A connection with its place among those served at once.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) member: Member,
    pub(super) place: OwnedSemaphorePermit,
}

/// Serves one connection on its thread.
pub(super) type Serve = Box<dyn Fn(Accepted) -> Pin<Box<dyn Future<Output = ()>>>>;

/// An open listener. Dropped, it closes with all its connections.
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    pub(super) peers: Arc<Peers>,
    accepting: oneshot::Sender<()>,
    accepted: oneshot::Receiver<()>,
    /// With those of the acceptor, they keep the threads that serve.
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
}

/// What remains of a listener that accepts no more: its connections, until it is dropped.
pub(super) struct Closed {
    _workers: Vec<mpsc::UnboundedSender<Accepted>>,
}

/// Opens an address.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Listener {
    /// Serves connections on `workers` threads, `most` at once. Each thread asks `service` for its own.
    pub(super) fn start<M, F>(
        listener: TcpListener,
        workers: usize,
        most: usize,
        peers: Arc<Peers>,
        service: &M,
    ) -> io::Result<Self>
    where
        M: Fn() -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Serve>>,
    {
        let address = listener.local_addr()?;
        let mut senders = Vec::with_capacity(workers);
        for _ in 0..workers {
            let (sender, connections) = mpsc::unbounded_channel();
            let service = service.clone();
            started("serve", move |ready| work(connections, &service, &ready))?;
            senders.push(sender);
        }
        let (accepting, stop) = oneshot::channel();
        let (stopped, accepted) = oneshot::channel();
        let acceptor = Acceptor {
            places: Arc::new(Semaphore::new(most)),
            peers: Arc::clone(&peers),
            workers: senders.clone(),
            next: 0,
        };
        started("accept", move |ready| acceptor.run(listener, stop, stopped, &ready))?;
        Ok(Self { address, peers, accepting, accepted, workers: senders })
    }

    /// Accepts what has connected already, and closes.
    pub(super) async fn close(self) -> Closed {
        drop(self.accepting);
        // It ends with the thread, whatever becomes of that.
        let _ = self.accepted.await;
        Closed { _workers: self.workers }
    }
}

/// Starts a thread and waits until it is ready, or cannot be.
fn started(
    name: &str,
    body: impl FnOnce(blocking::Sender<io::Result<()>>) + Send + 'static,
) -> io::Result<()> {
    let (ready, outcome) = blocking::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || body(ready))?;
    outcome.recv().unwrap_or_else(|_| Err(io::Error::other("a thread ended while it started")))
}

/// A runtime of this thread alone.
fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// Serves connections until nobody can send any more; those that are left then end with the runtime.
fn work<M, F>(
    mut connections: mpsc::UnboundedReceiver<Accepted>,
    service: &M,
    ready: &blocking::Sender<io::Result<()>>,
) where
    M: Fn() -> F,
    F: Future<Output = io::Result<Serve>>,
{
    let made = runtime().and_then(|runtime| Ok((runtime.block_on(service())?, runtime)));
    let (serve, runtime) = match made {
        Ok(made) => made,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(()));
    runtime.block_on(async {
        while let Some(accepted) = connections.recv().await {
            tokio::task::spawn_local(serve(accepted));
        }
    });
}

/// Gives each connection a place and a thread.
struct Acceptor {
    places: Arc<Semaphore>,
    peers: Arc<Peers>,
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
    next: usize,
}

impl Acceptor {
    fn run(
        self,
        listener: TcpListener,
        stop: oneshot::Receiver<()>,
        stopped: oneshot::Sender<()>,
        ready: &blocking::Sender<io::Result<()>>,
    ) {
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let listener = {
            let _context = runtime.enter();
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => return drop(ready.send(Err(error))),
            }
        };
        let _ = ready.send(Ok(()));
        runtime.block_on(self.accept(listener, stop));
        // The listener is closed by now.
        let _ = stopped.send(());
    }

    async fn accept(mut self, listener: tokio::net::TcpListener, mut stop: oneshot::Receiver<()>) {
        loop {
            let next = tokio::select! {
                next = listener.accept() => next.and_then(|(stream, _)| stream.into_std()),
                _ = &mut stop => break,
            };
            match next {
                Ok(stream) => {
                    let place = tokio::select! {
                        // A connection that has a place is served, also when the stop has come.
                        biased;
                        place = self.place() => place,
                        _ = &mut stop => break,
                    };
                    self.hand_over(stream, place);
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    log::error!("cannot accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // Clients that are connected by now, or about to be, are served too: a close would reset them.
        refuse_new(&listener);
        let end = Instant::now() + LAST;
        while let Ok(Ok((stream, _))) = timeout_at(end, listener.accept()).await
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
        {
            if let Ok(stream) = stream.into_std() {
                self.hand_over(stream, place);
            }
        }
    }

    /// A place for one more connection. It comes free in the end: whatever a connection does has its time.
    async fn place(&self) -> OwnedSemaphorePermit {
        let place = || Arc::clone(&self.places).try_acquire_owned();
        if let Ok(place) = place() {
            return place;
        }
        self.peers.metrics.bounds.hit(Bound::Connections);
        loop {
            self.peers.crowd();
            tokio::time::sleep(CROWDED).await;
            if let Ok(place) = place() {
                self.peers.uncrowd();
                return place;
            }
        }
    }

    fn hand_over(&mut self, stream: TcpStream, place: OwnedSemaphorePermit) {
        self.next = (self.next + 1) % self.workers.len();
        // A thread that is gone takes the connection with it, as it took those that it served.
        let _ = self.workers[self.next].send(Accepted { stream, member: self.peers.enter(), place });
    }
}

/// Has the kernel pass over requests for connections; those whose handshake is under way are completed.
#[cfg(target_os = "linux")]
fn refuse_new(listener: &tokio::net::TcpListener) {
    const FLAGS: u32 = 13;
    const SYN: u32 = 2;
    // In BPF's language: load the byte of the TCP header with its flags; where SYN is among them, keep nothing of
    // the packet, else all.
    let filter = [
        SockFilter::new(0x30, 0, 0, FLAGS),
        SockFilter::new(0x45, 0, 1, SYN),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    // Where that is forbidden, a connection may be reset that is opened in this very moment.
    let _ = SockRef::from(listener).attach_filter(&filter);
}

#[cfg(not(target_os = "linux"))]
fn refuse_new(_: &tokio::net::TcpListener) {}

/// The client went away before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
