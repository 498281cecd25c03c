//! The part of the OData filter language that Microsoft's security APIs understand, read as strictly as a
//! parser can.
//!
//! Understood are comparisons (`eq`, `ne`, `gt`, `ge`, `lt`, `le`), `in`, `contains`, `startswith`, `and`, `or`,
//! parentheses and `collection/any(x: …)`. Anything else is refused, so a value that broke out of its literal
//! does not go unnoticed. The literals are decoded into the tree: a test can show that a value became exactly
//! one of them.
//!
//! ```
//! use provider_sim::odata::Filter;
//!
//! let filter = Filter::parse("fileStates/any(x: x/name eq 'it''s')")?;
//! assert_eq!(filter.texts(), ["it's"]);
//! assert_eq!(filter.paths(), ["fileStates/name"]);
//! assert!(Filter::parse("fileStates/any(x: x/name eq 'it's')").is_err());
//! # Ok::<(), provider_sim::odata::SyntaxError>(())
//! ```
//!
//! Language: <https://docs.oasis-open.org/odata/odata/v4.01/os/abnf/odata-abnf-construction-rules.txt>.

mod eval;
mod filter;
mod parse;
#[cfg(test)]
mod tests;
mod token;

pub use eval::Case;
pub use filter::{Filter, Literal, Operator, Path};

pub use crate::syntax::SyntaxError;
