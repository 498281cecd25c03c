//! One request and its answer on a connection: the handlers' side of [`Wire`](super::wire::Wire).
//!
//! The wire hands over the head of a request and stops. [`bounded`] goes around every request: it lets the wire read
//! on to the end of the body, and keeps an [`Exchange`] alive until the last piece of the answer was handed out.
//! When those bytes have left, the wire reads the next head.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use bytes::Bytes;

use super::framing::{Body, Chunks, Head};
use super::peers::{Doing, Member};

/// How much of an answer is copied for the socket at a time.
const PIECE: usize = 32 * 1024;

/// What a connection reads, and how far its request is.
pub(super) struct Gate {
    pub(super) member: Member,
    pub(super) state: RefCell<State>,
}

pub(super) struct State {
    pub(super) reading: Reading,
    pub(super) answer: Answered,
    /// The connection's task, while it waits for bytes that it may not have yet.
    pub(super) task: Option<Waker>,
}

#[derive(Debug)]
pub(super) enum Reading {
    Head(Head),
    Body(Body),
    /// Nothing, until the answer was taken.
    Nothing,
}

/// How far the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// There is none yet, or pieces of it are left.
    No,
    /// All of it was handed to the HTTP server.
    Written,
    /// All of it has left.
    Taken,
}

impl Gate {
    pub(super) fn new(member: Member) -> Self {
        let state = State { reading: Reading::Head(Head::default()), answer: Answered::No, task: None };
        Self { member, state: RefCell::new(state) }
    }
}

/// A request that is being answered.
struct Exchange(Rc<Gate>);

impl Exchange {
    fn begin(request: &ServiceRequest) -> Option<Self> {
        let gate = Rc::clone(request.conn_data::<Rc<Gate>>()?);
        let body = body_of(request.method(), request.headers());
        gate.member.turn(if body.is_some() { Doing::Receiving } else { Doing::Working });
        let mut state = gate.state.borrow_mut();
        state.answer = Answered::No;
        if let Some(body) = body {
            state.reading = Reading::Body(body);
            if let Some(task) = state.task.take() {
                task.wake();
            }
        }
        drop(state);
        Some(Self(gate))
    }

    /// Accounts for the answer. One that others share costs no more than what is copied of it at a time.
    fn hold(&self, answer: &Bytes) {
        let bytes = if answer.is_unique() { answer.len() } else { answer.len().min(2 * PIECE) };
        self.0.member.hold(bytes);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.state.borrow_mut().answer = Answered::Written;
    }
}

/// What follows the head, as the HTTP server's parser has decided already.
fn body_of(method: &Method, headers: &HeaderMap) -> Option<Body> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Some(Body::Chunked(Chunks::default()));
    }
    if text(header::UPGRADE).is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket")) {
        return Some(Body::Endless);
    }
    match text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()) {
        None | Some(0) if method == Method::CONNECT => Some(Body::Endless),
        None | Some(0) => None,
        Some(length) => Some(Body::Length(length)),
    }
}

/// Goes around every request of a listener: one at a time on each connection, its answer in pieces and accounted for,
/// and with the headers that all answers have.
pub(super) async fn bounded(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<Pieces>, Error> {
    let exchange = Exchange::begin(&request);
    let head_only = request.method() == Method::HEAD;
    let mut response = next.call(request).await?;
    common_headers(response.headers_mut());
    if exchange.as_ref().is_some_and(|exchange| exchange.0.member.is_ending()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response.map_body(|_, body| {
        // Every answer is complete before it is sent: there is no other kind of body.
        let rest = body.try_into_bytes().unwrap_or_default();
        if let Some(exchange) = &exchange {
            exchange.hold(&rest);
        }
        Pieces { rest, head_only, _exchange: exchange }
    }))
}

/// Headers for programs that show or keep answers. What a handler has set itself stays.
fn common_headers(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// An answer that is handed out piece by piece: in one, the HTTP server would copy it whole.
pub(super) struct Pieces {
    rest: Bytes,
    head_only: bool,
    _exchange: Option<Exchange>,
}

impl MessageBody for Pieces {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() || self.head_only {
            return Poll::Ready(None);
        }
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(piece))))
    }
}
