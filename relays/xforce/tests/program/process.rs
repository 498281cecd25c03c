//! The program as a process of its own, with an environment of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread::JoinHandle;

use provider_sim::Sim;
use relay_testkit::{PATIENCE, TestLimit, eventually_blocking};
use serde_json::{Value, json};

pub(crate) const SECRET: &str = "a-shared-secret-of-more-than-32-bytes";

/// The program with an environment of its own, on free ports.
pub(crate) fn command(settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay-xforce"));
    command.env_clear().envs([
        ("RELAY_LISTEN", "127.0.0.1:0"),
        ("RELAY_ADMIN_LISTEN", "127.0.0.1:0"),
        ("RELAY_WORKERS", "1"),
        ("RELAY_DRAIN_DELAY", "0s"),
        ("RELAY_LOG_FORMAT", "json"),
        ("SECRET_KEY", SECRET),
    ]);
    command.envs(settings.iter().copied());
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let _limit = TestLimit::start();
    command(settings).args(arguments).output().expect("the program")
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A running relay.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
    pub(crate) admin: String,
    log: Log,
    _limit: TestLimit,
}

/// Who reads the log of a program.
enum Log {
    /// A thread, as fast as lines come.
    Read(JoinHandle<Vec<Value>>),
    /// Not beyond the first lines: the pipe fills.
    Unread(BufReader<ChildStderr>, Vec<Value>),
    /// Somebody has it.
    Taken,
}

/// A test that fails leaves no process behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts it and waits for the line with its addresses.
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let mut program = Self::start_unread(settings);
        program.read_log();
        program
    }

    /// The same, but its log is not read any further.
    pub(crate) fn start_unread(settings: &[(&str, &str)]) -> Self {
        let limit = TestLimit::start();
        let mut child = command(settings).stderr(Stdio::piped()).spawn().expect("the program");
        let mut log = BufReader::new(child.stderr.take().expect("its log"));
        let mut lines = Vec::new();
        let (address, admin) = loop {
            let mut line = String::new();
            let length = log.read_line(&mut line).expect("its log");
            assert!(length > 0, "it ended before the line that is logged at start: {lines:?}");
            let line = json_line(&line);
            let addresses = addresses_in(line["message"].as_str().expect("a message"));
            lines.push(line);
            if let Some(addresses) = addresses {
                break addresses;
            }
        };
        Self { child, address, admin, log: Log::Unread(log, lines), _limit: limit }
    }

    /// Ends it as an orchestrator does.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill");
        assert!(sent.success());
    }

    /// Its exit code, once it has ended.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually_blocking("the program ends", || {
            status = self.child.try_wait().expect("its state");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// Its exit code and its log.
    pub(crate) fn ended(mut self) -> (Option<i32>, Vec<Value>) {
        let code = self.exit_code();
        let log = match std::mem::replace(&mut self.log, Log::Taken) {
            Log::Read(reader) => reader.join().expect("its log"),
            Log::Unread(rest, lines) => rest_of_log(rest, lines),
            Log::Taken => Vec::new(),
        };
        (code, log)
    }

    /// Reads its log from now on.
    pub(crate) fn read_log(&mut self) {
        if let Log::Unread(rest, lines) = std::mem::replace(&mut self.log, Log::Taken) {
            self.log = Log::Read(std::thread::spawn(move || rest_of_log(rest, lines)));
        }
    }

    /// Asks it on behalf of a user; gives the body of the answer.
    pub(crate) fn ask(&self, path: &str, token: &str, body: &str) -> String {
        self.ask_with(path, "request-7", &format!("Authorization: Bearer {token}\r\n"), body)
    }

    /// The same with further headers, each a line, under an id of its own.
    pub(crate) fn ask_with(&self, path: &str, id: &str, headers: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).expect("a connection");
        write!(
            socket,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Request-Id: {id}\r\n{headers}\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        )
        .expect("a request");
        read(socket)
    }

    pub(crate) fn probe(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.admin).expect("a connection");
        write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("a request");
        read(socket)
    }
}

fn json_line(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON line: {line}"))
}

/// The lines of a log to its end.
fn rest_of_log(rest: impl BufRead, mut lines: Vec<Value>) -> Vec<Value> {
    lines.extend(rest.lines().map_while(Result::ok).map(|line| json_line(&line)));
    lines
}

/// The whole answer on a connection that is closed after it.
pub(crate) fn read(mut socket: TcpStream) -> String {
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit of time");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Both addresses in `... on 127.0.0.1:1, probes and metrics on 127.0.0.1:2, ...`.
fn addresses_in(message: &str) -> Option<(String, String)> {
    let (before, after) = message.split_once(", probes and metrics on ")?;
    let address = before.rsplit(' ').next()?;
    Some((address.to_owned(), after.split(',').next()?.to_owned()))
}

/// A token of the shared secret.
pub(crate) fn token(sim: &Sim, key: &str, password: &str) -> String {
    sim.keys().hs256(SECRET.as_bytes(), &json!({"key": key, "password": password}))
}

/// A provider that answers when the test says so.
pub(crate) struct Provider(TcpListener);

impl Provider {
    pub(crate) fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that can be asked");
        Self(listener)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// The connection of the next call.
    pub(crate) fn call(&self) -> TcpStream {
        let mut call = None;
        eventually_blocking("the relay calls the provider", || {
            call = self.0.accept().ok();
            call.is_some()
        });
        let (call, _) = call.expect("a call");
        call.set_nonblocking(false).expect("a connection that can be waited for");
        call.set_read_timeout(Some(PATIENCE)).expect("a limit of time");
        call
    }
}
