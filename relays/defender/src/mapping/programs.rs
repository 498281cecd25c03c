//! What was done to a file, which process started which, and which image it loaded.

use relay_core::ctim::{Observable, RelationType, Relations};

use super::event::{Event, initiator};
use super::typed;

/// What was done to a file.
pub(super) fn file(relations: &mut Relations, event: &Event, file: &[Observable], process: &[Observable]) {
    let (name, origin) = (event.text("filename"), typed::download(event.text("fileoriginurl")));
    for hash in file {
        named(relations, event, hash);
        relations.add(hash.clone(), RelationType::DOWNLOADED_FROM, origin.clone());
        // The same for every hash, and kept once.
        let referrer = typed::download(event.text("fileoriginreferrerurl"));
        relations.add(referrer, RelationType::REFERS_TO, origin.clone());
    }
    for hash in process {
        initiator(relations, event, hash);
    }
    let done = match event.action() {
        "FileModified" => RelationType::WROTE_TO,
        "FileRenamed" => RelationType::RENAMED,
        "FileDeleted" => RelationType::DELETED,
        _ => RelationType::PARENT_OF,
    };
    crossed(relations, process, &done, file);
    if event.action() == "FileRenamed" {
        let previous = typed::file_name(event.text("previousfilename"));
        relations.add(previous, RelationType::RENAMED_TO, typed::file_name(name));
    }
}

/// A process that was started, or an image that was loaded: `done` is what the causing process did.
pub(super) fn program(
    relations: &mut Relations,
    event: &Event,
    file: &[Observable],
    process: &[Observable],
    done: &RelationType,
) {
    for hash in file {
        named(relations, event, hash);
    }
    for hash in process {
        initiator(relations, event, hash);
    }
    crossed(relations, process, done, file);
}

fn named(relations: &mut Relations, event: &Event, hash: &Observable) {
    let name = event.text("filename");
    relations.add(typed::file_name(name), RelationType::FILE_NAME_OF, hash.clone());
    let path = typed::file_path(event.text("folderpath"), name);
    relations.add(path, RelationType::FILE_PATH_OF, hash.clone());
}

fn crossed(relations: &mut Relations, process: &[Observable], done: &RelationType, file: &[Observable]) {
    for target in file {
        for by in process {
            relations.add(by.clone(), done.clone(), target.clone());
        }
    }
}
