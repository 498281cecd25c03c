//! HTTP/2 connections that refuse calls or fall silent, before a host of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::api::Api;
use crate::call::{Priority, RequestContext};
use crate::observable::TypeCase;
use crate::provider::{Answer, Auth, Client, Failure};
use crate::settings::{Environment, Settings};
use crate::telemetry::Metrics;
use crate::testing::in_time;

const MODULE: Module = Module {
    name: "acme",
    package: "relay-acme",
    version: "1.0.0",
    title: "Acme",
    summary: "",
    user_agent: None,
    observables: &[],
    type_case: TypeCase::Exact,
    claims: &[],
    settings: &[],
};
static API: Api = Api::new("Acme");

/// What the host does with its first connection; it answers on all others.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Answers,
    /// Each call is refused as not processed.
    Refuses,
    /// It answers the first call by a frame that says that it closes the connection.
    Closes,
    /// It answers one call and then reads nothing more, not even the question whether it lives.
    FallsSilent,
}

/// A host that speaks HTTP/2, and a client that trusts its certificate.
struct Host {
    url: String,
    connections: Arc<AtomicUsize>,
    client: Client,
    metrics: Arc<Metrics>,
}

impl Host {
    async fn start(first: First, liveness: Liveness) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocols")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                key.serialize_der().try_into().expect("a private key"),
            )
            .expect("a certificate");
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let behaviour = if number == 1 { first } else { First::Answers };
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.expect("a client that trusts it");
                    if behaviour == First::Closes {
                        return close(stream).await;
                    }
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    let mut calls = 0;
                    while let Some(Ok((_, respond))) = connection.accept().await {
                        calls += 1;
                        match behaviour {
                            First::Refuses => refuse(respond),
                            First::FallsSilent if calls > 1 => std::future::pending().await,
                            First::Answers | First::Closes | First::FallsSilent => answer(respond),
                        }
                    }
                });
            }
        });
        let file = std::env::temp_dir().join(format!("relay-h2-{}-{port}.pem", std::process::id()));
        std::fs::write(&file, certificate.pem()).expect("a file");
        // What a host says about its connection is no failure of the call.
        let retries = if first == First::Closes { "0" } else { "" };
        let settings = [
            ("RELAY_PROVIDER__CA_FILE", file.display().to_string()),
            ("RELAY_PROVIDER__RETRIES", retries.to_owned()),
        ];
        let settings = Settings::load(&MODULE, Environment::of(settings)).expect("settings").settings;
        let metrics = Arc::new(Metrics::new("acme").expect("metrics"));
        let http = HttpClients::with(&MODULE, &settings.provider, liveness).expect("clients");
        std::fs::remove_file(&file).expect("its own file");
        let client = Client::new(http, &settings, Arc::clone(&metrics), None, None);
        Self { url: format!("https://localhost:{port}/things"), connections, client, metrics }
    }

    fn context() -> RequestContext {
        RequestContext::for_tests(Priority::Lookup, 16, Duration::from_secs(60))
    }

    async fn get(&self, context: &RequestContext) -> Result<Answer, Failure> {
        let url = self.url.parse::<url::Url>().expect("a URL");
        self.client.api(&API, context, Auth::None).get("things", url).send().await
    }

    async fn post(&self, context: &RequestContext) -> Result<Answer, Failure> {
        let url = self.url.parse::<url::Url>().expect("a URL");
        self.client.api(&API, context, Auth::None).post("things", url).json(&"isolate").send().await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(mut respond: SendResponse<Bytes>) {
    let mut stream = respond.send_response(http::Response::new(()), false).expect("a stream");
    stream.send_data(Bytes::from_static(b"{}"), true).expect("a stream");
}

fn refuse(mut respond: SendResponse<Bytes>) {
    respond.send_reset(Reason::REFUSED_STREAM);
}

/// In frames of HTTP/2 (RFC 9113, section 4.1), since a library answers each call that has reached it.
async fn close(mut stream: TlsStream<TcpStream>) {
    const HEADERS: u8 = 1;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(&settings).await.expect("a connection");
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.expect("the preface");
    let mut kind = None;
    while kind != Some(HEADERS) {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.expect("a frame");
        let [_, high, low, of, ..] = head;
        let mut rest = vec![0; usize::from(u16::from_be_bytes([high, low]))];
        stream.read_exact(&mut rest).await.expect("the rest of it");
        kind = Some(of);
    }
    // It goes away for no error, and has processed no stream.
    let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    stream.write_all(&go_away).await.expect("a connection");
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn calls_share_a_connection() {
    let host = Host::start(First::Answers, LIVENESS).await;
    let context = Host::context();
    for _ in 0..3 {
        in_time("an answer", host.get(&context)).await.expect("an answer");
    }
    assert_eq!(host.connections(), 1);
}

#[tokio::test]
async fn a_refused_stream_is_asked_again_at_once_on_a_new_connection() {
    let host = Host::start(First::Refuses, LIVENESS).await;
    let context = Host::context();
    in_time("an answer", host.get(&context)).await.expect("an answer");
    assert_eq!((host.connections(), context.provider_calls()), (2, 2));
    // The host has done nothing with it, so this holds for actions too.
    in_time("an answer", host.post(&context)).await.expect("an answer");
    assert_eq!((host.connections(), context.provider_calls()), (3, 4));
    let metrics = String::from_utf8(host.metrics.text()).expect("text");
    assert!(metrics.contains(r#"relay_provider_retries_total{call="things",relay="acme"} 2"#), "{metrics}");
}

#[tokio::test]
async fn a_connection_that_the_host_closes_costs_no_call_that_may_be_repeated() {
    let host = Host::start(First::Closes, LIVENESS).await;
    let context = Host::context();
    in_time("an answer", host.get(&context)).await.expect("an answer");
    assert_eq!((host.connections(), context.provider_calls()), (2, 2));
    // The host may have done what it was asked to.
    let host = Host::start(First::Closes, LIVENESS).await;
    let outcome = in_time("a failure", host.post(&context)).await;
    assert!(matches!(outcome, Err(Failure::Connection(_))), "{outcome:?}");
    assert_eq!((host.connections(), context.provider_calls()), (1, 3));
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_left_and_costs_no_call_that_may_be_repeated() {
    let liveness =
        Liveness { ask_after: Duration::from_millis(200), answer_within: Duration::from_millis(100) };
    let host = Host::start(First::FallsSilent, liveness).await;
    let context = Host::context();
    in_time("an answer", host.get(&context)).await.expect("an answer");
    let started = Instant::now();
    // As many as may be made again in a second.
    let calls = futures::future::join_all((0..3).map(|_| host.get(&context)));
    for outcome in in_time("answers", calls).await {
        outcome.expect("an answer on another connection");
    }
    // The time for a call is 15 s, so nothing but the unanswered question ended these.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(host.connections() > 1);
}

#[tokio::test]
async fn an_action_on_a_connection_that_falls_silent_is_not_sent_again() {
    let liveness =
        Liveness { ask_after: Duration::from_millis(200), answer_within: Duration::from_millis(100) };
    let host = Host::start(First::FallsSilent, liveness).await;
    let context = Host::context();
    in_time("an answer", host.get(&context)).await.expect("an answer");
    let outcome = in_time("a failure", host.post(&context)).await;
    assert!(matches!(outcome, Err(Failure::Connection(_))), "{outcome:?}");
    assert_eq!((host.connections(), context.provider_calls()), (1, 2));
}

#[test]
fn a_silent_connection_is_left_within_fifteen_seconds() {
    assert!(LIVENESS.ask_after + LIVENESS.answer_within <= Duration::from_secs(15));
}
