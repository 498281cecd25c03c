//! Log lines for people or for machines, each with the id of the request it belongs to.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::time::Duration;

use anstream::AutoStream;
use env_logger::{Builder, Target, WriteStyle};
use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Record};
use serde_json::{Map, json};

use super::current_request_id;
use super::queue::{Queue, dropped_lines};
use crate::settings::{LogFormat, Settings};
use crate::text::is_control_or_bidi;

/// How long the end of the process waits for the reader of the log.
pub(crate) const FLUSH: Duration = Duration::from_secs(1);

/// The logger of the process; lines that wait are written when it is dropped.
pub(crate) struct Logger(Queue);

impl Drop for Logger {
    fn drop(&mut self) {
        self.0.flush(FLUSH);
    }
}

/// Installs the logger of the process.
///
/// # Errors
/// One is installed already, or the system gives no thread.
pub(crate) fn install(settings: &Settings) -> io::Result<Logger> {
    let style = WriteStyle::from(AutoStream::choice(&io::stderr()));
    // Not by the standard library's handle: it has a lock, which the thread would hold while the reader stands still.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let notice = match settings.log_format {
        LogFormat::Json => json_notice,
        LogFormat::Text => text_notice,
    };
    let dropped = dropped_lines().map_err(io::Error::other)?;
    let queue = Queue::start(stderr, settings.log_queue, dropped, notice)?;
    let mut builder = Builder::new();
    // Ours is the line that tells of start and end; the server's own are for those who ask for them.
    builder.filter_module("actix_server", LevelFilter::Warn);
    builder.parse_filters(&settings.log).target(Target::Pipe(Box::new(queue.clone()))).write_style(style);
    match settings.log_format {
        LogFormat::Json => builder.format(|out, record| {
            let mut line = json_line(record, jiff::Timestamp::now());
            line.push('\n');
            out.write_all(line.as_bytes())
        }),
        LogFormat::Text => builder.format(|out, record| {
            let level = record.level();
            let style = out.default_level_style(level);
            writeln!(out, "{:.3} {style}{level:5}{style:#} {}", jiff::Timestamp::now(), text_line(record))
        }),
    };
    builder.try_init().map_err(io::Error::other)?;
    // A line like all others: what the standard library writes is of several lines, and never JSON.
    std::panic::set_hook(Box::new(|panic| log::error!("{}", panic_line(panic))));
    Ok(Logger(queue))
}

/// The lines, each a problem that keeps a program from its start, in the form of its log.
pub(crate) fn start_failed(format: LogFormat, problems: &[String]) -> String {
    let line = |problem: &String| match format {
        LogFormat::Text => format!("Error: {}\n", escaped(problem)),
        LogFormat::Json => {
            let args = format_args!("{problem}");
            let record = Record::builder().args(args).level(Level::Error).target(module_path!()).build();
            json_line(&record, jiff::Timestamp::now()) + "\n"
        }
    };
    problems.iter().map(line).collect()
}

/// The line that says how many others were dropped.
fn notice<T>(lines: u64, written: impl FnOnce(&Record<'_>) -> T) -> T {
    let pairs = [("lines", log::kv::Value::from(lines))];
    let args =
        format_args!("log lines were dropped: the reader of the log does not keep up (RELAY_LOG_QUEUE)");
    written(
        &Record::builder().args(args).level(Level::Warn).target(module_path!()).key_values(&pairs).build(),
    )
}

fn json_notice(lines: u64) -> Vec<u8> {
    (notice(lines, |record| json_line(record, jiff::Timestamp::now())) + "\n").into_bytes()
}

fn text_notice(lines: u64) -> Vec<u8> {
    notice(lines, |record| format!("{:.3} WARN  {}\n", jiff::Timestamp::now(), text_line(record)))
        .into_bytes()
}

/// Where a panic happened, and its message where it has one.
fn panic_line(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panic at {place}: {}", message.unwrap_or("without a message"))
}

fn json_line(record: &Record<'_>, now: jiff::Timestamp) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), json!(format!("{now:.3}")));
    line.insert("level".to_owned(), json!(record.level().as_str()));
    line.insert("target".to_owned(), json!(record.target()));
    line.insert("message".to_owned(), json!(record.args().to_string()));
    if let Some(id) = current_request_id() {
        line.insert("request_id".to_owned(), json!(id.as_str()));
    }
    let _ = record.key_values().visit(&mut IntoMap(&mut line));
    serde_json::Value::Object(line).to_string()
}

struct IntoMap<'m>(&'m mut Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for IntoMap<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0
            .insert(key.as_str().to_owned(), serde_json::to_value(&value).unwrap_or(serde_json::Value::Null));
        Ok(())
    }
}

/// Message, then `key=value` pairs. One record is one line, and nothing in it is obeyed by a terminal, whatever
/// the texts hold.
fn text_line(record: &Record<'_>) -> String {
    let mut line = record.args().to_string();
    if let Some(id) = current_request_id() {
        line.push_str(" request_id=");
        line.push_str(id.as_str());
    }
    let _ = record.key_values().visit(&mut IntoText(&mut line));
    if line.chars().any(is_control_or_bidi) { escaped(&line) } else { line }
}

fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    for c in line.chars() {
        if is_control_or_bidi(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

struct IntoText<'l>(&'l mut String);

impl<'kvs> VisitSource<'kvs> for IntoText<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        use std::fmt::Write;
        let text = value.to_string();
        // Quoted where it could be taken for the end of the value and a further pair.
        let plain = !text.is_empty() && !text.contains([' ', '"', '=']);
        let _ = if plain {
            write!(self.0, " {}={text}", key.as_str())
        } else {
            write!(self.0, " {}={:?}", key.as_str(), text)
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{RequestId, with_request_id};

    #[test]
    fn a_panic_is_a_line_of_the_log() {
        let (sender, lines) = std::sync::mpsc::channel();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| drop(sender.send(panic_line(panic)))));
        let ended = std::panic::catch_unwind(|| panic!("of a {}", "test"));
        std::panic::set_hook(usual);
        assert!(ended.is_err());
        // Other tests may panic at the same time.
        let line = lines.iter().find(|line| line.ends_with(": of a test")).expect("the line");
        assert!(line.starts_with("panic at ") && line.contains("log.rs:"), "{line}");
    }

    #[test]
    fn no_text_forges_a_line_a_pair_or_a_command_to_the_terminal() {
        let line = |message: &str, instance: &str| {
            let pairs = [("instance", log::kv::Value::from(instance)), ("status", log::kv::Value::from(200))];
            text_line(&Record::builder().args(format_args!("{message}")).key_values(&pairs).build())
        };
        assert_eq!(
            line("a\r\nb\u{1b}[2J\u{7f}\u{9b}1m\u{2028}\u{202e}c", "m-1"),
            "a\\r\\nb\\u{1b}[2J\\u{7f}\\u{9b}1m\\u{2028}\\u{202e}c instance=m-1 status=200"
        );
        assert_eq!(line("x", "m status=500"), r#"x instance="m status=500" status=200"#);
        assert_eq!(line("x", "m\" y=\"\n"), r#"x instance="m\" y=\"\n" status=200"#);
        assert_eq!(line("x", ""), r#"x instance="" status=200"#);
        assert_eq!(line("Bedrohung – ünïcödé 🦀", "-"), "Bedrohung – ünïcödé 🦀 instance=- status=200");
    }

    #[tokio::test]
    async fn a_line_carries_the_request_id_and_stays_one_line() {
        let id = RequestId::accept(Some(b"req-7"));
        let (json, text) = with_request_id(id, async {
            let pairs = [("status", log::kv::Value::from(200)), ("call", log::kv::Value::from("report"))];
            let args = format_args!("first\nsecond");
            let record = Record::builder().args(args).level(log::Level::Info).key_values(&pairs).build();
            (json_line(&record, jiff::Timestamp::UNIX_EPOCH), text_line(&record))
        })
        .await;
        assert_eq!(text, "first\\nsecond request_id=req-7 status=200 call=report");
        let json: serde_json::Value = serde_json::from_str(&json).expect("a JSON line");
        assert_eq!(
            json,
            serde_json::json!({
                "time": "1970-01-01T00:00:00.000Z", "level": "INFO", "target": "", "message": "first\nsecond",
                "request_id": "req-7", "status": 200, "call": "report",
            })
        );
    }
}
