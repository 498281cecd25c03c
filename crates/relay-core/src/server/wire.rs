//! An accepted connection between the socket and the HTTP server, which bounds neither the requests that it reads
//! ahead nor the time in which a client takes its answer.
//!
//! The wire hands over one request at a time: its head, its body when a handler runs, and the next head when the
//! answer before it has left. Time for a head and for the taking of an answer is limited here; for a body, where it
//! is [received](super::receive).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use super::exchange::{Answered, Gate, Reading, State};
use super::framing::Head;
use super::peers::{Doing, Member, Wanted};
use crate::telemetry::Bound;

/// The largest head of a request: far more than tokens and proxies need.
const MAX_HEAD: usize = 32 * 1024;
/// What is read from the socket at a time, and kept of a request that came too early.
const CHUNK: usize = 8 * 1024;
/// What a body hands over before the server has to pass it on.
const TURN: usize = 32 * 1024;
/// Time for the rest of a body that nobody reads, after its answer: so the client sees the answer and no reset.
pub(super) const LINGER: Duration = Duration::from_secs(1);
/// Bytes that wait in the kernel before they are sent. Without a bound of its own it would keep megabytes for a
/// client that takes nothing.
const UNSENT: u32 = 128 * 1024;

/// Times that a client has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) head: Duration,
    pub(super) write: Duration,
}

/// A connection.
pub(super) struct Wire {
    io: TcpStream,
    gate: Rc<Gate>,
    patience: Patience,
    /// Bytes that came before their time.
    ahead: Vec<u8>,
    /// Bytes of a body handed over since the server last passed them on.
    turn: usize,
    reading: Alarm,
    writing: Alarm,
    _place: OwnedSemaphorePermit,
}

/// A time limit that is armed while it is needed.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl Alarm {
    fn off(&mut self) {
        self.armed = false;
    }

    /// Whether the time is over. It begins with the first call.
    fn rings(&mut self, after: Duration, cx: &mut Context<'_>) -> bool {
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if !self.armed {
                    sleep.as_mut().reset(Instant::now() + after);
                }
                sleep
            }
            none => none.insert(Box::pin(sleep_until(Instant::now() + after))),
        };
        self.armed = true;
        sleep.as_mut().poll(cx).is_ready()
    }
}

impl Wire {
    pub(super) fn new(
        io: TcpStream,
        member: Member,
        patience: Patience,
        place: OwnedSemaphorePermit,
    ) -> Self {
        // An answer may be sent in parts; else the later ones wait 40 ms for the client to confirm the first.
        let _ = io.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&io).set_tcp_notsent_lowat(UNSENT);
        Self {
            io,
            gate: Rc::new(Gate::new(member)),
            patience,
            ahead: Vec::new(),
            turn: 0,
            reading: Alarm::default(),
            writing: Alarm::default(),
            _place: place,
        }
    }

    pub(super) fn gate(&self) -> Rc<Gate> {
        Rc::clone(&self.gate)
    }

    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.io.peer_addr().ok()
    }

    /// The next bytes, those that came too early first. None added is the end of the stream.
    fn poll_bytes(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            if buf.remaining() <= CHUNK {
                return Pin::new(&mut self.io).poll_read(cx, buf);
            }
            let mut chunk = [0; CHUNK];
            let mut part = ReadBuf::new(&mut chunk);
            return Pin::new(&mut self.io).poll_read(cx, &mut part).map_ok(|()| buf.put_slice(part.filled()));
        }
        let bytes = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..bytes]);
        self.ahead.drain(..bytes);
        if self.ahead.is_empty() {
            self.ahead = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// While nothing may be read, only the end of the stream is of interest: the client has gone away.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ahead.len() < CHUNK {
            let mut chunk = [0; 512];
            let mut part = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.io).poll_read(cx, &mut part) {
                Poll::Ready(Ok(())) if !part.filled().is_empty() => {
                    self.ahead.extend_from_slice(part.filled());
                }
                other => return other,
            }
        }
        Poll::Pending
    }

    /// Takes the bytes after `before` in `buf` for the request; those of the next one are put back.
    fn accept(&mut self, before: usize, buf: &mut ReadBuf<'_>, state: &mut State) {
        let member = &self.gate.member;
        let fresh = &buf.filled()[before..];
        let end = match &mut state.reading {
            Reading::Head(head) => head.end(fresh),
            Reading::Body(body) => {
                self.turn += fresh.len();
                body.end(fresh)
            }
            Reading::Nothing => Some(0),
        };
        let Some(end) = end else {
            if let Reading::Head(_) = state.reading {
                member.turn(Doing::Receiving);
            }
            return member.progress();
        };
        if end < fresh.len() {
            self.ahead.splice(0..0, fresh[end..].iter().copied());
            buf.set_filled(before + end);
        }
        self.turn = 0;
        self.reading.off();
        let body = matches!(state.reading, Reading::Body(_));
        state.reading = Reading::Nothing;
        match state.answer {
            // Whatever comes of the head: a handler, or the server's refusal.
            _ if !body => member.turn(Doing::Receiving),
            Answered::No => member.turn(Doing::Working),
            Answered::Written => {}
            Answered::Taken => {
                state.reading = Reading::Head(Head::default());
                member.turn(Doing::Idle);
            }
        }
    }

    /// Nothing has come: whether it is time to end the connection.
    fn ends(&mut self, state: &State, cx: &mut Context<'_>) -> bool {
        match &state.reading {
            Reading::Head(head) if head.len() == 0 => {
                if self.gate.member.is_wanted(Wanted::End) {
                    return true;
                }
                // Later on, the time between two requests is the server's keep-alive.
                state.answer == Answered::No && self.reading.rings(self.patience.head, cx)
            }
            Reading::Head(_) if self.reading.rings(self.patience.head, cx) => {
                self.refuse(Bound::HeadTime, "408 Request Timeout");
                true
            }
            Reading::Body(_) if state.answer == Answered::Taken => self.reading.rings(LINGER, cx),
            _ => false,
        }
    }

    /// Says why the connection ends, to a client that has sent only a part of a head: no answer is under way.
    fn refuse(&self, bound: Bound, status: &str) {
        self.gate.member.hit(bound);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        // It is so short that it fits, or the client takes nothing.
        let _ = self.io.try_write(answer.as_bytes());
    }

    fn aborted(&self) -> Option<io::Error> {
        self.gate.member.is_wanted(Wanted::Abort).then(|| {
            // What the kernel holds goes too.
            let _ = self.io.set_zero_linger();
            io::ErrorKind::ConnectionAborted.into()
        })
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let gate = Rc::clone(&wire.gate);
        let mut state = gate.state.borrow_mut();
        gate.member.register(cx.waker());
        if let Some(error) = wire.aborted() {
            return Poll::Ready(Err(error));
        }
        if let Reading::Nothing = state.reading {
            state.task = Some(cx.waker().clone());
            return wire.poll_end(cx);
        }
        if wire.turn >= TURN {
            wire.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        match wire.poll_bytes(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() > before => {}
            Poll::Pending if !wire.ends(&state, cx) => return Poll::Pending,
            // Without a byte, it is the end of the stream for the server too.
            Poll::Pending => return Poll::Ready(Ok(())),
            other @ Poll::Ready(_) => return other,
        }
        wire.accept(before, buf, &mut state);
        if let Reading::Head(head) = &state.reading
            && head.len() > MAX_HEAD
        {
            wire.refuse(Bound::HeadSize, "431 Request Header Fields Too Large");
            buf.set_filled(before);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = &mut *self;
        wire.gate.member.register(cx.waker());
        if let Some(error) = wire.aborted() {
            return Poll::Ready(Err(error));
        }
        match Pin::new(&mut wire.io).poll_write(cx, bytes) {
            Poll::Pending if wire.writing.rings(wire.patience.write, cx) => {
                wire.gate.member.hit(Bound::WriteTime);
                let _ = wire.io.set_zero_linger();
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
            ready @ Poll::Ready(_) => {
                wire.writing.off();
                wire.gate.member.progress();
                ready
            }
        }
    }

    /// The server asks for this when it has written all that it has.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let mut state = wire.gate.state.borrow_mut();
        if state.answer == Answered::Written {
            state.answer = Answered::Taken;
            wire.gate.member.release();
            let read_whole = matches!(state.reading, Reading::Nothing);
            if read_whole {
                state.reading = Reading::Head(Head::default());
                wire.gate.member.turn(Doing::Idle);
            }
            // Else the task is woken by the next bytes.
            if !read_whole || !wire.ahead.is_empty() || wire.gate.member.is_wanted(Wanted::End) {
                cx.waker().wake_by_ref();
            }
        }
        drop(state);
        Pin::new(&mut wire.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
