//! The one query over alerts that asks about many things at once: for each of them a condition and a cut, then
//! everything that is known of the alerts that any of them found.
//!
//! Its frame is compared word by word; conditions are read by the grammar of all queries, and their literals are
//! decoded into the tree. A literal never holds a line end, so lines cannot be mistaken.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::predicate::Predicate;
use super::table::{Row, Table, moment};
use crate::syntax::SyntaxError;

/// A query, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertQuery {
    /// How far back it looks.
    pub days: u32,
    /// What it asks about.
    pub legs: Vec<Leg>,
}

/// One of the things that are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which pieces of evidence name it.
    pub predicate: Predicate,
    /// Most alerts.
    pub most: usize,
}

const HOST: &str = concat!(
    "extract(@\"^([a-z][a-z0-9+.-]*://)?([^/?#@]*@)?(\\[[^\\]]*\\]|[^/?#:]*)\", 3, ",
    "tolower(RemoteUrl))"
);
/// The columns that are packed for each piece of evidence.
const PACKED: [&str; 20] = [
    "EntityType",
    "EvidenceRole",
    "EvidenceDirection",
    "FileName",
    "FolderPath",
    "SHA1",
    "SHA256",
    "ThreatFamily",
    "RemoteIP",
    "LocalIP",
    "RemoteUrl",
    "AccountName",
    "AccountSid",
    "AccountUpn",
    "DeviceId",
    "DeviceName",
    "NetworkMessageId",
    "EmailSubject",
    "ProcessCommandLine",
    "Mail",
];
/// The columns of which any value is taken.
const TAKEN: [&str; 6] =
    ["Title", "Severity", "ServiceSource", "DetectionSource", "Categories", "AttackTechniques"];
/// Most pieces of evidence of an alert.
const MOST_EVIDENCE: usize = 60;
const CUT: &str = " | summarize Seen = max(Timestamp) by AlertId | top ";

/// The lines after the legs.
fn tail() -> String {
    let taken: Vec<String> = TAKEN.iter().map(|name| format!("{name} = take_any({name})")).collect();
    let packed: Vec<String> = PACKED
        .iter()
        .map(|name| match *name {
            "Mail" => {
                "\"Mail\", iff(EntityType == \"MailMessage\", tostring(AdditionalFields), \"\")".to_owned()
            }
            name => format!("\"{name}\", {name}"),
        })
        .collect();
    format!(
        "| summarize Seen = max(Seen), Asked = make_set(O) by AlertId);\n\
         let I = H | project AlertId;\n\
         H\n\
         | join kind=inner (E | where AlertId in (I) | summarize First = min(Timestamp), Last = max(Timestamp), {}, \
         Evidence = make_list(bag_pack({}), {MOST_EVIDENCE}) by AlertId) on AlertId\n\
         | project AlertId, Asked = strcat_array(Asked, \",\"), Seen, First, Last, {}, Evidence = tostring(Evidence)\n\
         | sort by Seen desc, AlertId asc",
        taken.join(", "),
        packed.join(", "),
        TAKEN.join(", "),
    )
}

impl AlertQuery {
    /// Whether a text begins like such a query.
    pub fn is_one(text: &str) -> bool {
        text.starts_with("let E = AlertEvidence")
    }

    /// Reads a query.
    ///
    /// # Errors
    /// A word of the frame is another, or a condition is not understood.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let at = |place: usize| SyntaxError::at(place, "the query is not of the form that is understood");
        let rest =
            text.strip_prefix("let E = AlertEvidence | where Timestamp > ago(").ok_or_else(|| at(0))?;
        let (days, rest) = rest.split_once("d) | extend Host = ").ok_or_else(|| at(0))?;
        let days = days.parse().map_err(|_| at(0))?;
        let rest = rest.strip_prefix(HOST).and_then(|rest| rest.strip_prefix(";\nlet H = materialize("));
        let rest = rest.ok_or_else(|| at(0))?;
        let legs = rest.strip_suffix(&tail()).and_then(|legs| legs.strip_suffix('\n'));
        let legs = legs.ok_or_else(|| at(text.len()))?;
        let lines: Vec<&str> = legs.split('\n').collect();
        let legs: Vec<&str> = match lines.as_slice() {
            [one] => vec![one],
            [union, legs @ .., last] if *union == "union" && !legs.is_empty() => {
                let bare = |leg: &&str, end: &str| {
                    leg.strip_prefix('(').and_then(|leg| leg.strip_suffix(end)).map(|_| ())
                };
                legs.iter().try_for_each(|leg| bare(leg, "),")).ok_or_else(|| at(0))?;
                bare(last, ")").ok_or_else(|| at(0))?;
                let inner = legs.iter().map(|leg| &leg[1..leg.len() - 2]);
                inner.chain([&last[1..last.len() - 1]]).collect()
            }
            _ => return Err(at(0)),
        };
        let legs =
            legs.iter().enumerate().map(|(number, leg)| Leg::parse(number, leg)).collect::<Result<_, _>>()?;
        Ok(Self { days, legs })
    }

    /// The decoded text literals of all conditions, in the order in which they stand.
    pub fn literals(&self) -> Vec<&str> {
        self.legs.iter().flat_map(|leg| leg.predicate.literals()).collect()
    }

    /// Runs the query over rows of the table `AlertEvidence`; `now` is what its age counts from.
    pub fn run(&self, rows: &[Row], now: Timestamp) -> Vec<Row> {
        let age = SignedDuration::from_hours(24 * i64::from(self.days));
        let is_recent = |row: &&Row| time(row).is_some_and(|then| now.duration_since(then) < age);
        let rows: Vec<Row> = rows.iter().filter(is_recent).map(with_host).collect();
        let mut found: BTreeMap<String, (Option<Timestamp>, Vec<String>)> = BTreeMap::new();
        for (number, leg) in self.legs.iter().enumerate() {
            let mut alerts: BTreeMap<String, Option<Timestamp>> = BTreeMap::new();
            for row in rows.iter().filter(|row| leg.predicate.fits(row, now)) {
                let seen = alerts.entry(text(row, "AlertId")).or_default();
                *seen = (*seen).max(time(row));
            }
            let mut alerts: Vec<(String, Option<Timestamp>)> = alerts.into_iter().collect();
            alerts.sort_by_key(|(_, seen)| Reverse(*seen));
            for (id, seen) in alerts.into_iter().take(leg.most) {
                let known = found.entry(id).or_default();
                known.0 = known.0.max(seen);
                known.1.push(number.to_string());
            }
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|(_, (seen, _))| Reverse(*seen));
        let summary = |(id, (seen, asked)): (String, (Option<Timestamp>, Vec<String>))| {
            let of_alert: Vec<&Row> = rows.iter().filter(|row| text(row, "AlertId") == id).collect();
            summary(&id, seen, &asked, &of_alert)
        };
        found.into_iter().map(summary).collect()
    }
}

impl Leg {
    fn parse(number: usize, text: &str) -> Result<Self, SyntaxError> {
        let at = |place: usize| {
            SyntaxError::at(place, "a part of the union is not of the form that is understood")
        };
        let rest = text.strip_prefix("E | where ").ok_or_else(|| at(0))?;
        // The last one: a literal may hold the same words.
        let (predicate, cut) = rest.rsplit_once(CUT).ok_or_else(|| at(0))?;
        let end = format!(" by Seen desc | extend O = \"{number}\"");
        let most = cut.strip_suffix(&end).and_then(|most| most.parse().ok()).ok_or_else(|| at(text.len()))?;
        let columns = Table::AlertEvidence.columns().map(|(name, _)| name.to_owned());
        let predicate = Predicate::parse(predicate, columns.chain(["Host".to_owned()]).collect())?;
        Ok(Self { predicate, most })
    }
}

fn text(row: &Row, column: &str) -> String {
    row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn time(row: &Row) -> Option<Timestamp> {
    moment(row.get("Timestamp")?.as_str()?)
}

/// The host of a URL, or of what stands in the place of one.
fn host(url: &str) -> String {
    let url = url.to_lowercase();
    let is_scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-".contains(c))
    };
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => url.as_str(),
    };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = authority.split_once('@').map_or(authority, |(_, host)| host);
    let end = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':') };
    host[..end.unwrap_or(host.len())].to_owned()
}

fn with_host(row: &Row) -> Row {
    let mut row = row.clone();
    let host = host(&text(&row, "RemoteUrl"));
    row.insert("Host".to_owned(), Value::from(host));
    row
}

fn summary(id: &str, seen: Option<Timestamp>, asked: &[String], rows: &[&Row]) -> Row {
    let times = || rows.iter().filter_map(|row| time(row));
    let shown = |time: Option<Timestamp>| time.map_or(Value::Null, |time| Value::from(time.to_string()));
    let mut all = Row::new();
    all.insert("AlertId".to_owned(), Value::from(id));
    all.insert("Asked".to_owned(), Value::from(asked.join(",")));
    all.insert("Seen".to_owned(), shown(seen));
    all.insert("First".to_owned(), shown(times().min()));
    all.insert("Last".to_owned(), shown(times().max()));
    for name in TAKEN {
        let value = rows.iter().map(|row| text(row, name)).next().unwrap_or_default();
        all.insert(name.to_owned(), Value::from(value));
    }
    let evidence: Vec<Value> = rows.iter().take(MOST_EVIDENCE).map(|row| packed(row)).collect();
    all.insert("Evidence".to_owned(), Value::from(json!(evidence).to_string()));
    all
}

fn packed(row: &Row) -> Value {
    let is_mail = text(row, "EntityType") == "MailMessage";
    let cell = |name: &'static str| match name {
        "Mail" if is_mail => text(row, "AdditionalFields"),
        "Mail" => String::new(),
        name => text(row, name),
    };
    PACKED.iter().map(|name| ((*name).to_owned(), Value::from(cell(name)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(legs: &[&str]) -> String {
        let leg = |(number, leg): (usize, &&str)| {
            format!("E | where {leg}{CUT}2 by Seen desc | extend O = \"{number}\"")
        };
        let legs: Vec<String> = legs.iter().enumerate().map(leg).collect();
        let found = match legs.as_slice() {
            [one] => one.clone(),
            _ => format!("union\n({})", legs.join("),\n(")),
        };
        format!(
            "let E = AlertEvidence | where Timestamp > ago(30d) | extend Host = {HOST};\nlet H = \
             materialize({found}\n{}",
            tail()
        )
    }

    fn row(id: &str, day: u32, url: &str) -> Row {
        let row = json!({
            "Timestamp": format!("2026-11-{day:02}T00:00:00Z"), "AlertId": id, "RemoteUrl": url, "EntityType": "Url",
            "Title": format!("Alert {id}"),
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn each_part_has_its_own_cut() {
        let busy = (1..=9).map(|day| row(&format!("busy-{day}"), day, "https://busy.example:8443/x"));
        let rows: Vec<Row> = busy.chain([row("quiet", 1, "quiet.example")]).collect();
        let text =
            query(&["Host == \"busy.example\"", "Host in (\"quiet.example\", \"x\") or RemoteIP =~ \"1\""]);
        let query = AlertQuery::parse(&text).unwrap();
        assert_eq!(query.literals(), ["busy.example", "quiet.example", "x", "1"]);
        let found = query.run(&rows, "2026-11-10T00:00:00Z".parse().unwrap());
        let column = |name: &str| found.iter().map(|row| super::text(row, name)).collect::<Vec<_>>();
        assert_eq!(column("AlertId"), ["busy-9", "busy-8", "quiet"]);
        assert_eq!(column("Asked"), ["0", "0", "1"]);
        assert!(found[2]["Evidence"].as_str().unwrap().contains("\"RemoteUrl\":\"quiet.example\""));
    }

    #[test]
    fn what_breaks_out_of_its_literal_is_refused() {
        AlertQuery::parse(&query(&["FileName =~ \"a\\\" or 1==1 //\""])).unwrap();
        for leg in ["FileName =~ \"a\" or 1==1 //\"", "FileName =~ \"a\"\n| take 1", "Nothing =~ \"a\""] {
            assert!(AlertQuery::parse(&query(&[leg])).is_err(), "{leg}");
            assert!(AlertQuery::parse(&query(&["FileName =~ \"b\"", leg])).is_err(), "{leg}");
        }
        assert!(AlertQuery::parse(&format!("{} ", query(&["FileName =~ \"b\""]))).is_err());
    }
}
