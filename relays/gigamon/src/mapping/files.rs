//! The files of an event, and which way they went.

use relay_core::ctim::{Observable, ObservableType};

use crate::model::{Event, Value};

/// Which way a file went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the server to the client.
    Down,
    /// From the client to the server.
    Up,
    /// The event does not say.
    Unknown,
}

/// A file that an event names.
pub(super) struct File {
    pub(super) direction: Direction,
    pub(super) hashes: Vec<Observable>,
    pub(super) name: Option<Observable>,
}

/// The files of an event, those without a hash left out.
pub(super) fn of(event: &Event) -> Vec<File> {
    let listed = || {
        event.list("files").iter().map(|file| File {
            direction: direction(event, file),
            hashes: hashes(|kind| file.text(kind)),
            name: Observable::new(ObservableType::FileName, file.text("name").or(file.text("filename"))),
        })
    };
    let mut files: Vec<File> = match event.kind() {
        "http" => listed().collect(),
        "pe" | "smb_file" | "smtp" | "ftp" => {
            let own = hashes(|kind| event.text(kind));
            let own = File { direction: Direction::Unknown, hashes: own, name: None };
            std::iter::once(own).chain(listed()).collect()
        }
        _ => Vec::new(),
    };
    files.retain(|file| !file.hashes.is_empty());
    files
}

fn hashes<'v>(value: impl Fn(&'static str) -> Option<&'v str>) -> Vec<Observable> {
    [ObservableType::Md5, ObservableType::Sha1, ObservableType::Sha256]
        .into_iter()
        .filter_map(|kind| Observable::hash(value(kind.as_str())?).filter(|hash| hash.kind() == kind))
        .collect()
}

fn direction(event: &Event, file: &Value) -> Direction {
    match event.text("method").filter(|_| event.kind() == "http") {
        None | Some("HEAD" | "OPTIONS" | "CONNECT" | "TRACE") => Direction::Unknown,
        Some("GET") => Direction::Down,
        Some(_) => by_content(event, file),
    }
}

/// By what the request and the response contained.
fn by_content(event: &Event, file: &Value) -> Direction {
    let types = |name: &str| event.list(name).iter().filter_map(Value::as_str).collect::<Vec<_>>();
    let (request, response) = (types("request_mimes"), types("response_mimes"));
    let length = |name: &str| event.field(name)?.as_number()?.as_i64();
    match (request.is_empty(), response.is_empty()) {
        (true, false) => Direction::Down,
        (false, true) => Direction::Up,
        (false, false) => {
            let is_in = |types: &[&str]| file.text("mime_type").is_some_and(|mime| types.contains(&mime));
            match (is_in(&request), is_in(&response)) {
                (true, false) => Direction::Up,
                (false, true) => Direction::Down,
                _ => Direction::Unknown,
            }
        }
        (true, true) => match (length("request_len"), length("response_len")) {
            (Some(0), Some(1..)) => Direction::Down,
            (Some(1..), Some(0)) => Direction::Up,
            _ => Direction::Unknown,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_way_of_a_file_follows_from_method_types_and_lengths() {
        let (exe, html, text) = (json!(["exe"]), json!(["html"]), json!(["exe", "html"]));
        for (method, more, direction) in [
            (json!("GET"), json!({"request_mimes": exe}), Direction::Down),
            (json!("get"), json!({"request_mimes": exe}), Direction::Up),
            (json!("HEAD"), json!({"response_mimes": exe}), Direction::Unknown),
            (json!("CONNECT"), json!({"response_mimes": exe}), Direction::Unknown),
            (json!(null), json!({"response_mimes": exe}), Direction::Unknown),
            (json!("POST"), json!({"response_mimes": exe, "request_mimes": null}), Direction::Down),
            (json!("PUT"), json!({"request_mimes": exe, "response_mimes": []}), Direction::Up),
            (json!("POST"), json!({"request_mimes": exe, "response_mimes": html}), Direction::Up),
            (json!("POST"), json!({"request_mimes": html, "response_mimes": exe}), Direction::Down),
            (json!("POST"), json!({"request_mimes": text, "response_mimes": exe}), Direction::Unknown),
            (json!("POST"), json!({"request_mimes": html, "response_mimes": html}), Direction::Unknown),
            (json!("POST"), json!({"request_len": 0, "response_len": 5}), Direction::Down),
            (json!("POST"), json!({"request_len": 5, "response_len": 0}), Direction::Up),
            (json!("POST"), json!({"request_len": 5, "response_len": 5}), Direction::Unknown),
            (json!("POST"), json!({"response_len": 5}), Direction::Unknown),
            (json!("POST"), json!({}), Direction::Unknown),
        ] {
            let mut event = json!({
                "uuid": "e1", "event_type": "http", "timestamp": "2026-03-02T08:15:30.120Z", "method": method,
                "files": [{"md5": "a".repeat(32), "mime_type": "exe"}, {"name": "without a hash"}],
            });
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let event = Event::new(serde_json::from_value(event).unwrap()).unwrap();
            let directions: Vec<_> = of(&event).iter().map(|file| file.direction).collect();
            assert_eq!(directions, [direction], "{method} {more}");
        }
    }
}
