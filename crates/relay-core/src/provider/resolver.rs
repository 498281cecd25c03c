//! Names of hosts, looked up by the system's resolver: `/etc/hosts`, search domains, the order of IPv6 and IPv4 are
//! the system's. It blocks a thread for each question, so equal questions share one and there are few at a time.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use crate::heavy;

/// Threads that wait for the system's resolver. A relay has fewer hosts.
const THREADS: usize = 8;

/// Asks the system.
pub(super) struct Resolver(Arc<Inner>);

struct Inner {
    lookup: Lookup,
    threads: Semaphore,
    /// Questions without an answer yet.
    asked: Mutex<HashMap<String, Question>>,
}

type Lookup = fn(&str) -> io::Result<Vec<SocketAddr>>;
type Found = Result<Arc<[SocketAddr]>, Arc<io::Error>>;
type Question = Shared<BoxFuture<'static, Found>>;

impl Resolver {
    /// By the system's resolver.
    pub(super) fn new() -> Self {
        Self::with(|name| Ok((name, 0).to_socket_addrs()?.collect()))
    }

    fn with(lookup: Lookup) -> Self {
        let (threads, asked) = (Semaphore::new(THREADS), Mutex::default());
        Self(Arc::new(Inner { lookup, threads, asked }))
    }

    /// The addresses of a host; those who ask at the same time share one question.
    fn ask(&self, name: &str) -> Question {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = asked.get(name) {
            return question.clone();
        }
        // A task of its own: it goes on when the first who asked has stopped waiting.
        let answer = heavy::spawn(Arc::clone(&self.0).answer(name.to_owned()));
        let question = answer.map(|joined| joined.unwrap_or_else(|_| Err(Arc::new(gone())))).boxed().shared();
        asked.insert(name.to_owned(), question.clone());
        question
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, name: String) -> Found {
        let thread = self.threads.acquire().await;
        let (lookup, asked) = (self.lookup, name.clone());
        let found = tokio::task::spawn_blocking(move || lookup(&asked)).await.unwrap_or_else(|_| Err(gone()));
        drop(thread);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        found.map(Arc::from).map_err(Arc::new)
    }
}

/// The program ends, or the lookup has a fault.
fn gone() -> io::Error {
    io::Error::other("the lookup of the name broke off")
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.ask(name.as_str());
        Box::pin(async move {
            let found = found.await.map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
            let found: Vec<SocketAddr> = found.iter().copied().collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Condvar, Mutex};

    use futures::future::join_all;

    use super::*;
    use crate::testing::in_time;

    #[tokio::test]
    async fn names_of_the_hosts_file_are_found_and_others_say_why_not() {
        let resolver = Resolver::new();
        let found = in_time("localhost", resolver.ask("localhost")).await.expect("an address");
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty(), "{found:?}");
        // RFC 6761: no name below `invalid` exists.
        let error = in_time("no host", resolver.ask("no-such-host.invalid")).await.expect_err("no host");
        assert!(error.to_string().contains("failed to lookup address information"), "{error}");
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_takes_few_threads_and_one_for_each_name() {
        static OPEN: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        let resolver = Resolver::with(|_| {
            LOOKUPS.fetch_add(1, Ordering::SeqCst);
            MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let open = OPEN.0.lock().expect("no panic");
            drop(OPEN.1.wait_while(open, |open| !*open).expect("no panic"));
            RUNNING.fetch_sub(1, Ordering::SeqCst);
            Ok(vec![([127, 0, 0, 1], 0).into()])
        });
        let names: Vec<String> = (0..20).map(|number| format!("{number}.example")).collect();
        // The first who asks may stop waiting; asking again takes no second thread.
        for name in &names {
            drop(resolver.ask(name));
        }
        let all: Vec<_> = (0..50).flat_map(|_| names.iter().map(|name| resolver.ask(name))).collect();
        in_time("as many threads as there may be", async {
            while RUNNING.load(Ordering::SeqCst) < THREADS {
                tokio::task::yield_now().await;
            }
        })
        .await;
        *OPEN.0.lock().expect("no panic") = true;
        OPEN.1.notify_all();
        let found = in_time("the answers", join_all(all)).await;
        assert!(found.iter().all(Result::is_ok));
        assert_eq!((MOST.load(Ordering::SeqCst), LOOKUPS.load(Ordering::SeqCst)), (THREADS, 20));
        // An answer is not kept: a name may move.
        in_time("another answer", resolver.ask(&names[0])).await.expect("an address");
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 21);
    }
}
