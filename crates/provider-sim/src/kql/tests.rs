use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const FILES: &str = "Timestamp, DeviceId, DeviceName, ActionType, FileName, PreviousFileName, FolderPath, SHA1, \
                     SHA256, MD5, FileOriginUrl, FileOriginReferrerUrl, InitiatingProcessSHA1, \
                     InitiatingProcessSHA256, InitiatingProcessMD5, InitiatingProcessFileName, \
                     InitiatingProcessFolderPath, InitiatingProcessParentFileName, ReportId";

fn now() -> Timestamp {
    "2026-11-02T12:00:00Z".parse().unwrap()
}

fn rows(value: Value) -> Vec<Row> {
    serde_json::from_value(value).unwrap()
}

fn run(query: &str, table: Value) -> Vec<Row> {
    Query::parse(query).unwrap().run(rows(table), now()).rows
}

fn column<'a>(rows: &'a [Row], name: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("-")).collect()
}

#[test]
fn a_file_query_is_read() {
    let text = format!(
        "DeviceFileEvents | where SHA256 =~ 'a' or SHA1 =~ 'b' | top 7 by Timestamp desc | project {FILES}"
    );
    let query = Query::parse(&text).unwrap();
    assert_eq!(query.table, Table::DeviceFileEvents);
    let is = |column: &str, value: &str| {
        Predicate::Column(column.to_owned(), Test::EqualsFolded(value.to_owned()))
    };
    assert_eq!(query.steps[0], Step::Where(Predicate::Or(vec![is("SHA256", "a"), is("SHA1", "b")])));
    assert_eq!(query.steps[1], Step::Top(Top { count: 7, by: "Timestamp".to_owned() }));
    assert!(matches!(&query.steps[2], Step::Project(columns) if columns.len() == 19));
}

#[test]
fn the_other_shapes_are_read() {
    let queries = [
        "DeviceNetworkEvents | where RemoteIP in~ ('192.0.2.1', '::ffff:192.0.2.1') | top 100 by Timestamp desc",
        "DeviceNetworkEvents | where RemoteUrl =~ 'a.example' or RemoteUrl startswith 'a.example/' | top 1 by Timestamp desc",
        "DeviceNetworkInfo | where DeviceId in ('a', 'b') | summarize arg_max(Timestamp, IPAddresses) by DeviceId, MacAddress",
        "AlertEvidence\n| where Timestamp > ago(30d)\n| where RemoteIP == \"x\" or LocalIP == \"x\"\n\
         | summarize LastSeen = max(Timestamp) by AlertId\n| top 1000 by LastSeen desc",
        "AlertEvidence | where RemoteUrl has \"x\" or DeviceName startswith \"x.\" \
         or (FolderPath =~ \"C:\\\\Temp\" and FileName =~ \"y\")",
    ];
    for query in queries {
        Query::parse(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
    }
}

#[test]
fn and_binds_closer_than_or() {
    let query =
        Query::parse("AlertEvidence | where FileName == 'a' or FileName == 'b' and SHA1 == 'c'").unwrap();
    let Step::Where(Predicate::Or(parts)) = &query.steps[0] else { panic!("{query:?}") };
    assert!(matches!(parts.as_slice(), [Predicate::Column(..), Predicate::And(both)] if both.len() == 2));
}

#[test]
fn what_is_not_of_these_shapes_is_refused() {
    let refused = [
        "",
        "DeviceInfo | where DeviceId == 'x'",
        "devicefileevents | where SHA1 == 'x'",
        "DeviceFileEvents | where sha1 == 'x'",
        "DeviceFileEvents | where SHA1 == 'x",
        "DeviceFileEvents | where SHA1 == 'x' or 1 == 1",
        "DeviceFileEvents | where SHA1 == 'x' or true",
        "DeviceFileEvents | where SHA1 == 'x'y'",
        "DeviceFileEvents | where SHA1 == 'x''y'",
        "DeviceFileEvents | where SHA1 == 'x'or SHA1 == 'y'",
        "DeviceFileEvents | where SHA1 == 'x\\q'",
        "DeviceFileEvents | where SHA1 == 'x\ny'",
        "DeviceFileEvents | where SHA1 == 'x'; DeviceFileEvents",
        "DeviceFileEvents | where SHA1 == 'x' // all",
        "DeviceFileEvents | where SHA1 == @'x'",
        "DeviceFileEvents | where SHA1 in ()",
        "DeviceFileEvents | where SHA1 contains 'x'",
        "DeviceFileEvents | where (SHA1 == 'x'",
        "DeviceFileEvents | union DeviceNetworkEvents",
        "DeviceFileEvents | limit 5",
        "DeviceFileEvents | top 5 by Timestamp",
        "DeviceFileEvents | top -5 by Timestamp desc",
        "DeviceFileEvents | project SHA1 | top 5 by Timestamp desc",
        "DeviceFileEvents || where SHA1 == 'x'",
        "AlertInfo | where Timestamp >= '2026-11-01T00:00:00Z'",
        "AlertInfo | where Timestamp >= datetime(soon)",
        "AlertInfo | where Timestamp >= datetime(2026-11-01T00:00:00Z",
        "AlertInfo | where isnotempty()",
        "AlertInfo | where isnotempty(Nothing)",
        "AlertInfo | summarize A = sum(AlertId) by Title",
        "AlertInfo | summarize A = count(AlertId) by Title",
        "AlertInfo | summarize A = count() by B = bin(Timestamp, 5)",
        "AlertInfo | summarize A = count() by Title | top 5 by Timestamp desc",
        "AlertInfo | where DeviceName == 'x'",
        "DeviceFileEvents |",
    ];
    for query in refused {
        assert!(Query::parse(query).is_err(), "{query}");
    }
}

const KEYS: &str = "extend Extra = parse_json(tostring(AdditionalFields)) | extend Host = \
    tolower(extract(@'^(?:[A-Za-z][A-Za-z0-9+.-]*://)?([^/:?#]+)', 1, RemoteUrl)), Named = \
    tolower(strcat(tostring(Extra.query), tostring(Extra.host))) | mv-expand Key = pack_array(tolower(RemoteIP), Host, \
    Named) to typeof(string)";

/// A query of the newest rows of each value.
fn batched(values: &str, rows: usize) -> String {
    format!(
        "let D = dynamic([{values}]); let A = D; union (DeviceNetworkEvents | where RemoteUrl has_any (D) or \
         (ActionType endswith 'Inspected' and AdditionalFields has_any (D)) | {KEYS} | where Key in (A) | partition \
         hint.strategy=native by Key (top {rows} by Timestamp desc) | extend Source = 'DeviceNetworkEvents' | project \
         Source, Key, RemoteUrl, AdditionalFields = tostring(AdditionalFields)), (DeviceLogonEvents | where RemoteIP \
         in~ (A) | summarize arg_max(Timestamp, *) by DeviceId, RemoteIP | extend Source = 'DeviceLogonEvents' | \
         project Source, DeviceId, Timestamp)"
    )
}

#[test]
fn one_query_asks_for_several_values_in_several_tables() {
    let script = Script::parse(&batched(r#""a.example","quo\"te""#, 2)).unwrap();
    assert_eq!(script.queries.len(), 2);
    let values = ["a.example", "quo\"te"];
    assert_eq!(
        script.queries[0].literals(),
        [values[0], values[1], "Inspected", values[0], values[1], values[0], values[1]]
    );
    assert!(
        matches!(&script.queries[0].steps[5], Step::Partition { native: true, top, .. } if top.count == 2)
    );
}

#[test]
fn every_value_keeps_its_own_newest_rows() {
    let script = Script::parse(&batched(r#""busy.example","quiet.example","asked.example""#, 3)).unwrap();
    let mut table: Vec<Value> = (0..50)
        .map(|n| json!({"RemoteUrl": "https://busy.example/p", "Timestamp": format!("2026-11-01T00:00:{n:02}Z")}))
        .collect();
    table.push(json!({"RemoteUrl": "QUIET.example:8443", "Timestamp": "2026-10-20T00:00:00Z"}));
    table.push(
        json!({"ActionType": "DnsConnectionInspected", "AdditionalFields": "{\"query\":\"asked.example\"}",
                      "Timestamp": "2026-10-20T00:00:00Z"}),
    );
    table.push(json!({"RemoteUrl": "xquiet.example", "Timestamp": "2026-11-01T00:00:00Z"}));
    let found = script.queries[0].run(rows(Value::from(table)), now());
    let mut keys = column(&found.rows, "Key");
    keys.sort_unstable();
    assert_eq!(keys, ["asked.example", "busy.example", "busy.example", "busy.example", "quiet.example"]);
    let logons = json!([
        {"DeviceId": "d", "RemoteIP": "busy.example", "Timestamp": "2026-11-01T00:00:00Z"},
        {"DeviceId": "d", "RemoteIP": "busy.example", "Timestamp": "2026-11-02T00:00:00Z"},
    ]);
    let both = Outcome::union([found, script.queries[1].run(rows(logons), now())]);
    assert_eq!(column(&both.rows, "Source").iter().filter(|name| **name == "DeviceLogonEvents").count(), 1);
    let last = both.rows.last().unwrap();
    assert_eq!((&last["Timestamp"], &last["RemoteUrl"]), (&json!("2026-11-02T00:00:00Z"), &json!("")));
}

#[test]
fn other_scripts_are_refused() {
    let good = "let A = dynamic([\"x\"]); DeviceFileEvents | where SHA1 in~ (A)";
    assert!(Script::parse(good).is_ok());
    for bad in [
        "let A = dynamic([]); DeviceFileEvents | where SHA1 in~ (A)",
        "let A = dynamic([\"x\"]); DeviceFileEvents | where SHA1 in~ (B)",
        "let A = dynamic([\"x\"]) DeviceFileEvents | where SHA1 in~ (A)",
        "let A = dynamic([\"x\"]); let A = dynamic([\"y\"]); DeviceFileEvents | where SHA1 in~ (A)",
        "let A = dynamic([\"x\"\"y\"]); DeviceFileEvents | where SHA1 in~ (A)",
        "let A = dynamic([\"x\"]); DeviceInfo // \"]); DeviceFileEvents | where SHA1 in~ (A)",
        "union (DeviceFileEvents), (DeviceInfo)",
        "union DeviceFileEvents, DeviceNetworkEvents",
        "DeviceFileEvents; DeviceFileEvents",
        "DeviceFileEvents | extend X = extract(@'.*', 1, SHA1)",
        "DeviceFileEvents | extend X = replace(SHA1, 'a', 'b')",
        "DeviceFileEvents | mv-expand Key = pack_array(SHA1)",
        "DeviceFileEvents | partition by Key (top 1 by Timestamp desc)",
        "DeviceFileEvents | project X = Y",
        "DeviceFileEvents | top 1 by Timestamp asc",
        "DeviceFileEvents | extend X = iff(SHA1 != SHA256, '', MD5)",
        "DeviceFileEvents | extend X = iff(SHA1 == 'x', '', MD5)",
        "DeviceFileEvents | extend X = iff(SHA1 == SHA256, MD5, SHA1)",
        "DeviceFileEvents | extend X = iff(SHA1 == SHA256, 'x', SHA1)",
    ] {
        assert!(Script::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_column_that_equals_another_one_can_be_left_out() {
    let query = "DeviceFileEvents | mv-expand Key = pack_array(SHA1, iff(MD5 =~ SHA1, '', tolower(MD5)), \
                 iff(MD5 == SHA1, '', iff(SHA256 == SHA1, '', SHA256))) to typeof(string) | project Key";
    let table = json!([{"SHA1": "a", "MD5": "A", "SHA256": "a"}, {"SHA1": "a", "MD5": "B", "SHA256": "c"}]);
    assert_eq!(column(&run(query, table), "Key"), ["a", "", "", "a", "b", "c"]);
}

#[test]
fn rows_are_found_sorted_and_cut() {
    let table = json!([
        {"Timestamp": "2026-11-01T00:00:00.5Z", "SHA1": "AA", "ReportId": 1, "FileName": "one"},
        {"Timestamp": "2026-11-01T00:00:00.1234567Z", "SHA1": "aa", "FileName": "two"},
        {"SHA1": "aa", "FileName": "never"},
        {"Timestamp": "2026-11-02T00:00:00Z", "SHA1": "aa", "FileName": "three"},
        {"Timestamp": "2026-11-02T00:00:00Z", "SHA1": "bb", "FileName": "other"},
    ]);
    let order = |count: usize| {
        let query = format!(
            "DeviceFileEvents | where SHA1 =~ 'aa' | top {count} by Timestamp desc | project FileName, ReportId, MD5"
        );
        let found = run(&query, table.clone());
        column(&found, "FileName").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(order(9), ["three", "one", "two", "never"]);
    assert_eq!(order(2), ["three", "one"]);
    let found = run("DeviceFileEvents | where SHA1 == 'AA' | project FileName, ReportId, MD5", table);
    assert_eq!(Value::from(found[0].clone()), json!({"FileName": "one", "ReportId": 1, "MD5": ""}));
}

#[test]
fn every_operator_compares_as_documented() {
    let hits = |condition: &str| {
        let table = json!([
            {"RemoteUrl": "c2.bad.example", "Timestamp": "2026-10-03T12:00:01Z"},
            {"RemoteUrl": "https://C2.BAD.example/p", "Timestamp": "2026-10-03T11:59:59Z"},
            {"RemoteUrl": "xc2.bad.example", "Timestamp": null},
        ]);
        run(&format!("DeviceNetworkEvents | where {condition}"), table).len()
    };
    assert_eq!(hits("RemoteUrl == 'C2.bad.example'"), 0);
    assert_eq!(hits("RemoteUrl =~ 'C2.bad.example'"), 1);
    assert_eq!(hits("RemoteUrl startswith 'HTTPS://c2'"), 1);
    assert_eq!(hits("RemoteUrl has 'c2.bad.example'"), 2);
    assert_eq!(hits("RemoteUrl in ('c2.bad.example', 'y')"), 1);
    assert_eq!(hits("RemoteUrl in~ ('y', 'XC2.bad.example')"), 1);
    assert_eq!(hits("Timestamp > ago(30d)"), 1);
    assert_eq!(hits("LocalIP == ''"), 3);
}

#[test]
fn groups_keep_their_newest_row() {
    let table = json!([
        {"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "a", "MacAddress": "m", "IPAddresses": "old"},
        {"Timestamp": "2026-11-02T00:00:00Z", "DeviceId": "a", "MacAddress": "m", "IPAddresses": "new"},
        {"Timestamp": "2026-11-01T00:00:00Z", "DeviceId": "a", "MacAddress": "n", "IPAddresses": "other"},
    ]);
    let query = "DeviceNetworkInfo | where DeviceId in ('a') | summarize arg_max(Timestamp, IPAddresses) by DeviceId, MacAddress";
    let outcome = Query::parse(query).unwrap().run(rows(table), now());
    let names: Vec<&str> = outcome.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["DeviceId", "MacAddress", "Timestamp", "IPAddresses"]);
    assert_eq!(column(&outcome.rows, "IPAddresses"), ["new", "other"]);

    let table = json!([
        {"Timestamp": "2026-11-01T00:00:00Z", "AlertId": "x"},
        {"Timestamp": "2026-11-02T00:00:00Z", "AlertId": "y"},
        {"Timestamp": "2026-11-03T00:00:00Z", "AlertId": "x"},
    ]);
    let query = "AlertEvidence | summarize LastSeen = max(Timestamp) by AlertId | top 5 by LastSeen desc";
    let found = run(query, table);
    assert_eq!(column(&found, "AlertId"), ["x", "y"]);
    assert_eq!(column(&found, "LastSeen"), ["2026-11-03T00:00:00Z", "2026-11-02T00:00:00Z"]);
}

#[test]
fn groups_are_counted_by_their_first_and_last_rows() {
    let change = |id: &str, time: &str, severity: &str| json!({"AlertId": id, "Timestamp": time, "Severity": severity});
    let table = json!([
        change("old", "2026-11-01T23:59:59Z", "Low"),
        change("x", "2026-11-02T09:00:00Z", "Low"),
        change("x", "2026-11-03T09:00:00Z", "High"),
        change("y", "2026-11-02T10:00:00Z", "High"),
        change("z", "2026-11-03T00:00:00Z", "Low"),
    ]);
    let query = "AlertInfo | where Timestamp >= datetime(2026-11-02T00:00:00Z) | summarize Created = min(Timestamp), \
                 arg_max(Timestamp, Severity, ServiceSource) by AlertId | summarize Alerts = count() by Bucket = \
                 bin(Created, 1d), Severity";
    let outcome = Query::parse(query).unwrap().run(rows(table), now());
    let names: Vec<(&str, &str)> =
        outcome.columns.iter().map(|column| (column.name.as_str(), column.kind.name())).collect();
    assert_eq!(names, [("Bucket", "DateTime"), ("Severity", "String"), ("Alerts", "Int64")]);
    let found: Vec<Value> = outcome.rows.into_iter().map(Value::Object).collect();
    assert_eq!(
        found,
        [
            json!({"Bucket": "2026-11-02T00:00:00Z", "Severity": "High", "Alerts": 2}),
            json!({"Bucket": "2026-11-03T00:00:00Z", "Severity": "Low", "Alerts": 1}),
        ]
    );
}

#[test]
fn different_values_are_counted_once_and_the_most_come_first() {
    let piece = |device: &str, alert: &str| json!({"DeviceName": device, "AlertId": alert});
    let table = json!([
        piece("a", "1"), piece("b", "1"), piece("b", "2"), piece("b", "2"), piece("", "3"), {"AlertId": "4"},
    ]);
    let query = "AlertEvidence | where isnotempty(DeviceName) | summarize Alerts = dcount(AlertId) by DeviceName \
                 | top 1 by Alerts desc";
    let found: Vec<Value> = run(query, table).into_iter().map(Value::Object).collect();
    assert_eq!(found, [json!({"DeviceName": "b", "Alerts": 2})]);
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in r#"DeviceFileEvents \| (where|top|project|summarize|[a-z'"\\() =~|]|\PC){0,20}"#) {
        let _ = Query::parse(&text);
    }

    #[test]
    fn a_json_value_of_a_list_is_one_literal(value in r"[^\p{Cc}\x{2028}\x{2029}]{0,30}") {
        let literal = serde_json::to_string(&value).unwrap();
        let script = Script::parse(&format!("let A = dynamic([{literal}]); DeviceFileEvents | where SHA1 in~ (A)"));
        let script = script.unwrap();
        prop_assert_eq!(script.literals(), [value.as_str()]);
    }

    #[test]
    fn an_escaped_value_is_one_literal(value in r"[^\p{Cc}\x{2028}\x{2029}]{0,30}") {
        for quote in ['\'', '"'] {
            let escaped = value.replace('\\', r"\\").replace(quote, &format!("\\{quote}"));
            let query = Query::parse(&format!("DeviceFileEvents | where SHA1 =~ {quote}{escaped}{quote}")).unwrap();
            prop_assert_eq!(query.literals(), [value.as_str()]);
        }
    }
}
