//! The table shown with a sighting. However it is built, each row has one cell per column, of its type.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;

use super::{ColumnType, HttpUrl, LongText, Observable};

/// A table with at least one column and one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Option<Cell>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row_count: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Column {
    name: Cow<'static, str>,
    #[serde(rename = "type")]
    kind: ColumnType,
    /// `false` where cells may be `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
}

impl Table {
    /// Starts a table with a row for each of the records.
    pub fn of<R>(records: &[R]) -> TableRows<'_, R> {
        let rows = vec![Vec::new(); records.len()];
        TableRows { records, table: Self { columns: Vec::new(), rows, row_count: None } }
    }

    /// Starts a table of one row, whose columns are those that have a value.
    pub fn record() -> Record {
        Record { columns: Vec::new(), row: Vec::new() }
    }

    /// Writes the number of rows with the table.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.row_count = Some(self.rows.len());
        self
    }
}

/// A table in the making, from many records.
#[derive(Clone, Debug)]
pub struct TableRows<'a, R> {
    records: &'a [R],
    table: Table,
}

impl<'a, R> TableRows<'a, R> {
    /// Adds a column with what `value` says of each record. Where that is an `Option`, the column says that
    /// its cells may be `null`.
    #[must_use]
    pub fn column<V: IntoCell>(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Fn(&'a R) -> V,
    ) -> Self {
        let required = V::OPTIONAL.then_some(false);
        self.table.columns.push(Column { name: name.into(), kind: V::COLUMN, required });
        for (row, record) in self.table.rows.iter_mut().zip(self.records) {
            row.push(value(record).into_cell());
        }
        self
    }

    /// The table; `None` when it has no columns or no rows.
    pub fn build(self) -> Option<Table> {
        (!self.table.columns.is_empty() && !self.table.rows.is_empty()).then_some(self.table)
    }
}

/// A table of one row in the making.
#[derive(Clone, Debug)]
pub struct Record {
    columns: Vec<Column>,
    row: Vec<Option<Cell>>,
}

impl Record {
    /// Adds a column with its cell, unless there is no value.
    #[must_use]
    pub fn cell<V: IntoCell>(mut self, name: impl Into<Cow<'static, str>>, value: V) -> Self {
        if let Some(cell) = value.into_cell() {
            self.columns.push(Column { name: name.into(), kind: V::COLUMN, required: None });
            self.row.push(Some(cell));
        }
        self
    }

    /// Adds the columns of another record after those of this one.
    #[must_use]
    pub fn followed_by(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self.row.extend(other.row);
        self
    }

    /// Whether no column has a value.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The table; `None` when no column has a value.
    pub fn build(self) -> Option<Table> {
        (!self.is_empty()).then(|| Table { columns: self.columns, rows: vec![self.row], row_count: None })
    }
}

/// What a cell of a [`Table`] holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Cell(Content);

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Content {
    Text(Cow<'static, str>),
    Number(Number),
    Observable(Observable),
}

/// What may stand in a cell; its Rust type decides the type of the column.
pub trait IntoCell {
    /// The type of the column.
    const COLUMN: ColumnType;
    /// Whether a value may be missing.
    const OPTIONAL: bool = false;

    /// The cell; `None` for a missing value.
    fn into_cell(self) -> Option<Cell>;
}

impl<V: IntoCell> IntoCell for Option<V> {
    const COLUMN: ColumnType = V::COLUMN;
    const OPTIONAL: bool = true;

    fn into_cell(self) -> Option<Cell> {
        self.and_then(V::into_cell)
    }
}

/// Says for Rust types which column they make, and how their values become the content of a cell.
macro_rules! cells {
    ($($rust:ty => $column:ident, $value:ident => $content:expr;)+) => {$(
        impl IntoCell for $rust {
            const COLUMN: ColumnType = ColumnType::$column;

            fn into_cell(self) -> Option<Cell> {
                let $value = self;
                Some(Cell($content))
            }
        }
    )+};
}

cells! {
    &str => String, text => Content::Text(Cow::Owned(text.to_owned()));
    String => String, text => Content::Text(Cow::Owned(text));
    Cow<'static, str> => String, text => Content::Text(text);
    // CTIM has no column type for truth values.
    bool => String, truth => Content::Text(Cow::Borrowed(if truth { "true" } else { "false" }));
    LongText => Markdown, text => Content::Text(Cow::Owned(text.to_string()));
    HttpUrl => Url, url => Content::Text(Cow::Owned(url.to_string()));
    i64 => Integer, number => Content::Number(number.into());
    u64 => Integer, number => Content::Number(number.into());
    u32 => Integer, number => Content::Number(number.into());
    usize => Integer, number => Content::Number(number.into());
    Number => Number, number => Content::Number(number);
    Observable => Observable, observable => Content::Observable(observable);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    struct Host {
        name: &'static str,
        seen: Option<&'static str>,
        count: Option<u64>,
    }

    const HOSTS: [Host; 2] =
        [Host { name: "a", seen: Some("2026"), count: None }, Host { name: "b", seen: None, count: None }];

    fn json(table: Option<Table>) -> Value {
        serde_json::to_value(table).unwrap()
    }

    #[test]
    fn each_record_is_a_row_and_missing_values_are_declared() {
        let table = Table::of(&HOSTS)
            .column("Name", |host| host.name)
            .column("Seen", |host| host.seen)
            .column("Count", |host| host.count);
        assert_eq!(
            json(table.build().map(Table::counted)),
            json!({
                "columns": [
                    {"name": "Name", "type": "string"},
                    {"name": "Seen", "type": "string", "required": false},
                    {"name": "Count", "type": "integer", "required": false},
                ],
                "rows": [["a", "2026", null], ["b", null, null]],
                "row_count": 2,
            })
        );
    }

    #[test]
    fn a_record_has_columns_for_its_values_only() {
        let detection = Table::record().cell("Devices", 3_u32).cell("Missing", None::<u64>);
        let event = Table::record().cell("rejected", true).cell("rev", serde_json::Number::from_f64(1.5));
        let link = HttpUrl::parse("https://a.example/");
        let rest = Table::record()
            .cell("link", link)
            .cell("text", LongText::new("*x*"))
            .cell("host", Observable::address("192.0.2.1"));
        assert_eq!(
            json(detection.followed_by(event).followed_by(rest).build()),
            json!({
                "columns": [
                    {"name": "Devices", "type": "integer"},
                    {"name": "rejected", "type": "string"},
                    {"name": "rev", "type": "number"},
                    {"name": "link", "type": "url"},
                    {"name": "text", "type": "markdown"},
                    {"name": "host", "type": "observable"},
                ],
                "rows": [
                    [3, "true", 1.5, "https://a.example/", "*x*", {"type": "ip", "value": "192.0.2.1"}],
                ],
            })
        );
    }

    #[test]
    fn a_table_without_columns_or_rows_is_none() {
        assert_eq!(Table::of(&HOSTS).build(), None);
        assert_eq!(Table::of(&HOSTS[..0]).column("Name", |host| host.name).build(), None);
        assert_eq!(Table::record().cell("Missing", None::<String>).build(), None);
    }
}
