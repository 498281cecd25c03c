//! A query as a tree.

use super::predicate::Predicate;
use super::table::Table;

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
}
