//! The part of the Kusto query language that advanced hunting is asked in, read as strictly as a parser can.
//!
//! Only the shapes that the relays need are understood: declarations of lists, then one query or a `union` of several.
//! A query is a table, then `where`, `extend`, `mv-expand`, `partition`, `top … by`, `project` and `summarize` with
//! `min`, `max`, `arg_max`, `count` and `dcount`.
//! Anything else is refused, a comment or a second query too, so a value that broke out of its literal does not go
//! unnoticed. The literals are decoded into the tree: a test can show that a value became exactly one of them.
//!
//! ```
//! use provider_sim::kql::Query;
//!
//! let query = Query::parse(r"DeviceFileEvents | where SHA1 =~ 'it\'s' | top 2 by Timestamp desc")?;
//! assert_eq!(query.literals(), ["it's"]);
//! assert!(Query::parse("DeviceFileEvents | where SHA1 =~ 'it's'").is_err());
//!
//! let script = provider_sim::kql::Script::parse(
//!     r#"let D = dynamic(["a.example"]); DeviceNetworkEvents | where RemoteUrl has_any (D)"#,
//! )?;
//! assert_eq!(script.literals(), ["a.example"]);
//! # Ok::<(), provider_sim::kql::SyntaxError>(())
//! ```
//!
//! Language: <https://learn.microsoft.com/kusto/query/>. Names of operators, tables and columns are compared with their
//! case, as there.

mod alerts;
mod condition;
mod eval;
mod expression;
mod parse;
mod predicate;
mod query;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use alerts::{AlertQuery, Leg};
pub use eval::{Column, Outcome};
pub use expression::Expression;
pub use predicate::{Predicate, Test};
pub use query::{Aggregate, Query, Script, Step, Top};
pub use table::{Kind, Row, Table};

pub use crate::syntax::SyntaxError;
