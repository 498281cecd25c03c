//! A process under load: started, watched through `/proc`, ended.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use provider_sim::Sim;
use serde_json::{Value, json};

/// A process that answers HTTP requests until it is dropped.
pub struct Process {
    child: Child,
    /// Where it answers.
    pub url: String,
    /// How long it took from its start until it was ready, in milliseconds.
    pub ready_after_ms: f64,
    cpu: Mutex<Duration>,
}

impl Process {
    /// A relay's program with these settings, its log going nowhere and everything else as by default. It trusts the
    /// simulator's keys.
    pub async fn relay(program: &str, sim: &Sim, settings: &[(&str, &str)]) -> Self {
        let (listen, admin) = (free_address(), free_address());
        let mut command = Command::new(program);
        command
            .env("RELAY_LISTEN", &listen)
            .env("RELAY_ADMIN_LISTEN", &admin)
            .env("RELAY_AUTH__JWKS_HOSTS", sim.url())
            .envs(settings.iter().copied());
        Self::start(command, &listen, &format!("http://{admin}/readyz")).await
    }

    /// Any program that listens there, and is ready as soon as that URL answers.
    pub async fn start(mut command: Command, listen: &str, ready: &str) -> Self {
        let http = reqwest::Client::default();
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while http.get(ready).send().await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(started.elapsed() < Duration::from_secs(10), "the process does not start");
        }
        let ready_after_ms = started.elapsed().as_secs_f64() * 1000.0;
        Self { child, url: format!("http://{listen}"), ready_after_ms, cpu: Mutex::default() }
    }

    /// A token with these claims that the process accepts, if it is a relay.
    pub fn token(&self, sim: &Sim, claims: &Value) -> String {
        let mut all = json!({"jwks_host": sim.host(), "aud": self.url});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        sim.keys().sign(&all)
    }

    /// CPU time, user and system, since this was last asked.
    pub fn cpu_since_last(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Fields 14 and 15; the name in field 2 may hold spaces, so count from its end.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        // A tick is 10 ms on every Linux that this runs on.
        let now = Duration::from_millis(ticks * 10);
        let mut last = self.cpu.lock().unwrap();
        let spent = now.saturating_sub(*last);
        *last = now;
        spent
    }

    /// Memory that it occupies now, in megabytes.
    pub fn resident_mb(&self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most memory that it ever occupied, in megabytes.
    pub fn peak_mb(&self) -> f64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A loopback address that nothing listened on a moment ago.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}
