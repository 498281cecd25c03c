//! Running a query over rows.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::Value;

use super::query::{Aggregate, Query, Step};
use super::table::{Kind, Row, moment};

/// A column of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// What a query comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The rows; each has a value for every column, the empty text or `null` where the row had none.
    pub rows: Vec<Row>,
}

impl Query {
    /// Runs the query over rows of its table; `now` is what `ago` counts from.
    pub fn run(&self, rows: Vec<Row>, now: Timestamp) -> Outcome {
        run(self, rows, now)
    }
}

fn run(query: &Query, rows: Vec<Row>, now: Timestamp) -> Outcome {
    let columns = query.table.columns().map(|(name, kind)| Column { name: name.to_owned(), kind }).collect();
    let mut outcome = Outcome { columns, rows };
    for step in &query.steps {
        outcome.take(step, now);
    }
    let Outcome { columns, rows } = outcome;
    let complete = |row: Row| columns.iter().map(|column| (column.name.clone(), column.of(&row))).collect();
    let rows = rows.into_iter().map(complete).collect();
    Outcome { columns, rows }
}

impl Column {
    fn of(&self, row: &Row) -> Value {
        row.get(&self.name).cloned().unwrap_or_else(|| match self.kind {
            Kind::String | Kind::Dynamic => Value::from(""),
            Kind::DateTime | Kind::Int32 | Kind::Int64 => Value::Null,
        })
    }
}

impl Outcome {
    fn take(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Where(predicate) => self.rows.retain(|row| predicate.fits(row, now)),
            Step::Top { count, by, descending } => {
                // Stable, so equal rows keep their order; rows without a value come last either way.
                if *descending {
                    self.rows.sort_by_cached_key(|row| Reverse(rank(row, by)));
                } else {
                    self.rows.sort_by_cached_key(|row| {
                        let rank = rank(row, by);
                        (rank.is_none(), rank)
                    });
                }
                self.rows.truncate(*count);
            }
            Step::Project(names) => self.keep(names),
            Step::Summarize { aggregate, by } => self.summarize(aggregate, by),
        }
    }

    /// Keeps these columns, in this order.
    fn keep(&mut self, names: &[String]) {
        self.columns = names
            .iter()
            .filter_map(|name| self.columns.iter().find(|column| column.name == *name).cloned())
            .collect();
    }

    fn summarize(&mut self, aggregate: &Aggregate, by: &[String]) {
        let (column, kept) = match aggregate {
            Aggregate::Max { column, .. } => (column, Vec::new()),
            Aggregate::ArgMax { column, others } => (column, others.clone()),
        };
        let key = |row: &Row| -> Vec<Value> {
            by.iter().map(|name| row.get(name).cloned().unwrap_or_default()).collect()
        };
        let mut groups: Vec<(Vec<Value>, Row)> = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let key = key(&row);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, best)) if rank(&row, column) > rank(best, column) => *best = row,
                Some(_) => {}
                None => groups.push((key, row)),
            }
        }
        self.rows = groups.into_iter().map(|(_, best)| best).collect();
        let mut names = by.to_vec();
        names.push(column.clone());
        names.extend(kept);
        self.keep(&names);
        if let Aggregate::Max { name, column } = aggregate {
            for renamed in self.columns.iter_mut().filter(|known| known.name == *column) {
                renamed.name.clone_from(name);
            }
            for row in &mut self.rows {
                if let Some(value) = row.remove(column) {
                    row.insert(name.clone(), value);
                }
            }
        }
    }
}

/// What a column is sorted by: its time, else its text.
fn rank(row: &Row, column: &str) -> Option<(Option<Timestamp>, String)> {
    let text = row.get(column)?.as_str()?;
    Some((moment(text), text.to_owned()))
}
