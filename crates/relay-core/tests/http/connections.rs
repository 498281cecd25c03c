//! What connections may cost: their number, their time, and the memory of what they send and do not take. Each test
//! has a bound so small that kilobytes reach it.

use relay_testkit::{Stage, asked, eventually, in_time};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::acme::{setup, thing};
use crate::mock::Mock;

const VERSION: &str = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";

/// A client that decides about every byte.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    /// Bytes of later answers.
    ahead: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(stage: &Stage) -> Self {
        let address = stage.relay.url.trim_start_matches("http://");
        Self::of(TcpStream::connect(address).await.expect("a connection"))
    }

    /// One whose kernel takes hardly anything on its behalf.
    pub(crate) fn narrow(stage: &Stage) -> Self {
        let address: std::net::SocketAddr =
            stage.relay.url.trim_start_matches("http://").parse().expect("one");
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        socket.connect(&address.into()).expect("a connection");
        socket.set_nonblocking(true).expect("a socket for tokio");
        Self::of(TcpStream::from_std(socket.into()).expect("a connection"))
    }

    fn of(socket: TcpStream) -> Self {
        Self { socket, ahead: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        in_time("bytes are taken", self.socket.write_all(bytes.as_ref()))
            .await
            .expect("a connection that takes bytes");
    }

    /// Head and body of the next answer.
    pub(crate) async fn answer(&mut self) -> (String, String) {
        let end = loop {
            if let Some(end) = self.ahead.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await;
        };
        let head: Vec<u8> = self.ahead.drain(..end).collect();
        let head = String::from_utf8(head).expect("text");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let length: usize = length.parse().expect("a number");
        while self.ahead.len() < length {
            self.more().await;
        }
        let body = self.ahead.drain(..length).collect();
        (head, String::from_utf8(body).expect("text"))
    }

    async fn more(&mut self) {
        let read = in_time("an answer", self.socket.read_buf(&mut self.ahead)).await.expect("an answer");
        assert_ne!(read, 0, "an answer that breaks off: {}", String::from_utf8_lossy(&self.ahead));
    }

    /// Everything until the connection ends, however that is.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = in_time("the end of the connection", self.socket.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Waits until a bound was hit.
async fn until_hit(stage: &Stage, bound: &str) {
    let unhit = format!(r#"relay_bounds_hit_total{{bound="{bound}",relay="acme"}} 0"#);
    eventually(bound, async || !stage.metrics().await.contains(&unhit)).await;
}

fn post(stage: &Stage, length: usize, sent: &str) -> String {
    let (host, token) = (stage.relay.url.trim_start_matches("http://"), stage.token());
    format!(
        "POST /observe/observables HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {length}\r\n\r\n{sent}"
    )
}

async fn stage_with(settings: &[(&str, &str)]) -> Stage {
    let provider = Mock::always(thing(true, &[])).await;
    let setup = settings.iter().fold(setup(&provider), |setup, (name, value)| setup.setting(name, value));
    setup.start().await
}

/// A relay whose answer to [`large_request`] is megabytes.
pub(crate) async fn stage_of_large_answers(settings: &[(&str, &str)]) -> Stage {
    let ids: Vec<String> = (0..1000).map(|id| format!("{id:0200}")).collect();
    let provider = Mock::always(thing(true, &ids.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let setup = setup(&provider).claim("CTR_ENTITIES_LIMIT", 1000);
    settings.iter().fold(setup, |setup, (name, value)| setup.setting(name, value)).start().await
}

pub(crate) fn large_request(stage: &Stage) -> String {
    let domains: Vec<String> = (0..5).map(|number| format!("d{number}.example")).collect();
    let about: Vec<(&str, &str)> = domains.iter().map(|domain| ("domain", domain.as_str())).collect();
    let body = asked(&about).to_string();
    post(stage, body.len(), &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_connection_waits_for_a_place() {
    let provider = Mock::silent().await;
    let stage = setup(&provider).setting("RELAY_MAX_CONNECTIONS", "1").start().await;
    let mut busy = Client::connect(&stage).await;
    let body = asked(&[("domain", "a.example")]).to_string();
    busy.send(post(&stage, body.len(), &body)).await;
    in_time("the provider is asked", provider.until_in_flight(1)).await;
    let mut waiting = Client::connect(&stage).await;
    waiting.send(VERSION).await;
    until_hit(&stage, "connections").await;
    let mut byte = [0];
    let early = waiting.socket.try_read(&mut byte);
    assert!(early.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    drop(busy);
    assert!(waiting.answer().await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_gives_its_place_to_one_that_asks() {
    let stage = stage_with(&[("RELAY_MAX_CONNECTIONS", "2")]).await;
    let mut idle = [Client::connect(&stage).await, Client::connect(&stage).await];
    for client in &mut idle {
        client.send(VERSION).await;
        assert!(client.answer().await.0.starts_with("HTTP/1.1 200 "));
    }
    let mut next = Client::connect(&stage).await;
    next.send(VERSION).await;
    assert!(next.answer().await.0.starts_with("HTTP/1.1 200 "));
    let [first, second] = &mut idle;
    assert_eq!(first.rest().await, "", "the longest idle one ends");
    second.send(VERSION).await;
    assert!(second.answer().await.0.starts_with("HTTP/1.1 200 "), "the other one stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_share_a_bounded_memory() {
    let stage = stage_with(&[("RELAY_BODY_MEMORY", "8192")]).await;
    let body = |length: usize| format!("[{}", " ".repeat(length - 1));
    let mut unfinished = Client::connect(&stage).await;
    unfinished.send(post(&stage, 8001, &body(8000))).await;
    let refused = in_time("a refusal", async {
        loop {
            let mut next = Client::connect(&stage).await;
            next.send(post(&stage, 1000, &format!("{}]", body(999)))).await;
            let (head, body) = next.answer().await;
            if head.starts_with("HTTP/1.1 503 ") {
                assert_eq!(next.rest().await, "", "the connection ends");
                break (head, body);
            }
        }
    });
    let (head, answer) = refused.await;
    assert!(head.contains("\r\nretry-after: 1\r\n") && head.contains("\r\nconnection: close\r\n"), "{head}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    crate::only_error(&answer, "fatal", "unavailable");
    until_hit(&stage, "body_memory").await;
    // What was received in time is answered, and its memory is free again.
    unfinished.send("]").await;
    assert_eq!(unfinished.answer().await.1, json!({"data": {}}).to_string());
    let mut next = Client::connect(&stage).await;
    next.send(post(&stage, 8000, &format!("{}]", body(7999)))).await;
    assert!(next.answer().await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for_forever() {
    let stage = stage_with(&[("RELAY_BODY_TIMEOUT", "100ms")]).await;
    let mut client = Client::connect(&stage).await;
    client.send(post(&stage, 10, "[")).await;
    let (head, answer) = client.answer().await;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("\r\nconnection: close\r\n"), "{head}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let message = crate::only_error(&answer, "fatal", "timeout");
    assert_eq!(message, "The request body did not arrive in time.");
    assert_eq!(client.rest().await, "");
    until_hit(&stage, "body_time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_is_not_waited_for_either() {
    let stage = stage_with(&[("RELAY_BODY_TIMEOUT", "1h")]).await;
    let mut client = Client::connect(&stage).await;
    client.send(post(&stage, 1000, "[")).await;
    assert!(client.answer().await.1.contains("timeout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_no_body_is_waited_for() {
    let stage = stage_with(&[("RELAY_BODY_MEMORY", "1024")]).await;
    for body in ["Content-Length: 1000000\r\n\r\n[", "Transfer-Encoding: chunked\r\n\r\nffff\r\n["] {
        let mut client = Client::connect(&stage).await;
        client.send(format!("POST /observe/observables HTTP/1.1\r\nHost: x\r\n{body}")).await;
        let answer: Value = serde_json::from_str(&client.answer().await.1).expect("JSON");
        crate::only_error(&answer, "fatal", "authorization error");
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_is_not_waited_for_forever() {
    let stage = stage_with(&[("RELAY_BODY_TIMEOUT", "100ms")]).await;
    let mut silent = Client::connect(&stage).await;
    assert_eq!(silent.rest().await, "");
    let mut slow = Client::connect(&stage).await;
    slow.send("GET /version HT").await;
    assert!(slow.rest().await.starts_with("HTTP/1.1 408 "));
    // A later head has no more time than the first.
    let mut later = Client::connect(&stage).await;
    later.send(VERSION).await;
    assert!(later.answer().await.0.starts_with("HTTP/1.1 200 "));
    later.send("GET /version HT").await;
    assert!(later.rest().await.starts_with("HTTP/1.1 408 "));
    until_hit(&stage, "head_time").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_largest_size() {
    let stage = stage_with(&[]).await;
    let mut client = Client::connect(&stage).await;
    // The connection may end before all of it was taken.
    let head = format!("GET /version HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n", "x".repeat(33 * 1024));
    let _ = in_time("bytes are taken", client.socket.write_all(head.as_bytes())).await;
    until_hit(&stage, "head_size").await;
    let head = format!("GET /version HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(31 * 1024));
    let mut client = Client::connect(&stage).await;
    client.send(head).await;
    assert!(client.answer().await.0.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_given_up() {
    let stage = stage_of_large_answers(&[("RELAY_WRITE_TIMEOUT", "200ms")]).await;
    let mut client = Client::narrow(&stage);
    client.send(large_request(&stage)).await;
    until_hit(&stage, "write_time").await;
    let got = client.rest().await;
    assert!(got.len() < 1_000_000, "{} bytes of an answer that was given up", got.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_share_a_bounded_memory() {
    let stage = stage_of_large_answers(&[("RELAY_WRITE_MEMORY", "4000000")]).await;
    let mut longest = Client::narrow(&stage);
    longest.send(large_request(&stage)).await;
    // Its answer has begun to come.
    in_time("an answer", longest.socket.readable()).await.expect("an answer");
    let mut next = Client::connect(&stage).await;
    next.send(large_request(&stage)).await;
    let (head, body) = next.answer().await;
    assert!(head.starts_with("HTTP/1.1 200 ") && body.len() > 2_000_000, "{head} {}", body.len());
    until_hit(&stage, "write_memory").await;
    assert!(longest.rest().await.len() < 1_000_000);
    // What was taken does not count any more.
    for _ in 0..3 {
        next.send(large_request(&stage)).await;
        assert!(next.answer().await.1.len() > 2_000_000);
    }
    let hits = r#"relay_bounds_hit_total{bound="write_memory",relay="acme"} 1"#;
    assert!(stage.metrics().await.contains(hits));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asks_nothing_more_is_closed() {
    let stage = stage_with(&[("RELAY_KEEP_ALIVE", "100ms")]).await;
    let mut client = Client::connect(&stage).await;
    client.send(VERSION).await;
    let (head, _) = client.answer().await;
    assert!(!head.contains("connection: close"), "{head}");
    assert_eq!(client.rest().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_one_after_the_other() {
    let stage = stage_with(&[]).await;
    let mut client = Client::connect(&stage).await;
    let body = asked(&[("domain", "a.example")]).to_string();
    let chunked = "POST /refer/observables HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n";
    let all = [
        VERSION,
        &post(&stage, body.len(), &body),
        chunked,
        "GET /watchdog HTTP/1.1\r\nHost: x\r\n\r\n",
        VERSION,
    ];
    // In one piece, and in pieces that end anywhere.
    for piece in [usize::MAX, 7] {
        for piece in all.concat().as_bytes().chunks(piece) {
            client.send(piece).await;
        }
        for part in
            [r#"{"version""#, r#""verdicts""#, r#"{"data":[]}"#, "health check failed", r#"{"version""#]
        {
            let (_, body) = client.answer().await;
            assert!(body.contains(part), "{part}: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_no_handler_reads_does_not_hold_the_connection() {
    let stage = stage_with(&[]).await;
    for body in [
        "Content-Length: 1000\r\n\r\n[",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n[",
        "Upgrade: websocket\r\n\r\n",
    ] {
        let mut client = Client::connect(&stage).await;
        client.send(format!("POST /nothing HTTP/1.1\r\nHost: x\r\n{body}")).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 404 "), "{body:?}");
    }
}
