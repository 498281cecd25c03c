//! How the program ends, and what becomes of the requests that run then.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use provider_sim::{Options, Sim};
use relay_testkit::eventually_blocking;

use crate::process::{Program, Provider, token};

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
