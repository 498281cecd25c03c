//! What a lookup yields: entities and errors side by side, since one never takes the other away.

use crate::ctim::Bundle;
use crate::error::{Error, Errors};
use crate::observable::Observable;

/// The entities that lookups found and the failures that they met.
#[derive(Debug, Default)]
pub struct Found {
    /// What was found.
    pub bundle: Bundle,
    /// What failed, or was left out.
    pub errors: Errors,
}

impl Found {
    /// Nothing found and nothing failed.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Adds what another part of the same lookup found.
    pub fn merge(&mut self, other: Self) {
        self.bundle.merge(other.bundle);
        self.errors.extend(other.errors);
    }

    /// Adds the outcome of one observable's lookup.
    pub(crate) fn merge_lookup(&mut self, other: Self, observable: &Observable) {
        self.bundle.merge(other.bundle);
        self.errors.add_lookup(other.errors, observable);
    }
}

impl From<Bundle> for Found {
    fn from(bundle: Bundle) -> Self {
        Self { bundle, errors: Errors::default() }
    }
}

impl From<Error> for Found {
    fn from(error: Error) -> Self {
        Self { bundle: Bundle::default(), errors: error.into() }
    }
}

impl From<Result<Bundle, Error>> for Found {
    fn from(result: Result<Bundle, Error>) -> Self {
        result.map_or_else(Self::from, Self::from)
    }
}
