//! Log lines for people or for machines, each with the id of the request it belongs to.

use std::io::Write;

use env_logger::{Builder, Target, WriteStyle};
use log::Record;
use log::kv::{Key, Value, VisitSource};
use serde_json::{Map, json};

use super::current_request_id;
use crate::settings::{LogFormat, Settings};

/// Installs the logger of the process.
///
/// # Errors
/// One is installed already.
pub(crate) fn install(settings: &Settings) -> Result<(), log::SetLoggerError> {
    let mut builder = Builder::new();
    builder.parse_filters(&settings.log).target(Target::Stderr).write_style(WriteStyle::Auto);
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
    builder.try_init()
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

/// Message, then `key=value` pairs. One record is one line, whatever the message holds.
fn text_line(record: &Record<'_>) -> String {
    let mut line = record.args().to_string();
    if let Some(id) = current_request_id() {
        line.push_str(" request_id=");
        line.push_str(id.as_str());
    }
    let _ = record.key_values().visit(&mut IntoText(&mut line));
    if line.contains(['\n', '\r']) { line.replace('\r', "\\r").replace('\n', "\\n") } else { line }
}

struct IntoText<'l>(&'l mut String);

impl<'kvs> VisitSource<'kvs> for IntoText<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
        use std::fmt::Write;
        let _ = write!(self.0, " {}={value}", key.as_str());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{RequestId, with_request_id};

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
