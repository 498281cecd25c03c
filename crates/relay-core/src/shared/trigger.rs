//! Actions that were taken a moment ago, by whichever replica.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::keys::Kind;
use super::link::Unavailable;
use super::metrics::Operation;
use super::{Shared, milliseconds};
use crate::error::Error;

/// The first to ask gets the action; others read what became of it. Another action on the same target is a new one.
const BEGIN: &str = "
    local known = redis.call('GET', KEYS[1])
    if known and string.sub(known, 1, 32) == ARGV[1] then return known end
    redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
    return false";

/// Notes the outcome, where the entry is still that of the action, for what is left of its time.
const END: &str = "
    if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
    return 0";

/// How often an outcome is asked for.
const POLL: Duration = Duration::from_millis(100);
/// Before an outcome: who takes the action.
const PENDING: u8 = b'p';
const DONE: u8 = b'd';

/// An action that this replica may take.
pub(crate) struct Lease {
    shared: Shared,
    name: String,
    action: String,
    pending: Vec<u8>,
}

/// What the store says of an action.
pub(crate) enum Begun {
    /// It is the first of its kind; it ends with [`Lease::end`].
    First(Lease),
    /// It was taken before, and came to this; nothing where that is not known in time.
    Again(Option<Result<(), Error>>),
}

#[derive(Serialize, Deserialize)]
struct Outcome(Option<Error>);

impl Shared {
    /// Asks whether the same action was taken on this target less than `window` ago, and waits for its outcome until
    /// `deadline`.
    ///
    /// # Errors
    /// The store is unavailable.
    pub(crate) async fn begin_action(
        &self,
        target: &[&[u8]],
        action: &[u8],
        window: Duration,
        deadline: Instant,
    ) -> Result<Begun, Unavailable> {
        let name = self.keys().name(Kind::Trigger, target.iter().copied());
        let action = self.keys().digest([b"action".as_slice(), action]);
        let number = self.0.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let holder = format!("{}{}{number:x}", char::from(PENDING), self.0.replica);
        let pending = [action.as_bytes(), holder.as_bytes()].concat();
        let mut begin = redis::cmd("EVAL");
        begin.arg(BEGIN).arg(1).arg(&name).arg(&action).arg(&holder).arg(milliseconds(window));
        let asked = async |command: redis::Cmd| -> Result<Option<Vec<u8>>, Unavailable> {
            let link = &self.0.link;
            link.ask(Operation::Trigger, |mut connection| async move {
                command.query_async(&mut connection).await
            })
            .await
        };
        let Some(mut known) = asked(begin).await? else {
            return Ok(Begun::First(Lease { shared: self.clone(), name, action, pending }));
        };
        loop {
            let Some(state) = known.strip_prefix(action.as_bytes()) else { return Ok(Begun::Again(None)) };
            if let Some((&DONE, sealed)) = state.split_first() {
                let outcome = self.keys().open(&name, sealed.to_vec());
                let outcome = outcome.and_then(|outcome| serde_json::from_slice::<Outcome>(&outcome).ok());
                return Ok(Begun::Again(outcome.map(|Outcome(error)| error.map_or(Ok(()), Err))));
            }
            let next = Instant::now() + POLL;
            if next >= deadline {
                return Ok(Begun::Again(None));
            }
            sleep_until(next).await;
            let mut get = redis::cmd("GET");
            get.arg(&name);
            match asked(get).await {
                Ok(Some(now)) => known = now,
                // It was begun elsewhere, and has lapsed or cannot be asked for: it is never taken a second time.
                Ok(None) => return Ok(Begun::Again(None)),
                Err(Unavailable) => {}
            }
        }
    }
}

impl Lease {
    /// The action came to this. It is waited for, within the time of one exchange, so that the others know it.
    pub(crate) async fn end(self, outcome: &Result<(), Error>) {
        let Self { shared, name, action, pending } = self;
        let value = serde_json::to_vec(&Outcome(outcome.as_ref().err().cloned())).ok();
        let Some(sealed) = value.and_then(|value| shared.keys().seal(&name, value)) else { return };
        let done = [action.as_bytes(), &[DONE], &sealed].concat();
        let mut end = redis::cmd("EVAL");
        end.arg(END).arg(1).arg(&name).arg(pending).arg(done);
        let link = &shared.0.link;
        let noted = link.ask(Operation::Trigger, |mut connection| async move {
            end.query_async::<u32>(&mut connection).await
        });
        // The others read that the outcome is not known.
        let _ = noted.await;
    }
}
