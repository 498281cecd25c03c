//! Running a query over rows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

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
            Step::Summarize { aggregates, by } => self.summarize(aggregates, by),
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

    fn summarize(&mut self, aggregates: &[Aggregate], by: &[(String, Expression)]) {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut groups: Vec<(Row, Vec<Row>)> = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let key = by.iter().map(|(name, value)| (name.clone(), value.of(&row)));
            let key: Row = key.filter(|(_, value)| !value.is_null()).collect();
            let place = *places.entry(json!(key).to_string()).or_insert(groups.len());
            match groups.get_mut(place) {
                Some((_, rows)) => rows.push(row),
                None => groups.push((key, vec![row])),
            }
        }
        self.rows = groups
            .into_iter()
            .map(|(mut row, rows)| {
                for aggregate in aggregates {
                    aggregate.add(&rows, &mut row);
                }
                row
            })
            .collect();
        let kind =
            |name: &str| self.columns.iter().find(|column| column.name == name).map(|column| column.kind);
        let mut columns: Vec<Column> = Vec::new();
        let computed = by.iter().map(|(name, value)| (name, value.kind(kind)));
        let added = aggregates
            .iter()
            .flat_map(|one| one.columns().into_iter().map(move |name| (name, one.kind(name, kind))));
        for (name, kind) in computed.chain(added) {
            if columns.iter().all(|known| known.name != *name) {
                columns.push(Column { name: name.clone(), kind: kind.unwrap_or(Kind::String) });
            }
        }
        self.columns = columns;
    }
}

impl Expression {
    /// The type of its values, by that of the columns.
    fn kind(&self, kind: impl Fn(&str) -> Option<Kind>) -> Option<Kind> {
        match self {
            Self::Column(name) => kind(name),
            Self::Bin(..) => Some(Kind::DateTime),
            _ => None,
        }
    }
}

impl Aggregate {
    /// Adds what it computes of the rows of a group.
    fn add(&self, rows: &[Row], to: &mut Row) {
        let of = |row: &Row, column: &str| row.get(column).cloned().unwrap_or_default();
        let mut put = |name: &String, value: Value| {
            if !value.is_null() && !to.contains_key(name) {
                to.insert(name.clone(), value);
            }
        };
        // Of equal rows the first counts.
        let best = |column: &str| {
            rows.iter().reduce(|best, row| if rank(row, column) > rank(best, column) { row } else { best })
        };
        match self {
            Self::Max { name, column } => {
                put(name, best(column).map(|row| of(row, column)).unwrap_or_default());
            }
            Self::Min { name, column } => {
                let least =
                    rows.iter().filter(|row| rank(row, column).is_some()).min_by_key(|row| rank(row, column));
                put(name, least.map(|row| of(row, column)).unwrap_or_default());
            }
            Self::Count { name } => put(name, json!(rows.len())),
            Self::DistinctCount { name, column } => {
                let values: BTreeSet<String> = rows.iter().map(|row| of(row, column).to_string()).collect();
                put(name, json!(values.len()));
            }
            Self::ArgMax { column, others } => {
                let best = best(column);
                for name in std::iter::once(column).chain(others) {
                    put(name, best.map(|row| of(row, name)).unwrap_or_default());
                }
            }
        }
    }

    /// The type of one of its columns.
    fn kind(&self, name: &str, kind: impl Fn(&str) -> Option<Kind>) -> Option<Kind> {
        match self {
            Self::Min { column, .. } | Self::Max { column, .. } => kind(column),
            Self::Count { .. } | Self::DistinctCount { .. } => Some(Kind::Int64),
            Self::ArgMax { .. } => kind(name),
        }
    }
}

/// What a column is sorted by: its number, its time, else its text.
fn rank(row: &Row, column: &str) -> Option<(Option<i64>, Option<Timestamp>, String)> {
    match row.get(column)? {
        Value::Number(number) => Some((number.as_i64(), None, String::new())),
        Value::String(text) => Some((None, moment(text), text.clone())),
        _ => None,
    }
}
