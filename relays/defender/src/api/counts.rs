//! How many things of a sort the whole tenant has, which tiles show. No answer is kept: tiles keep what they show.

use relay_core::error::{Code, Error, Severity};
use relay_core::lenient::{self, List};
use serde::Deserialize;

use super::{ApiKind, DefenderApi, INDICATORS, MACHINE_LIST, failures};
use crate::memory::{Countable, HOUR};
use crate::module::TITLE;

/// The most things of a list that are counted.
pub const MOST_LISTED: usize = 1000;
/// Refusals of a count that say that nothing is counted here. Counts are documented for the alerts of a device alone.
const NO_COUNTS: [u16; 4] = [400, 404, 405, 501];

/// How many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// As many.
    Exactly(i64),
    /// As many, or more.
    AtLeast(i64),
}

/// A thing of which nothing is read.
#[derive(Debug, Default, Deserialize)]
struct Item {}

lenient::object!(Item);

impl DefenderApi<'_> {
    /// How many devices fit a filter. Where the API does not count them, they are listed.
    ///
    /// # Errors
    /// The call failed.
    pub async fn machine_count(&self, filter: &str) -> Result<Number, Error> {
        if let Some(number) = self.count(&MACHINE_LIST, Countable::Machines, Some(filter)).await? {
            return Ok(Number::Exactly(number));
        }
        let url = self.url().path("machines").param("$filter", filter).param("$top", MOST_LISTED);
        let list: List<Item> = self
            .listing(&MACHINE_LIST, url)
            .await
            .map_err(|failure| failures::error(&MACHINE_LIST, &failure))?;
        let number = i64::try_from(list.received).unwrap_or(i64::MAX);
        Ok(if list.received < MOST_LISTED { Number::Exactly(number) } else { Number::AtLeast(number) })
    }

    /// How many custom indicators the application sees; nothing where the API does not count them. They are not
    /// listed instead: they may be 15,000.
    ///
    /// # Errors
    /// The call failed. Without the permission it is only a warning: nothing else of the relay's tiles needs it.
    pub async fn indicator_count(&self) -> Result<Option<i64>, Error> {
        let counted = self.count(&INDICATORS, Countable::Indicators, None).await;
        let is_denied = |error: &Error| error.code() == Code::PERMISSION_DENIED;
        counted
            .map_err(|error| if is_denied(&error) { error.with_severity(Severity::Warning) } else { error })
    }

    /// A bare number; nothing where there is none to be had, which is remembered.
    async fn count(
        &self,
        kind: &'static ApiKind,
        what: Countable,
        filter: Option<&str>,
    ) -> Result<Option<i64>, Error> {
        let (uncounted, key) = (&self.relay.memory.uncounted, (self.call.credential(), what));
        if uncounted.holds(&key, self.call.now()) {
            return Ok(None);
        }
        let url = self.url().path(what.path());
        let url = filter.into_iter().fold(url, |url, filter| url.param("$filter", filter));
        let request = self.get(kind, url).kind(kind.name).rate(&kind.rate);
        let outcome = Box::pin(request.send()).await;
        let number = match self.note(kind, outcome) {
            Ok(answer) => read(answer.body()),
            Err(failure) if failure.status().is_some_and(|status| NO_COUNTS.contains(&status)) => None,
            Err(failure) => return Err(failures::error(kind, &failure)),
        };
        if number.is_none() {
            log::info!(call = kind.name; "{TITLE} does not count these for the tenant");
            uncounted.remember(key, (), HOUR, self.call.now());
        }
        Ok(number)
    }
}

/// The number in an answer, which may begin with a byte order mark.
fn read(body: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(body).ok()?;
    text.trim_start_matches('\u{feff}').trim().parse().ok().filter(|number| *number >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_may_follow_a_mark() {
        for (body, number) in [
            ("7", Some(7)),
            ("\u{feff}12\r\n", Some(12)),
            ("", None),
            ("-1", None),
            ("{\"value\": 3}", None),
            ("1.5", None),
        ] {
            assert_eq!(read(body.as_bytes()), number, "{body:?}");
        }
        assert_eq!(read(b"\xff7"), None);
    }
}
