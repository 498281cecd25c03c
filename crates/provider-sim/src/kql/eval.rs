//! Running a query over rows.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::Value;

use super::expression::Expression;
use super::query::{Aggregate, Query, Step, Top};
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
    let mut steps = query.steps.iter().peekable();
    while let Some(step) = steps.next() {
        match step {
            Step::Expand { name, values } => {
                // Most copies fall to the condition that follows: they are not made at all.
                let next = steps.next_if(|next| matches!(next, Step::Where(_)));
                let is_kept = |row: &Row| match next {
                    Some(Step::Where(predicate)) => predicate.fits(row, now),
                    _ => true,
                };
                outcome.expand(name, values, is_kept);
            }
            step => outcome.take(step, now),
        }
    }
    outcome.completed()
}

/// Sorts and cuts. Stable, so equal rows keep their order; rows without a value come last.
fn cut(rows: &mut Vec<Row>, top: &Top) {
    rows.sort_by_cached_key(|row| Reverse(rank(row, &top.by)));
    rows.truncate(top.count);
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
    /// The outcomes of several queries as one: all their columns, all their rows.
    pub fn union(outcomes: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self { columns: Vec::new(), rows: Vec::new() };
        for outcome in outcomes {
            let new = outcome.columns.into_iter().filter(|column| !all.columns.contains(column));
            let new: Vec<Column> = new.collect();
            all.columns.extend(new);
            all.rows.extend(outcome.rows);
        }
        all.completed()
    }

    /// With a value for every column in every row.
    fn completed(self) -> Self {
        let Self { columns, rows } = self;
        let complete =
            |row: Row| columns.iter().map(|column| (column.name.clone(), column.of(&row))).collect();
        let rows = rows.into_iter().map(complete).collect();
        Self { columns, rows }
    }

    fn take(&mut self, step: &Step, now: Timestamp) {
        match step {
            Step::Where(predicate) => self.rows.retain(|row| predicate.fits(row, now)),
            Step::Top(top) => cut(&mut self.rows, top),
            Step::Extend(added) => {
                for (name, expression) in added {
                    self.columns.push(Column { name: name.clone(), kind: Kind::String });
                    for row in &mut self.rows {
                        let value = expression.of(row);
                        row.insert(name.clone(), value);
                    }
                }
            }
            Step::Expand { name, values } => self.expand(name, values, |_| true),
            Step::Partition { by, top, .. } => self.partition(by, top),
            Step::Project(kept) => self.project(kept),
            Step::Summarize { aggregate, by } => self.summarize(aggregate, by),
        }
    }

    fn expand(&mut self, name: &str, values: &[Expression], is_kept: impl Fn(&Row) -> bool) {
        self.columns.push(Column { name: name.to_owned(), kind: Kind::String });
        let mut rows = Vec::new();
        for mut row in std::mem::take(&mut self.rows) {
            let values: Vec<Value> = values.iter().map(|value| value.of(&row)).collect();
            for value in values {
                row.insert(name.to_owned(), value);
                if is_kept(&row) {
                    rows.push(row.clone());
                }
            }
        }
        self.rows = rows;
    }

    fn partition(&mut self, by: &str, top: &Top) {
        let mut parts: Vec<(Value, Vec<Row>)> = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let key = row.get(by).cloned().unwrap_or_default();
            match parts.iter_mut().find(|(known, _)| *known == key) {
                Some((_, rows)) => rows.push(row),
                None => parts.push((key, vec![row])),
            }
        }
        for (_, mut rows) in parts {
            cut(&mut rows, top);
            self.rows.extend(rows);
        }
    }

    /// Keeps and computes these columns, in this order.
    fn project(&mut self, kept: &[(String, Expression)]) {
        let kind = |name: &str, expression: &Expression| match expression {
            Expression::Column(of) => {
                self.columns.iter().find(|column| column.name == *of).map(|known| known.kind)
            }
            _ => self.columns.iter().find(|column| column.name == name).map(|_| Kind::String),
        };
        let columns = kept
            .iter()
            .map(|(name, expression)| Column {
                name: name.clone(),
                kind: kind(name, expression).unwrap_or(Kind::String),
            })
            .collect();
        for row in &mut self.rows {
            let values: Vec<(String, Value)> = kept
                .iter()
                .map(|(name, expression)| (name.clone(), expression.of(row)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            *row = values.into_iter().collect();
        }
        self.columns = columns;
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
        names.extend(kept.into_iter().filter(|name| !by.contains(name)));
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
