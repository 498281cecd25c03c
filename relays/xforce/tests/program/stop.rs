//! How the program ends, and what becomes of the requests that run then.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use provider_sim::{Options, Sim};
use relay_testkit::eventually_blocking;

use crate::process::{Program, Provider, read, token};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_a_running_request_finish() {
    let sim = Sim::start(Options::default()).await.expect("a simulator");
    let token = token(&sim, "demo-key", "demo-password");
    let provider = Provider::listen();
    let url = provider.url();
    let program = Program::start(&[("RELAY_PROVIDER__API_URL", &url)]);
    assert!(program.probe("/readyz").starts_with("HTTP/1.1 200 "));

    let answer = std::thread::scope(|scope| {
        let request = scope.spawn(|| program.ask("/health", &token, ""));
        let mut call = provider.call();
        // An answer that comes before the question would be no answer.
        let question = BufReader::new(call.try_clone().expect("the same connection"));
        assert!(question.lines().any(|line| line.is_ok_and(|line| line.is_empty())), "the call broke off");
        program.terminate();
        eventually_blocking("/readyz says 503", || program.probe("/readyz").starts_with("HTTP/1.1 503 "));
        assert!(program.probe("/livez").starts_with("HTTP/1.1 200 "));
        call.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").expect("the provider's answer");
        request.join().expect("an answer")
    });
    assert!(answer.ends_with(r#"{"data":{"status":"ok"}}"#), "{answer}");
    let (address, admin) = (program.address.clone(), program.admin.clone());
    let (code, log) = program.ended();
    assert_eq!(code, Some(0));
    // The server's own threads may still have a word after it.
    assert!(log.iter().any(|line| line["message"] == "stopped"), "{log:?}");
    for gone in [address, admin] {
        assert!(TcpStream::connect(gone).is_err(), "it still listens");
    }
}

#[test]
fn every_signal_to_stop_is_an_orderly_end_and_a_hangup_is_none() {
    for signal in ["-TERM", "-INT", "-QUIT"] {
        let program = Program::start(&[]);
        program.signal("-HUP");
        assert!(program.probe("/readyz").starts_with("HTTP/1.1 200 "));
        program.signal(signal);
        let (code, log) = program.ended();
        assert_eq!(code, Some(0), "{signal}");
        assert!(log.iter().any(|line| line["message"] == "stopped"), "{signal}: {log:?}");
    }
}

#[test]
fn connections_are_taken_until_the_drain_delay_is_over() {
    let program = Program::start(&[("RELAY_DRAIN_DELAY", "1s")]);
    program.terminate();
    eventually_blocking("/readyz says 503", || program.probe("/readyz").starts_with("HTTP/1.1 503 "));
    let mut socket = TcpStream::connect(&program.address).expect("a connection");
    write!(socket, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n").expect("a request");
    // The answer ends the connection, which the request did not ask for.
    let answer = read(socket);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(program.ended().0, Some(0));
}
