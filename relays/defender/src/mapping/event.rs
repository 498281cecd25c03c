//! An event of advanced hunting as a sighting.

use relay_core::ctim::{
    Observable, ObservableType, ObservedTime, RelationType, Relations, Sighting, Table as Data, Timestamp,
};

use super::{Mapping, RELATIONS_BY, observables, target, typed};
use crate::kql::Table;
use crate::model::{Hashes, Row};

/// A row of a table of events, with its time.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where it comes from.
    pub table: Table,
    /// When it happened.
    pub time: Timestamp,
    row: Row,
}

impl Event {
    /// The event in a row; nothing where its time cannot be read.
    pub fn of(table: Table, row: Row) -> Option<Self> {
        let time = Timestamp::parse(row.text("timestamp")?)?;
        Some(Self { table, time, row })
    }

    /// What tells it from others; in a sighting's id.
    pub fn key(&self) -> String {
        let part = |column| self.row.text(column).unwrap_or_default();
        let device = self.device().unwrap_or_else(|| part("devicename"));
        format!("{}:{device}:{}:{}", self.table.name(), part("timestamp"), part("reportid"))
    }

    /// Id of the device.
    pub fn device(&self) -> Option<&str> {
        self.row.text("deviceid")
    }

    /// Hashes of the process that caused the event.
    pub fn process(&self) -> Hashes {
        self.hashes(["initiatingprocesssha1", "initiatingprocesssha256", "initiatingprocessmd5"])
    }

    /// Hashes of the file that the event is about; none in a network event.
    pub fn file(&self) -> Hashes {
        match self.table {
            Table::Files => self.hashes(["sha1", "sha256", "md5"]),
            Table::Network => Hashes::default(),
        }
    }

    fn hashes(&self, columns: [&str; 3]) -> Hashes {
        let [sha1, sha256, md5] = columns.map(|column| self.row.text(column));
        Hashes::new(sha1, sha256, md5)
    }

    fn name(&self, column: &str) -> Option<Observable> {
        Observable::new(ObservableType::FileName, self.row.text(column))
    }

    fn path(&self, column: &str) -> Option<Observable> {
        Observable::new(ObservableType::FilePath, self.row.text(column))
    }
}

/// The sighting of an event.
pub fn event(mapping: &Mapping<'_>, event: &Event) -> Sighting {
    let seen = ObservedTime::at(event.time);
    let device = event.device().and_then(|id| mapping.details.devices.get(id));
    let mut relations = Relations::new(&RELATIONS_BY);
    let process = observables(&mapping.details.complete(event.process()));
    match event.table {
        Table::Network => network(&mut relations, event, &process),
        Table::Files => {
            let file = observables(&mapping.details.complete(event.file()));
            files(&mut relations, event, &file, &process);
        }
    }
    let mut sighting = mapping
        .sighting(&event.key(), seen)
        .data(Data::record().cell("ActionType", event.row.text("actiontype")).build().map(Data::counted))
        .relations(relations);
    if let Some(target) = target::target(event.row.text("devicename"), event.device(), device, seen) {
        sighting = sighting.target(target);
    }
    sighting
}

/// Who talked to whom.
fn network(relations: &mut Relations, event: &Event, process: &[Observable]) {
    let inbound = event.row.text("actiontype").is_some_and(|action| action.starts_with("Inbound"));
    let (local, remote) =
        (typed::address(event.row.text("localip")), typed::address(event.row.text("remoteip")));
    let url = event.row.text("remoteurl");
    if inbound {
        relations.add(remote.clone(), RelationType::CONNECT_TO, local);
    } else {
        relations.add(typed::host(url), RelationType::RESOLVED_TO, remote.clone());
        relations.add(local, RelationType::CONNECT_TO, remote.clone());
    }
    for hash in process {
        if inbound {
            relations.add(hash.clone(), RelationType::CONNECTED_FROM, remote.clone());
        } else {
            relations.add(hash.clone(), RelationType::CONNECT_TO, typed::web(url));
            relations.add(hash.clone(), RelationType::CONNECT_TO, remote.clone());
        }
        initiator(relations, event, hash);
    }
}

/// What was done to a file.
fn files(relations: &mut Relations, event: &Event, file: &[Observable], process: &[Observable]) {
    let url = |column| Observable::new(ObservableType::Url, event.row.text(column));
    let origin = url("fileoriginurl");
    for hash in file {
        relations.add(event.name("filename"), RelationType::FILE_NAME_OF, hash.clone());
        relations.add(event.path("folderpath"), RelationType::FILE_PATH_OF, hash.clone());
        relations.add(hash.clone(), RelationType::DOWNLOADED_FROM, origin.clone());
        // The same for every hash, and kept once.
        relations.add(url("fileoriginreferrerurl"), RelationType::REFERS_TO, origin.clone());
    }
    for hash in process {
        initiator(relations, event, hash);
    }
    let action = event.row.text("actiontype").unwrap_or_default();
    let done = match action {
        "FileModified" => RelationType::WROTE_TO,
        "FileRenamed" => RelationType::RENAMED,
        "FileDeleted" => RelationType::DELETED,
        _ => RelationType::PARENT_OF,
    };
    for target in file {
        for by in process {
            relations.add(by.clone(), done.clone(), target.clone());
        }
    }
    if action == "FileRenamed" {
        relations.add(event.name("previousfilename"), RelationType::RENAMED_TO, event.name("filename"));
    }
}

/// The process that caused an event.
fn initiator(relations: &mut Relations, event: &Event, hash: &Observable) {
    relations.add(event.name("initiatingprocessfilename"), RelationType::FILE_NAME_OF, hash.clone());
    relations.add(event.name("initiatingprocessparentfilename"), RelationType::PARENT_OF, hash.clone());
    relations.add(event.path("initiatingprocessfolderpath"), RelationType::FILE_PATH_OF, hash.clone());
}
