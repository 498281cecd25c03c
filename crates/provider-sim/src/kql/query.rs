//! A query as a tree.

use super::expression::Expression;
use super::predicate::Predicate;
use super::table::Table;

/// All that is asked at once: one query, or several whose rows are put together.
///
/// Lists that are declared before (`let A = dynamic(["x"]);`) stand in the conditions as their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The queries: one, or those of a `union`.
    pub queries: Vec<Query>,
    /// Characters of the text.
    pub length: usize,
}

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
    Top(Top),
    /// `extend A = …, B = …`: adds columns.
    Extend(Vec<(String, Expression)>),
    /// `mv-expand Key = pack_array(…) to typeof(string)`: a row for each of the values.
    Expand {
        /// Name of the new column.
        name: String,
        /// The values.
        values: Vec<Expression>,
    },
    /// `partition hint.strategy=native by Key (top …)`: the cut for each value of a column.
    Partition {
        /// The column.
        by: String,
        /// The cut of each part.
        top: Top,
        /// Whether the hint is given, without which there may be 64 parts at most.
        native: bool,
    },
    /// `project A, B = tostring(C)`: keeps and computes these columns.
    Project(Vec<(String, Expression)>),
    /// `summarize … by A, B`: one row for each different combination of values.
    Summarize {
        /// What is computed for each of them.
        aggregates: Vec<Aggregate>,
        /// The columns that are combined, computed ones included.
        by: Vec<(String, Expression)>,
    },
}

/// `top 5 by Timestamp desc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    /// How many rows stay.
    pub count: usize,
    /// The column to sort by, largest first; rows without a value come last.
    pub by: String,
}

/// What `summarize` computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `Name = min(column)`.
    Min {
        /// Name of the new column.
        name: String,
        /// The column that it holds the minimum of.
        column: String,
    },
    /// `Name = count()`: the number of rows.
    Count {
        /// Name of the new column.
        name: String,
    },
    /// `Name = dcount(column)`: the number of different values.
    DistinctCount {
        /// Name of the new column.
        name: String,
        /// The column that it counts the values of.
        column: String,
    },
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

impl Aggregate {
    /// The columns that it adds.
    pub(super) fn columns(&self) -> Vec<&String> {
        match self {
            Self::Min { name, .. }
            | Self::Max { name, .. }
            | Self::Count { name }
            | Self::DistinctCount { name, .. } => vec![name],
            Self::ArgMax { column, others } => std::iter::once(column).chain(others).collect(),
        }
    }
}

impl Script {
    /// The decoded text literals of all conditions, in the order in which they stand.
    pub fn literals(&self) -> Vec<&str> {
        self.queries.iter().flat_map(Query::literals).collect()
    }

    /// Whether a table is asked.
    pub fn asks(&self, table: Table) -> bool {
        self.queries.iter().any(|query| query.table == table)
    }
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
            _ => None,
        })
    }
}
