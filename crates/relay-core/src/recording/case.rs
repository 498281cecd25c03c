//! The file of one exchange, in the format of the simulator's fixtures, and how it gets to the disk.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// A case with one answer.
#[derive(Serialize)]
pub(super) struct Case {
    pub(super) about: String,
    pub(super) observables: Vec<Asked>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) claims: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) settings: BTreeMap<String, String>,
    pub(super) now: Timestamp,
    pub(super) answers: [Exchange; 1],
}

/// An observable.
#[derive(Serialize)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: String,
}

/// A call, and its answer.
#[derive(Serialize)]
pub(super) struct Exchange {
    /// The setting with the base URL that the path is below, or the host.
    pub(super) base: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) body_contains: Vec<String>,
    pub(super) status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) json: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

impl Exchange {
    /// With this body of the answer, as JSON where it is JSON.
    pub(super) fn answered(mut self, body: String) -> Self {
        match serde_json::from_str(&body) {
            Ok(json) => self.json = Some(json),
            Err(_) if body.is_empty() => {}
            Err(_) => self.text = Some(body),
        }
        self
    }
}

/// Writes the file of a case, which must not exist yet, and the folders above it, for nobody else to read.
///
/// # Errors
/// It cannot be written. Nothing is left of it then.
pub(super) fn write(folder: &Path, case: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join("case.json");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(case).inspect_err(|_| {
        // The first error is the one that says what is wrong.
        let _ = fs::remove_file(&path);
    })
}
