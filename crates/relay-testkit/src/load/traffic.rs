//! Requests, a fixed number at a time, and how long they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What is asked again and again.
#[derive(Clone)]
pub struct Traffic {
    http: reqwest::Client,
    url: String,
    token: Option<Arc<dyn Fn(usize) -> String + Send + Sync>>,
    body: Arc<dyn Fn(usize) -> Value + Send + Sync>,
    packed: bool,
}

impl Traffic {
    /// `/observe/observables` for this many domains, none of which was asked before; `round` tells one use of it from
    /// the others.
    pub fn observe(url: &str, token: &str, observables: usize, round: usize) -> Self {
        let name = move |number, n| format!("r{round}-{number}-{n}.example");
        let body = move |number| {
            (0..observables).map(|n| json!({"type": "domain", "value": name(number, n)})).collect::<Value>()
        };
        Self::asking(url, token, body)
    }

    /// `/observe/observables` with the body for the number of a request.
    pub fn asking(url: &str, token: &str, body: impl Fn(usize) -> Value + Send + Sync + 'static) -> Self {
        let (url, token) = (format!("{url}/observe/observables"), token.to_owned());
        let token: Arc<dyn Fn(usize) -> String + Send + Sync> = Arc::new(move |_| token.clone());
        Self { http: client(), url, token: Some(token), body: Arc::new(body), packed: false }
    }

    /// With a token of its own for each request, as of many tenants: each has a provider's quota for itself.
    #[must_use]
    pub fn tenants(mut self, token: impl Fn(usize) -> String + Send + Sync + 'static) -> Self {
        self.token = Some(Arc::new(token));
        self
    }

    /// A page without a token.
    pub fn get(url: &str) -> Self {
        let body = Arc::new(|_| Value::Null);
        Self { http: client(), url: url.to_owned(), token: None, body, packed: false }
    }

    /// Asks for answers packed with gzip; else they come as they are.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.packed = true;
        self
    }

    async fn once(&self, number: usize) {
        let mut request = match &self.token {
            None => self.http.get(&self.url),
            Some(token) => {
                let body = (self.body)(number).to_string();
                self.http.post(&self.url).bearer_auth(token(number)).body(body)
            }
        };
        if self.packed {
            request = request.header("accept-encoding", "gzip");
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let body = response.bytes().await.unwrap();
        if let Some(errors) = body.windows(8).position(|window| window == b"\"errors\"") {
            panic!("{}", String::from_utf8_lossy(&body[errors..]));
        }
    }
}

/// A client that does not unpack, which would take the CPU that others need.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_gzip().no_brotli().build().unwrap()
}

/// How long each request took, and all of them together.
pub struct Times {
    each: Vec<Duration>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Times {
    /// The time that this share of the requests did not exceed, in milliseconds.
    pub fn at(&self, hundredths: usize) -> f64 {
        let position = self.each.len() * hundredths / 100;
        self.each[position.min(self.each.len() - 1)].as_secs_f64() * 1000.0
    }

    /// How many milliseconds of this CPU time each request cost.
    pub fn share_of(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1000.0 / self.each.len() as f64
    }

    /// All of it in words.
    pub fn line(&self) -> String {
        format!(
            "latency median {:.1} ms, 99% {:.1} ms; {:.0} requests/s",
            self.at(50),
            self.at(99),
            self.each.len() as f64 / self.took.as_secs_f64()
        )
    }
}

/// Makes the requests, `at_once` at a time.
pub async fn fire(traffic: &Traffic, requests: usize, at_once: usize) -> Times {
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (next, traffic) = (Arc::clone(&next), traffic.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= requests {
                        return times;
                    }
                    let began = Instant::now();
                    traffic.once(number).await;
                    times.push(began.elapsed());
                }
            })
        })
        .collect();
    let mut each = Vec::new();
    for worker in workers {
        each.extend(worker.await.unwrap());
    }
    each.sort();
    Times { each, took: started.elapsed() }
}
