//! A provider of HTTP/1.1 on a bare socket, so that a test decides everything: when a call is answered, in what
//! order, with which bytes, and whether the connection survives it.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use relay_testkit::in_time;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// A call that the provider got.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// 1 for the first.
    pub(crate) number: usize,
    pub(crate) method: String,
    /// Path and query as they came.
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The last segment of the path.
    pub(crate) fn last_segment(&self) -> &str {
        self.target.rsplit('/').next().unwrap_or_default()
    }
}

/// What the provider does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Resets the connection after it has read the call.
    Reset,
    /// Promises more than it sends, with this further header, then closes the connection.
    Broken(&'static str),
}

impl Reply {
    pub(crate) fn json(body: &Value) -> Self {
        Self::text(200, &body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::text(status, &format!(r#"{{"error": "made up {status}"}}"#))
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

type Answer = dyn Fn(Call) -> BoxFuture<'static, Reply> + Send + Sync;

struct State {
    answer: Box<Answer>,
    calls: Mutex<Vec<Call>>,
    connections: AtomicUsize,
    in_flight: watch::Sender<usize>,
    /// The most calls that were in flight at once, by the credential's header.
    peaks: Mutex<HashMap<String, (usize, usize)>>,
    abandoned: watch::Sender<usize>,
}

/// The provider; it stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct Mock {
    pub(crate) url: String,
    state: Arc<State>,
}

impl Mock {
    /// A provider whose every call is answered by a function.
    pub(crate) async fn start<A, F>(answer: A) -> Self
    where
        A: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::listen(None, answer).await
    }

    /// The same behind TLS, at `https://localhost`.
    pub(crate) async fn start_tls<A, F>(tls: TlsAcceptor, answer: A) -> Self
    where
        A: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        Self::listen(Some(tls), answer).await
    }

    /// Always the same answer.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| std::future::ready(reply.clone())).await
    }

    /// Each answer once, in order; the last one for all calls that follow.
    pub(crate) async fn in_turn(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        Self::start(move |call| std::future::ready(replies[call.number.min(replies.len()) - 1].clone())).await
    }

    /// The same answer to as many calls as the gate has permits.
    pub(crate) async fn gated(reply: Reply) -> (Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let opened = Arc::clone(&gate);
        let provider = Self::start(move |_| {
            let (gate, reply) = (Arc::clone(&opened), reply.clone());
            async move {
                gate.acquire().await.expect("open").forget();
                reply
            }
        });
        (provider.await, gate)
    }

    /// Reads calls and never answers.
    pub(crate) async fn silent() -> Self {
        Self::start(|_| pending()).await
    }

    async fn listen<A, F>(tls: Option<TlsAcceptor>, answer: A) -> Self
    where
        A: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let url = match tls {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let state = Arc::new(State {
            answer: Box::new(move |call| answer(call).boxed()),
            calls: Mutex::default(),
            connections: AtomicUsize::new(0),
            in_flight: watch::Sender::new(0),
            peaks: Mutex::default(),
            abandoned: watch::Sender::new(0),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(connection(stream, tls.clone(), Arc::clone(&serving)));
            }
        });
        Self { url, state }
    }

    /// The calls so far, in the order in which they came.
    pub(crate) fn calls(&self) -> Vec<Call> {
        locked(&self.state.calls).clone()
    }

    pub(crate) fn count(&self) -> usize {
        locked(&self.state.calls).len()
    }

    /// How many connections were opened, whether a call came on them or not.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The most calls of one credential that were in flight at once.
    pub(crate) fn peak_of(&self, key: &str) -> usize {
        locked(&self.state.peaks).get(key).map_or(0, |(_, peak)| *peak)
    }

    /// Waits until this many calls wait for their answers.
    pub(crate) async fn until_in_flight(&self, calls: usize) {
        let mut seen = self.state.in_flight.subscribe();
        let what = format!("{calls} provider calls wait for their answers");
        in_time(&what, seen.wait_for(|now| *now == calls)).await.expect("the provider runs");
    }

    /// Waits until this many calls were given up by their caller before they were answered.
    pub(crate) async fn until_abandoned(&self, calls: usize) {
        let mut seen = self.state.abandoned.subscribe();
        let what = format!("{calls} provider calls are given up");
        in_time(&what, seen.wait_for(|now| *now >= calls)).await.expect("the provider runs");
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address where nobody listens.
pub(crate) async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    match tls {
        None => {
            let mut stream = stream;
            if serve(&mut stream, &state).await.is_some() {
                let _ = stream.set_zero_linger();
            }
        }
        Some(tls) => {
            if let Ok(mut stream) = tls.accept(stream).await {
                serve(&mut stream, &state).await;
            }
        }
    }
}

/// What is left to do after the last call of a connection.
struct ResetIt;

/// A call that waits for its answer.
struct Waiting<'s> {
    state: &'s State,
    key: String,
}

impl<'s> Waiting<'s> {
    fn new(state: &'s State, call: &Call) -> Self {
        let key = call.header("x-acme-key").to_owned();
        let mut peaks = locked(&state.peaks);
        let (now, peak) = peaks.entry(key.clone()).or_default();
        *now += 1;
        *peak = (*peak).max(*now);
        state.in_flight.send_modify(|now| *now += 1);
        Self { state, key }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some((now, _)) = locked(&self.state.peaks).get_mut(&self.key) {
            *now -= 1;
        }
        self.state.in_flight.send_modify(|now| *now -= 1);
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, state: &State) -> Option<ResetIt> {
    let mut buffer = Vec::new();
    loop {
        let call = read_call(stream, &mut buffer, state).await?;
        let waiting = Waiting::new(state, &call);
        let reply = tokio::select! {
            reply = (state.answer)(call) => reply,
            // Nothing more comes while the caller waits, unless it goes away.
            _ = stream.read_u8() => {
                drop(waiting);
                state.abandoned.send_modify(|given_up| *given_up += 1);
                return None;
            }
        };
        drop(waiting);
        match reply {
            Reply::Reset => return Some(ResetIt),
            Reply::Broken(header) => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n{header}\r\n\r\n");
                // The beginning of any gzip file.
                let _ = stream.write_all(&[head.as_bytes(), b"\x1f\x8b\x08\0"].concat()).await;
                return None;
            }
            Reply::Answer { status, headers, body } => {
                let headers: String =
                    headers.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
                let head =
                    format!("HTTP/1.1 {status} made up\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
                let out = [head.as_bytes(), &body].concat();
                stream.write_all(&out).await.ok()?;
                stream.flush().await.ok()?;
            }
        }
    }
}

async fn read_call<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    state: &State,
) -> Option<Call> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer.drain(..length).collect();
    let mut calls = locked(&state.calls);
    let call = Call { number: calls.len() + 1, method, target, headers, body };
    calls.push(call.clone());
    Some(call)
}
