use std::future::poll_fn;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::*;
use crate::server::framing::Body;
use crate::server::peers::Peers;
use crate::telemetry::Metrics;
use crate::testing::{PATIENCE, in_time};

const REQUEST: &str = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";

/// Both ends of a connection.
async fn connection() -> (TcpStream, Wire) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
    let (stream, _) = listener.accept().await.expect("a connection");
    let peers = Arc::new(Peers::new(1 << 20, Arc::new(Metrics::new("test").expect("metrics"))));
    let place = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("a place");
    let patience = Patience { head: PATIENCE, write: PATIENCE };
    (client, Wire::new(stream, peers.enter(), patience, place))
}

/// All that the wire hands over now, which ends with the text.
async fn read_until(wire: &mut Wire, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let read = in_time("bytes", wire.read_buf(&mut bytes)).await.expect("bytes");
        assert_ne!(read, 0, "the end after {:?}", String::from_utf8_lossy(&bytes));
    }
    String::from_utf8(bytes).expect("text")
}

/// Whether the wire hands over nothing at present.
async fn is_silent(wire: &mut Wire) -> bool {
    let mut byte = [0];
    poll_fn(|cx| {
        let mut buf = ReadBuf::new(&mut byte);
        Poll::Ready(Pin::new(&mut *wire).poll_read(cx, &mut buf).is_pending())
    })
    .await
}

fn answered(wire: &Wire) {
    wire.gate.state.borrow_mut().answer = Answered::Written;
}

#[tokio::test]
async fn a_further_request_is_handed_over_when_the_answer_before_it_was_taken() {
    let (mut client, mut wire) = connection().await;
    client.write_all(REQUEST.repeat(500).as_bytes()).await.expect("a connection");
    for _ in 0..500 {
        assert_eq!(read_until(&mut wire, "\r\n\r\n").await, REQUEST);
        assert!(is_silent(&mut wire).await);
        answered(&wire);
        assert!(is_silent(&mut wire).await, "the answer has not left");
        wire.flush().await.expect("a connection");
        assert!(wire.ahead.len() <= CHUNK + 512, "{} bytes kept", wire.ahead.len());
    }
    assert!(is_silent(&mut wire).await);
}

#[tokio::test]
async fn a_body_is_handed_over_when_a_handler_runs() {
    let (mut client, mut wire) = connection().await;
    client.write_all(format!("{REQUEST}12345{REQUEST}").as_bytes()).await.expect("a connection");
    assert_eq!(read_until(&mut wire, "\r\n\r\n").await, REQUEST);
    assert!(is_silent(&mut wire).await);
    wire.gate.state.borrow_mut().reading = Reading::Body(Body::Length(5));
    assert_eq!(read_until(&mut wire, "5").await, "12345");
    assert!(is_silent(&mut wire).await);
    answered(&wire);
    wire.flush().await.expect("a connection");
    assert_eq!(read_until(&mut wire, "\r\n\r\n").await, REQUEST);
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_while_its_request_is_at_work() {
    let (mut client, mut wire) = connection().await;
    client.write_all(format!("{REQUEST}{REQUEST}").as_bytes()).await.expect("a connection");
    assert_eq!(read_until(&mut wire, "\r\n\r\n").await, REQUEST);
    drop(client);
    let mut bytes = Vec::new();
    let read = in_time("bytes", wire.read_buf(&mut bytes)).await;
    assert_eq!(read.expect("the end"), 0);
}
