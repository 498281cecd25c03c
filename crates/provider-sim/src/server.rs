//! The HTTP server. The only module that uses actix-web.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Extensions, Server};
use actix_web::http::StatusCode;
use actix_web::rt::time::sleep;
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, rt, web};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};

use crate::control;
use crate::outgoing;
use crate::record::SeenCall;
use crate::reply::Reply;
use crate::request::Request;
use crate::service::Service;
use crate::simulator::{Delivery, Simulator};
use crate::socket::Socket;

/// Longer bodies are rejected. No call of a relay is nearly as long.
const MAX_BODY: usize = 1 << 20;

/// The server on this listener; poll it until it is stopped.
pub(crate) fn serve(listener: TcpListener, simulator: Arc<Simulator>) -> io::Result<Server> {
    let simulator = web::Data::from(simulator);
    let app = move || {
        App::new()
            .app_data(simulator.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .default_service(web::to(handle))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        // Longer than clients keep idle connections, so that none is closed while a client reuses it.
        .keep_alive(Duration::from_secs(120))
        // If the client disconnects, its call ends, even if it hangs or is delayed.
        .h1_allow_half_closed(false)
        .on_connect(|connection: &dyn Any, data: &mut Extensions| {
            if let Some(socket) = Socket::of(connection) {
                data.insert(socket);
            }
        })
        .listen(listener)?;
    Ok(server.run())
}

async fn handle(call: HttpRequest, body: Bytes, simulator: web::Data<Simulator>) -> HttpResponse {
    let path = call.uri().path();
    let query = call.uri().query().unwrap_or_default();
    let method = call.method().as_str();
    if control::owns(path) {
        return whole(control::serve(&simulator, method, path, query, &body));
    }

    let service = simulator.service_at(path);
    let below = service.map_or(path, |service| path.strip_prefix(service.prefix()).unwrap_or(path));
    let target = if query.is_empty() { below.to_owned() } else { format!("{below}?{query}") };
    let mut request =
        Request::new(method, service.map_or("", |service| service.prefix()), &target).with_body(body);
    request.headers = headers(&call);
    let seen = Seen::begin(&simulator, service.map(Service::name), path, &request);

    let Some(service) = service else {
        return seen.end_with(Reply::text(404, "no service is simulated at this path"));
    };
    let mut response = simulator.respond(service, &mut request);
    if let Delivery::Whole(reply) = &mut response.delivery
        && !reply.calls.is_empty()
    {
        let outcomes = outgoing::make(std::mem::take(&mut reply.calls)).await;
        *reply = service.called(&request, &outcomes);
        service.decorate(&request, reply);
    }
    if !response.latency.is_zero() {
        sleep(response.latency).await;
    }
    match response.delivery {
        Delivery::Whole(reply) => seen.end_with(reply),
        Delivery::Drip { reply, chunk, pause } => dripped(seen, reply, chunk, pause),
        Delivery::Huge(bytes) => huge(seen, bytes),
        Delivery::Reset => {
            reset_on_close(&call);
            cut_off(&Reply::empty(200))
        }
        Delivery::ResetLate(reply) => {
            reset_on_close(&call);
            cut_off(&reply)
        }
        Delivery::Hang => futures::future::pending().await,
    }
}

fn headers(call: &HttpRequest) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    call.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// A call in the record. It is dropped when its answer is complete or has been given up.
struct Seen {
    simulator: web::Data<Simulator>,
    number: u64,
    status: Option<u16>,
}

impl Seen {
    fn begin(
        simulator: &web::Data<Simulator>,
        provider: Option<&'static str>,
        path: &str,
        request: &Request,
    ) -> Self {
        let number = simulator.record.begin(SeenCall {
            number: 0,
            provider,
            method: request.method.clone(),
            path: path.to_owned(),
            query: request.raw_query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            started: Duration::ZERO,
            ended: None,
            status: None,
        });
        Self { simulator: simulator.clone(), number, status: None }
    }

    fn end_with(mut self, reply: Reply) -> HttpResponse {
        self.status = Some(reply.status);
        whole(reply)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.simulator.record.end(self.number, self.status);
        log::debug!(call = self.number, status = self.status; "answered");
    }
}

fn head(reply: &Reply) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in &reply.headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response
}

fn whole(reply: Reply) -> HttpResponse {
    head(&reply).body(reply.body)
}

fn dripped(mut seen: Seen, reply: Reply, chunk: usize, pause: Duration) -> HttpResponse {
    seen.status = Some(reply.status);
    let mut response = head(&reply);
    response.no_chunking(reply.body.len() as u64);
    let pieces = stream::unfold((seen, reply.body), move |(seen, mut rest)| async move {
        if rest.is_empty() {
            return None;
        }
        sleep(pause).await;
        let piece = rest.split_to(chunk.clamp(1, rest.len()));
        Some((Ok::<_, Infallible>(piece), (seen, rest)))
    });
    response.streaming(pieces)
}

/// JSON of exactly this size (at least that of its frame), generated while it is sent.
fn huge(mut seen: Seen, bytes: u64) -> HttpResponse {
    const FRAME: (&[u8], &[u8]) = (b"{\"padding\":\"", b"\"}");
    const PIECE: &[u8] = &[b'x'; 64 << 10];

    seen.status = Some(200);
    let padding = bytes.saturating_sub((FRAME.0.len() + FRAME.1.len()) as u64);
    let middle = stream::unfold((seen, padding), |(seen, left)| async move {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        let piece = PIECE.get(..length).filter(|piece| !piece.is_empty())?;
        Some((Bytes::from_static(piece), (seen, left - piece.len() as u64)))
    });
    let frame = |part| stream::iter([Bytes::from_static(part)]);
    let body = frame(FRAME.0).chain(middle).chain(frame(FRAME.1)).map(Ok::<_, Infallible>);
    HttpResponse::Ok().content_type("application/json").streaming(Box::pin(body))
}

/// The headers and half of the body, then closes the connection; immediately if the body is empty.
fn cut_off(reply: &Reply) -> HttpResponse {
    let half = reply.body.slice(..reply.body.len() / 2);
    let started = !half.is_empty();
    let begin = stream::iter(started.then_some(Ok(half)));
    let end = stream::once(async move {
        if started {
            // Lets the server write what it has.
            rt::task::yield_now().await;
        }
        // If a body fails, the server closes the connection and discards what it has not written.
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "simulated fault"))
    });
    let mut response = head(reply);
    if started {
        response.no_chunking(reply.body.len() as u64);
    }
    response.streaming(Box::pin(begin.chain(end)))
}

fn reset_on_close(call: &HttpRequest) {
    let done = call.conn_data::<Socket>().map_or(Ok(()), Socket::reset_on_close);
    if let Err(error) = done {
        log::warn!("the connection will be closed, not reset: {error}");
    }
}
