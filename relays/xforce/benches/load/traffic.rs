//! Requests, so many at a time, and how long they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What is asked again and again.
#[derive(Clone)]
pub(crate) struct Traffic {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
    observables: usize,
    round: usize,
}

/// `/observe/observables` for so many domains, none of which was asked before.
pub(crate) fn observe(url: &str, token: &str, observables: usize, round: usize) -> Traffic {
    Traffic {
        http: client(),
        url: format!("{url}/observe/observables"),
        token: Some(token.to_owned()),
        observables,
        round,
    }
}

/// A client that wants answers as they are: packing them costs the relay as much as all else, and the bare
/// program does not do it.
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_gzip().no_brotli().build().unwrap()
}

impl Traffic {
    pub(crate) fn get(url: &str) -> Self {
        Self { http: client(), url: url.to_owned(), token: None, observables: 0, round: 0 }
    }

    async fn once(&self, number: usize) {
        let response = match &self.token {
            None => self.http.get(&self.url).send().await.unwrap(),
            Some(token) => {
                let name = |n: usize| format!("r{}-{number}-{n}.example", self.round);
                let body: Value =
                    (0..self.observables).map(|n| json!({"type": "domain", "value": name(n)})).collect();
                let request = self.http.post(&self.url).bearer_auth(token).body(body.to_string());
                request.send().await.unwrap()
            }
        };
        assert_eq!(response.status(), 200);
        let body = response.bytes().await.unwrap();
        assert!(!body.windows(8).any(|window| window == b"\"errors\""), "{}", String::from_utf8_lossy(&body));
    }
}

/// How long each request took, and all of them together.
pub(crate) struct Times {
    each: Vec<Duration>,
    pub(crate) took: Duration,
}

impl Times {
    pub(crate) fn len(&self) -> usize {
        self.each.len()
    }

    pub(crate) fn line(&self) -> String {
        let at = |share: f64| {
            let position = (self.each.len() as f64 * share) as usize;
            self.each[position.min(self.each.len() - 1)].as_secs_f64() * 1000.0
        };
        format!(
            "latency median {:.1} ms, 99% {:.1} ms; {:.0} requests/s",
            at(0.5),
            at(0.99),
            self.each.len() as f64 / self.took.as_secs_f64()
        )
    }
}

/// Makes the requests, `at_once` at a time.
pub(crate) async fn fire(traffic: &Traffic, requests: usize, at_once: usize) -> Times {
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
