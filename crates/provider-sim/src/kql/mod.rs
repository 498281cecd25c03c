//! The part of the Kusto query language that advanced hunting is asked in, read as strictly as a parser can.
//!
//! Only the shapes that the relays need are understood: a table, then `where`, `top … by`, `project` and
//! `summarize`. Anything else is refused, a comment or a second statement too, so a value that broke out of its
//! literal does not go unnoticed. The literals are decoded into the tree: a test can show that a value became
//! exactly one of them.
//!
//! ```
//! use provider_sim::kql::Query;
//!
//! let query = Query::parse(r"DeviceFileEvents | where SHA1 =~ 'it\'s' | top 2 by Timestamp desc")?;
//! assert_eq!(query.literals(), ["it's"]);
//! assert!(Query::parse("DeviceFileEvents | where SHA1 =~ 'it's'").is_err());
//! # Ok::<(), provider_sim::kql::SyntaxError>(())
//! ```
//!
//! Language: <https://learn.microsoft.com/kusto/query/>. Names of operators, tables and columns are compared with their
//! case, as there.

mod alerts;
mod eval;
mod parse;
mod predicate;
mod query;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use alerts::{AlertQuery, Leg};
pub use eval::{Column, Outcome};
pub use predicate::{Predicate, Test};
pub use query::{Aggregate, Query, Step};
pub use table::{Kind, Row, Table};

pub use crate::syntax::SyntaxError;
