//! What the parsers of the query languages report.

/// Why a query or filter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (at character {place})")]
pub struct SyntaxError {
    place: usize,
    problem: String,
}

impl SyntaxError {
    pub(crate) fn at(place: usize, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into() }
    }
}
