//! A real store for replicas, started by the test that needs it: `valkey-server` or `redis-server`, whichever there is.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use crate::eventually_blocking;
use crate::identity::Folder;

/// What the tests' entries are sealed with.
pub(crate) const KEY: &str = "a key of tests that all replicas have";
/// It ends by itself, whatever becomes of the test.
const LIFE: &str = "180";
/// Programs that may be there, the first one found is taken: server and client.
const PROGRAMS: [(&str, &str); 2] = [("valkey-server", "valkey-cli"), ("redis-server", "redis-cli")];

/// A running store; it ends when dropped.
pub struct Store {
    port: u16,
    programs: (&'static str, &'static str),
    options: Vec<String>,
    server: Option<Server>,
}

/// The server, below the program that bounds its life.
struct Server {
    bound: Child,
    id: String,
}

/// What commands the store was sent, from when this was made.
pub struct Monitor {
    client: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Store {
    /// A store on a free port. Nothing where no program is found: the test says so and ends, except where `CI` is set.
    ///
    /// # Panics
    /// `CI` is set and there is no program, or the store does not start.
    pub fn start() -> Option<Self> {
        Self::with(&[])
    }

    /// The same with options of the server.
    ///
    /// # Panics
    /// As [`Store::start`].
    #[expect(clippy::print_stderr, reason = "a test that did not run says so")]
    pub fn with(options: &[&str]) -> Option<Self> {
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        let Some(programs) = PROGRAMS.into_iter().find(|(server, _)| there(server)) else {
            assert!(!in_ci(), "neither valkey-server nor redis-server is installed");
            eprintln!("not run: neither valkey-server nor redis-server is installed");
            return None;
        };
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        // Another program may take the port in between: then another one is tried.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
            let port = port.expect("a free port").port();
            let mut store = Self { port, programs, options: Vec::clone(&options), server: None };
            if store.try_restart() {
                return Some(store);
            }
        }
        panic!("the store does not start");
    }

    /// A store that also listens for encrypted connections, with a certificate of its own making for `127.0.0.1`: the
    /// store, its `rediss` address, and the file with the certificate, in `folder`. Nothing as for [`Store::start`].
    ///
    /// # Panics
    /// As [`Store::start`].
    pub fn encrypted(folder: &Folder) -> Option<(Self, String, String)> {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let ca_file = folder.write("store.pem", &certificate.pem());
        let key_file = folder.write("store.key", &key.serialize_pem());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a free port").port().to_string();
        let store = Self::with(&[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &ca_file,
            "--tls-key-file",
            &key_file,
            "--tls-ca-cert-file",
            &ca_file,
            "--tls-auth-clients",
            "no",
        ])?;
        Some((store, format!("rediss://127.0.0.1:{port}/0"), ca_file))
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// What a command answers.
    ///
    /// # Panics
    /// The client program cannot be run.
    pub fn command(&self, words: &[&str]) -> String {
        let output = self.client(words).output().expect("the client program runs");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Everything in it: the names and the values of all entries.
    pub fn dump(&self) -> String {
        let names = self.command(&["KEYS", "*"]);
        let values = names.lines().map(|name| match self.command(&["TYPE", name]).as_str() {
            "string" => self.command(&["GET", name]),
            "zset" => self.command(&["ZRANGE", name, "0", "-1", "WITHSCORES"]),
            "stream" => self.command(&["XRANGE", name, "-", "+"]),
            other => panic!("{name} is of an unknown kind: {other}"),
        });
        let values: Vec<String> = values.collect();
        format!("{names}\n{}", values.join("\n"))
    }

    /// Begins to note every command.
    ///
    /// # Panics
    /// The client program cannot be run.
    pub fn monitor(&self) -> Monitor {
        let mut client =
            self.client(&["MONITOR"]).stdout(Stdio::piped()).spawn().expect("the client program runs");
        let mut output = BufReader::new(client.stdout.take().expect("its output"));
        let mut first = String::new();
        output.read_line(&mut first).expect("a line");
        assert_eq!(first.trim(), "OK");
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        Monitor { client, lines }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            signal("-KILL", &server.id);
            let _ = server.bound.wait();
        }
    }

    /// Starts it again, empty, at the same port.
    ///
    /// # Panics
    /// It does not start.
    pub fn restart(&mut self) {
        assert!(self.try_restart(), "the store starts again");
    }

    /// It answers nothing until [`Store::go_on`], while its connections stay.
    pub fn hang(&self) {
        self.send("-STOP");
    }

    /// See [`Store::hang`].
    pub fn go_on(&self) {
        self.send("-CONT");
    }

    fn send(&self, signal_name: &str) {
        signal(signal_name, &self.server.as_ref().expect("a running store").id);
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args([LIFE, self.programs.1, "-p", &self.port.to_string()]).args(words);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn try_restart(&mut self) -> bool {
        self.kill();
        let bound = Command::new("timeout")
            .args(["-s", "KILL", LIFE, self.programs.0])
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut bound = bound.expect("the server program runs");
        for _ in 0..200 {
            let about = self.command(&["INFO", "server"]);
            // Of this very server, and not of one that took the port.
            let port = format!("tcp_port:{}", self.port);
            if about.contains(&port)
                && let Some(id) = about.lines().find_map(|line| line.strip_prefix("process_id:"))
            {
                self.server = Some(Server { bound, id: id.trim().to_owned() });
                return true;
            }
            if bound.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = bound.kill();
        false
    }
}

fn signal(name: &str, id: &str) {
    let status = Command::new("kill").args([name, id]).status();
    assert!(status.expect("kill runs").success(), "{name}");
}

impl Drop for Store {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Monitor {
    /// All commands so far that hold this text.
    pub fn commands_with(&self, part: &str) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }

    /// Waits for the next command with this text.
    pub fn until_next(&self, part: &str) {
        let before = self.commands_with(part).len();
        eventually_blocking(part, || self.commands_with(part).len() > before);
    }

    /// Waits until a command with this text was sent.
    pub fn until(&self, part: &str) {
        eventually_blocking(part, || !self.commands_with(part).is_empty());
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

fn in_ci() -> bool {
    std::env::vars_os().any(|(name, value)| name == "CI" && !value.is_empty())
}
