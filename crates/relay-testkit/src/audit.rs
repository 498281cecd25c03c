//! The log lines of the relays in a test process, and of these the ones that response actions leave.

use std::fmt::Write;
use std::sync::{Mutex, OnceLock, PoisonError};

use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};

const AUDIT: &str = "audit";

/// The lines of the whole test process, with their targets.
struct Lines(Mutex<Vec<(String, String)>>);

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == AUDIT || metadata.target().starts_with("relay")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut line = format!("{} {}", record.level(), record.args());
            let _ = record.key_values().visit(&mut Pairs(&mut line));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((record.target().to_owned(), line));
        }
    }

    fn flush(&self) {}
}

struct Pairs<'l>(&'l mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let _ = write!(self.0, " {key}={value}");
        Ok(())
    }
}

/// The lines of the target `audit` so far that hold a text, such as the value that only one test uses. The first call
/// of the process starts the collection.
///
/// # Panics
/// The process has another logger.
pub fn audit_lines(part: &str) -> Vec<String> {
    lines(LevelFilter::Info, |target, line| target == AUDIT && line.contains(part))
}

/// The lines of all levels that relays have written so far and that hold a text. The first call of the process starts
/// the collection.
///
/// # Panics
/// The process has another logger.
pub fn log_lines(part: &str) -> Vec<String> {
    lines(LevelFilter::Trace, |_, line| line.contains(part))
}

fn lines(level: LevelFilter, wanted: impl Fn(&str, &str) -> bool) -> Vec<String> {
    static LINES: OnceLock<&'static Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines: &'static Lines = Box::leak(Box::new(Lines(Mutex::default())));
        log::set_logger(lines).expect("no other logger");
        lines
    });
    if log::max_level() < level {
        log::set_max_level(level);
    }
    let lines = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = lines.iter().filter(|(target, line)| wanted(target, line));
    wanted.map(|(_, line)| line.clone()).collect()
}
