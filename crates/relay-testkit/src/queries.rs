//! The hunting queries of a relay, for a check by an engine that is not ours.
//!
//! A test of the relay adds every text that the relay can send. All of them are run by the simulator over the same
//! rows: those that it generates for each query, and further ones of the test. With `RELAY_QUERIES=folder` texts, rows
//! and findings are written into that folder as one JSON file; `deploy/check-queries.py` reads all files there.

use std::path::Path;

use jiff::Timestamp;
use provider_sim::kql::{AlertQuery, Row, Script, Step, Table};
use serde_json::{Map, Value, json};

/// The queries of a relay and the rows that they are asked over.
pub struct Queries {
    now: Timestamp,
    tables: Vec<(Table, Vec<Row>)>,
    /// Name, text and how the simulator reads it.
    texts: Vec<(String, String, Read)>,
}

enum Read {
    Tables(Script),
    Alerts(AlertQuery),
    /// It is for people; the simulator has no use for it.
    No,
}

impl Queries {
    /// None yet; `now` is what their ages count from.
    pub fn new(now: Timestamp) -> Self {
        Self { now, tables: Vec::new(), texts: Vec::new() }
    }

    /// Adds rows of a table, each once.
    pub fn add_rows(&mut self, table: Table, rows: impl IntoIterator<Item = Row>) {
        let place = self.tables.iter().position(|(known, _)| *known == table);
        let place = place.unwrap_or_else(|| {
            self.tables.push((table, Vec::new()));
            self.tables.len() - 1
        });
        for row in rows {
            let unknown = row.keys().find(|name| table.columns().all(|(column, _)| column != *name));
            assert_eq!(unknown, None, "{} has no such column", table.name());
            if !self.tables[place].1.contains(&row) {
                self.tables[place].1.push(row);
            }
        }
    }

    /// Adds a query over tables of devices, and the rows that the simulator generates for it.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) {
        let (name, text) = (name.into(), text.into());
        let script = Script::parse(&text).unwrap_or_else(|fault| panic!("{name}: {fault} in {text}"));
        for query in &script.queries {
            self.add_rows(query.table, provider_sim::hunting::rows(query.table, &query.literals()));
        }
        self.texts.push((name, text, Read::Tables(script)));
    }

    /// Adds a query over the tables of alerts, and the rows that the simulated tenant has of them.
    pub fn add_counts(&mut self, name: impl Into<String>, text: impl Into<String>, tenant: &str) {
        let (name, text) = (name.into(), text.into());
        let script = Script::parse(&text).unwrap_or_else(|fault| panic!("{name}: {fault} in {text}"));
        for query in &script.queries {
            self.add_rows(query.table, provider_sim::graph::table(query.table, tenant));
        }
        self.texts.push((name, text, Read::Tables(script)));
    }

    /// Adds a query over the evidence of alerts, and the rows that the simulator generates for it.
    pub fn add_alerts(&mut self, name: impl Into<String>, text: impl Into<String>, tenant: &str) {
        let (name, text) = (name.into(), text.into());
        let query = AlertQuery::parse(&text).unwrap_or_else(|fault| panic!("{name}: {fault} in {text}"));
        self.add_rows(Table::AlertEvidence, provider_sim::graph::evidence(&query, tenant));
        self.texts.push((name, text, Read::Alerts(query)));
    }

    /// Adds a query that is only read.
    pub fn add_text(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.texts.push((name.into(), text.into(), Read::No));
    }

    /// Runs all queries and writes what came out, where a folder for it is given.
    pub fn finish(self, relay: &str) {
        let queries: Vec<Value> = self.texts.iter().map(|query| self.ran(query)).collect();
        let table = |(table, rows): &(Table, Vec<Row>)| {
            let columns: Map<String, Value> =
                table.columns().map(|(name, kind)| (name.to_owned(), json!(kind.name()))).collect();
            (table.name().to_owned(), json!({"columns": columns, "rows": rows}))
        };
        let tables: Map<String, Value> = self.tables.iter().map(table).collect();
        let all = json!({"now": self.now.to_string(), "tables": tables, "queries": queries});
        if let Some(folder) = std::env::var_os("RELAY_QUERIES") {
            std::fs::create_dir_all(&folder).expect("a folder for the queries");
            let path = Path::new(&folder).join(format!("{relay}.json"));
            std::fs::write(path, all.to_string()).expect("a file for the queries");
        }
    }

    fn ran(&self, (name, text, read): &(String, String, Read)) -> Value {
        let rows_of = |table: Table| {
            let known = self.tables.iter().find(|(known, _)| *known == table);
            known.map(|(_, rows)| rows.clone()).unwrap_or_default()
        };
        let rows = match read {
            Read::Tables(script) => {
                let run = |query: &provider_sim::kql::Query| {
                    let mut query = query.clone();
                    // The other engine has no such operator, and is asked without it.
                    query.steps.retain(|step| !matches!(step, Step::Partition { .. }));
                    query.run(rows_of(query.table), self.now)
                };
                provider_sim::kql::Outcome::union(script.queries.iter().map(run)).rows
            }
            Read::Alerts(query) => query.run(&rows_of(Table::AlertEvidence), self.now),
            Read::No => return json!({"name": name, "text": text}),
        };
        assert!(!rows.is_empty(), "{name} finds nothing, which proves nothing: {text}");
        json!({"name": name, "text": text, "rows": rows})
    }
}
