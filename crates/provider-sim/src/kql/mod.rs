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
//! # Ok::<(), provider_sim::kql::Fault>(())
//! ```
//!
//! Language: <https://learn.microsoft.com/kusto/query/>. Names of operators, tables and columns are told apart by
//! case, as there.

mod eval;
mod parse;
mod predicate;
mod table;
#[cfg(test)]
mod tests;
mod token;

pub use eval::{Column, Outcome, Row};
pub use parse::Fault;
pub use predicate::{Predicate, Test};
pub use table::{Kind, Table};

/// A query: a table and what is done with its rows, step by step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Where the rows come from.
    pub table: Table,
    /// The steps between the `|`.
    pub steps: Vec<Step>,
}

/// One step of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `where …`: keeps the rows that fit.
    Where(Predicate),
    /// `top 5 by Timestamp desc`: sorts and cuts.
    Top {
        /// How many rows stay.
        count: usize,
        /// The column to sort by; rows without a value come last.
        by: String,
        /// Largest first.
        descending: bool,
    },
    /// `project A, B`: keeps these columns.
    Project(Vec<String>),
    /// `summarize … by A, B`: one row for each different combination of values.
    Summarize {
        /// What is computed for each of them.
        aggregate: Aggregate,
        /// The columns that are combined.
        by: Vec<String>,
    },
}

/// What `summarize` computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `Name = max(column)`.
    Max {
        /// Name of the new column.
        name: String,
        /// Whose maximum it holds.
        column: String,
    },
    /// `arg_max(column, others…)`: the row with the largest value in `column`, of it these columns.
    ArgMax {
        /// Whose maximum decides.
        column: String,
        /// What else is kept of that row.
        others: Vec<String>,
    },
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It is not one of the understood shapes, or names a column that its table lacks.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::query(text)
    }

    /// The decoded text literals of all conditions, in the order in which they stand.
    pub fn literals(&self) -> Vec<&str> {
        self.conditions().flat_map(Predicate::literals).collect()
    }

    /// The conditions of all `where` steps.
    pub fn conditions(&self) -> impl Iterator<Item = &Predicate> {
        self.steps.iter().filter_map(|step| match step {
            Step::Where(predicate) => Some(predicate),
            Step::Top { .. } | Step::Project(_) | Step::Summarize { .. } => None,
        })
    }

    /// Runs the query over rows of its table; `now` is what `ago` counts from.
    pub fn run(&self, rows: Vec<Row>, now: jiff::Timestamp) -> Outcome {
        eval::run(self, rows, now)
    }
}
