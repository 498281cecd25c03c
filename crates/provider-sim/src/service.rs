//! The trait of simulated services.
//!
//! To add one: a module with a type that implements [`Service`], and its line in `registry::all`.

use crate::reply::{Called, Reply};
use crate::request::Request;

/// Searches the fixtures of a service, by its name, for the answer to a call.
pub type Find<'f> = dyn Fn(&str, &Request) -> Option<Reply> + 'f;

/// A simulated service.
///
/// A call passes, in this order: faults, [`Service::authorize`], an answer pinned by a test, [`Service::fixture`],
/// [`Service::answer`], and in any case [`Service::decorate`]. Several threads call it, so its state is behind a lock.
/// It never waits.
pub trait Service: Send + Sync {
    /// Its name, as in fixtures, faults and records: `xforce`.
    fn name(&self) -> &'static str;

    /// Prefix of its paths: `/xforce`.
    fn prefix(&self) -> &'static str;

    /// Checks credentials, headers, paths, limits and quota.
    ///
    /// # Errors
    /// The provider's own refusal.
    fn authorize(&self, _request: &Request) -> Result<(), Reply> {
        Ok(())
    }

    /// The fixture that answers an authorized call. `find` searches the fixtures of the named service; a service that
    /// serves the same facts as another searches that one's too.
    fn fixture(&self, request: &Request, find: &Find<'_>) -> Option<Reply> {
        find(self.name(), request)
    }

    /// Answers an authorized call without a pinned answer or a fixture.
    fn answer(&self, request: &Request) -> Reply;

    /// Answers after the calls that [`Service::answer`] asked for by [`Reply::after`].
    fn called(&self, _request: &Request, _outcomes: &[Called]) -> Reply {
        Reply::empty(500)
    }

    /// Completes any answer, including refusals, for example with rate limit headers.
    fn decorate(&self, _request: &Request, _reply: &mut Reply) {}

    /// Adds to the service's world what a test or a person sends to `POST /_control/{service}/{what}`; nothing where
    /// there is no such thing.
    fn set_up(&self, _what: &str, _body: &[u8]) -> Option<Result<(), String>> {
        None
    }

    /// Resets all state: usage, limits, changes made by calls.
    fn reset(&self) {}
}
