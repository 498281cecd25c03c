//! A row of advanced hunting that describes an event.

use relay_core::ctim::{Observable, RelationType, Relations, Timestamp};
use serde_json::Value;

use super::typed;
use crate::model::{Hashes, Row};
use crate::query::Table;

/// A row of a table of events, with its time.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where it comes from.
    pub table: Table,
    /// When it happened.
    pub time: Timestamp,
    row: Row,
    extra: Value,
}

impl Event {
    /// The event in a row; nothing where its time cannot be read.
    pub fn of(row: Row) -> Option<Self> {
        let time = Timestamp::parse(row.text("timestamp")?)?;
        let table = row.text("source").and_then(Table::named).unwrap_or_else(|| {
            if row.has("remoteip") || row.has("remoteurl") { Table::Network } else { Table::Files }
        });
        // Unreadable or no object: it says nothing.
        let extra = row.text("additionalfields").and_then(|text| serde_json::from_str(text).ok());
        Some(Self { table, time, row, extra: extra.unwrap_or_default() })
    }

    /// A column's text.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.row.text(column)
    }

    /// A text of its further fields.
    pub fn extra(&self, field: &str) -> Option<&str> {
        self.extra.get(field).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// A further field of any form.
    pub(super) fn extra_value(&self, field: &str) -> Option<&Value> {
        self.extra.get(field)
    }

    /// The action, such as `ConnectionSuccess`.
    pub(super) fn action(&self) -> &str {
        self.text("actiontype").unwrap_or_default()
    }

    /// Its natural key, in a sighting's id.
    pub fn key(&self) -> String {
        let part = |column| self.text(column).unwrap_or_default();
        let device = self.device().unwrap_or_else(|| part("devicename"));
        format!("{}:{device}:{}:{}", self.table.name(), part("timestamp"), part("reportid"))
    }

    /// Id of the device.
    pub fn device(&self) -> Option<&str> {
        self.text("deviceid")
    }

    /// Hashes of the process that caused the event.
    pub fn process(&self) -> Hashes {
        self.hashes(["initiatingprocesssha1", "initiatingprocesssha256", "initiatingprocessmd5"])
    }

    /// Hashes of the file that the event is about; none where it is about none.
    pub fn file(&self) -> Hashes {
        match self.table {
            Table::Files | Table::Processes | Table::Images => self.hashes(["sha1", "sha256", "md5"]),
            Table::Network | Table::Device | Table::Logons => Hashes::default(),
        }
    }

    fn hashes(&self, columns: [&str; 3]) -> Hashes {
        let [sha1, sha256, md5] = columns.map(|column| self.text(column));
        Hashes::new(sha1, sha256, md5)
    }

    /// The account of the event: domain and name.
    pub(super) fn account(&self) -> Option<(Option<&str>, &str)> {
        let own = match self.table {
            Table::Processes | Table::Logons => self.text("accountname"),
            _ => None,
        };
        if let Some(name) = own {
            return Some((self.text("accountdomain"), name));
        }
        let name = self.text("initiatingprocessaccountname")?;
        Some((self.text("initiatingprocessaccountdomain"), name))
    }

    /// The process created, else the one that caused the event.
    pub(super) fn command_line(&self) -> Option<&str> {
        let own = if self.table == Table::Processes { self.text("processcommandline") } else { None };
        own.or_else(|| self.text("initiatingprocesscommandline"))
    }

    /// A port, of which 0 is none.
    pub(super) fn port(&self, column: &str) -> Option<u32> {
        self.text(column)?.trim().parse().ok().filter(|port| *port > 0)
    }
}

/// What the process that caused an event is called, what started it, and where it is.
pub(super) fn initiator(relations: &mut Relations, event: &Event, hash: &Observable) {
    let name = event.text("initiatingprocessfilename");
    relations.add(typed::file_name(name), RelationType::FILE_NAME_OF, hash.clone());
    let parent = typed::file_name(event.text("initiatingprocessparentfilename"));
    relations.add(parent, RelationType::PARENT_OF, hash.clone());
    let path = typed::file_path(event.text("initiatingprocessfolderpath"), name);
    relations.add(path, RelationType::FILE_PATH_OF, hash.clone());
}
