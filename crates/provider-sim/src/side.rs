//! What a side of the outside world is, and the list of those there are.
//!
//! To add one: a module with a type that implements [`Side`], and its line in `all` below.

use crate::defender::Defender;
use crate::gigamon::Gigamon;
use crate::graph::Graph;
use crate::jwks::Jwks;
use crate::keys::Keys;
use crate::login::Login;
use crate::reply::Reply;
use crate::request::Request;
use crate::securitytrails::SecurityTrails;
use crate::xforce::XForce;

/// Looks for the answer to a call among the fixtures of a side, by its name.
pub type Find<'f> = dyn Fn(&str, &Request) -> Option<Reply> + 'f;

/// One service that the simulator stands in for.
///
/// A call goes through it in this order: faults, [`Side::admit`], an answer pinned by a test, [`Side::fixture`],
/// [`Side::answer`], and whatever answered, [`Side::finish`]. It is called from several threads, so what it
/// remembers lies behind a lock. It never waits.
pub trait Side: Send + Sync {
    /// Its name, as in fixtures, faults and records: `xforce`.
    fn name(&self) -> &'static str;

    /// Prefix of its paths: `/xforce`.
    fn prefix(&self) -> &'static str;

    /// The calls that it serves, one line each, for the list at `GET /`.
    fn calls(&self) -> &'static [&'static str];

    /// Checks what comes before the question itself: credentials, headers, paths, limits, quota.
    ///
    /// # Errors
    /// The provider's own refusal; then nothing else is asked.
    fn admit(&self, _request: &Request) -> Result<(), Reply> {
        Ok(())
    }

    /// The fixture that answers an admitted call. `find` looks among the fixtures of the side of a name: a side that
    /// tells the same facts as another looks among that one's too.
    fn fixture(&self, request: &Request, find: &Find<'_>) -> Option<Reply> {
        find(self.name(), request)
    }

    /// Answers an admitted call that neither a pin nor a fixture answers.
    fn answer(&self, request: &Request) -> Reply;

    /// Completes an answer, wherever it came from (a refusal too), for instance with rate limit headers.
    fn finish(&self, _request: &Request, _reply: &mut Reply) {}

    /// Forgets all state: usage, limits, changes made by calls.
    fn reset(&self) {}
}

/// Everything that is simulated.
pub(crate) fn all(keys: &Keys) -> Vec<Box<dyn Side>> {
    vec![
        // One line each.
        Box::new(Jwks::new(keys.clone())),
        Box::new(Login),
        Box::new(Defender::default()),
        Box::new(Graph::default()),
        Box::new(Gigamon::default()),
        Box::new(SecurityTrails::default()),
        Box::new(XForce::default()),
    ]
}
