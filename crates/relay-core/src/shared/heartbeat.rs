//! The task that keeps the connection, counts this replica among those that are alive, and reads what the others have
//! learnt.

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use tokio::time::{sleep, timeout};

use super::keys::Kind;
use super::link::REST;
use super::metrics::Operation;
use super::refusals::Entry;
use super::{Inner, Shared};

/// Between two heartbeats: within it, what one replica learns is known to all.
const INTERVAL: Duration = Duration::from_secs(1);
/// For how long a replica counts after its last heartbeat.
const ALIVE: Duration = Duration::from_secs(15);
/// Refusals read at one heartbeat; the next one reads on.
const AT_ONCE: usize = 200;

/// Counts the replicas, and returns them with the store's time and the refusals after the last one that was read.
static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        redis.call('ZADD', KEYS[1], now, ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        local replicas = redis.call('ZCARD', KEYS[1])
        local entries = {}
        for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[4], '+', 'COUNT', ARGV[5])) do
            table.insert(entries, entry[1])
            table.insert(entries, entry[2][2])
        end
        return {replicas, now, entries}
        ",
    )
});

type Outcome = (u32, u64, Vec<Entry>);

/// Runs until the relay ends.
pub(super) async fn run(inner: Weak<Inner>) {
    // Of the stream of refusals: from the beginning.
    let mut last = "-".to_owned();
    loop {
        let Some(shared) = inner.upgrade().map(Shared) else { return };
        let link = &shared.0.link;
        let replicas = shared.0.keys.name(Kind::Replicas, []);
        let refusals = shared.0.keys.name(Kind::Refusals, []);
        let exchange =
            |connection| send(connection, shared.0.replica.clone(), replicas, refusals, last.clone());
        let outcome = if link.needs_connection() {
            link.connect(exchange).await
        } else {
            link.ask(Operation::Heartbeat, exchange).await
        };
        let mut more = false;
        if let Ok((replicas, now, entries)) = outcome {
            shared.0.replicas.store(replicas, Ordering::Relaxed);
            link.metrics.replicas(replicas);
            shared.set_time(now);
            more = entries.len() == AT_ONCE;
            for (id, sealed) in entries {
                shared.learn(&id, sealed, now);
                last = format!("({id}");
            }
        }
        let link = Arc::clone(link);
        // Nothing is held while it waits.
        drop(shared);
        if !link.is_unavailable() && !more {
            let _ = timeout(INTERVAL, link.changed.notified()).await;
        }
        if link.is_unavailable() {
            sleep(REST).await;
        }
    }
}

async fn send(
    mut connection: MultiplexedConnection,
    replica: String,
    replicas: String,
    refusals: String,
    last: String,
) -> RedisResult<Outcome> {
    let mut call = SCRIPT.key(replicas);
    call.key(refusals).arg(replica).arg(super::milliseconds(ALIVE)).arg(super::milliseconds(ALIVE));
    call.arg(last).arg(AT_ONCE);
    call.invoke_async(&mut connection).await
}
