//! The orderly end: nobody's request is lost, and nobody holds it up.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use relay_testkit::{PATIENCE, Stage, eventually_blocking, in_time};
use tokio::time::timeout;

use crate::acme::{setup, thing};
use crate::connections::{Client, large_request, stage_of_large_answers};
use crate::mock::Mock;

/// What a stop takes where nothing is at work: far below the deadline of requests, which bounds it otherwise.
const SOON: Duration = Duration::from_secs(8);

async fn stage() -> Stage {
    setup(&Mock::always(thing(true, &[])).await).start().await
}

/// Asks for the version; whether the connection goes on.
fn ask(socket: &mut TcpStream) -> std::io::Result<bool> {
    socket.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.ends_with(b"}") {
        let read = socket.read(&mut part)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..read]);
    }
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(!answer.contains("connection: close"))
}

/// Asks again and again, until nobody listens any more.
fn ask_on(url: &str, answered: &AtomicUsize) -> std::io::Result<()> {
    while let Ok(mut socket) = TcpStream::connect(url.trim_start_matches("http://")) {
        socket.set_read_timeout(Some(PATIENCE))?;
        while ask(&mut socket)? {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_ask_without_a_pause_lose_no_request() {
    for _ in 0..10 {
        let stage = stage().await;
        let answered = Arc::new(AtomicUsize::new(0));
        let client = || {
            let (url, answered) = (stage.relay.url.clone(), Arc::clone(&answered));
            thread::spawn(move || ask_on(&url, &answered))
        };
        let clients: Vec<_> = (0..32).map(|_| client()).collect();
        eventually_blocking("answers", || answered.load(Ordering::Relaxed) >= 320);
        in_time("the stop", stage.relay.stop()).await;
        for client in clients {
            client.join().expect("a client").expect("no request is lost");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_an_unfinished_request_nor_an_untaken_answer_holds_up_the_stop() {
    let stage = stage_of_large_answers(&[]).await;
    let mut idle = Client::connect(&stage).await;
    idle.send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.answer().await;
    let mut unfinished = [Client::connect(&stage).await, Client::connect(&stage).await];
    unfinished[0].send("GET /version HT").await;
    unfinished[1].send("POST /refer/observables HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[").await;
    let mut untaken = Client::narrow(&stage);
    untaken.send(large_request(&stage)).await;
    in_time("an answer", untaken.socket.readable()).await.expect("an answer");
    timeout(SOON, stage.relay.stop()).await.expect("an end without waiting for any of them");
    assert_eq!(idle.rest().await, "");
}
