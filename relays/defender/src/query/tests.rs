use proptest::prelude::*;
use provider_sim::kql::{Script, Step, Table as SimTable};
use relay_core::observable::{Observable, ObservableType};

use super::*;

pub(super) fn subject(kind: ObservableType, value: &str) -> Subject {
    Subject::of(&Observable::new(kind, value).unwrap()).unwrap()
}

pub(super) fn target(position: usize, subject: &Subject, room: usize) -> Target<'_> {
    Target { position, subject, sha1: None, room }
}

fn query(subjects: &[Subject], depth: Depth) -> String {
    let targets: Vec<Target<'_>> = subjects.iter().enumerate().map(|(n, one)| target(n, one, 100)).collect();
    let batch = Batch::new(&targets, depth);
    batch.union(&batch.legs())
}

#[test]
fn the_worked_example_is_one_query_of_three_tables() {
    let subjects =
        [subject(ObservableType::Domain, "c2.bad.example"), subject(ObservableType::Ip, "203.0.113.9")];
    let text = query(&subjects, Depth::Standard);
    let expected = [
        r#"let A = dynamic(["203.0.113.9","::ffff:203.0.113.9"]); let P = dynamic(["203.0.113.9","::ffff:203.0.113.9"]); "#,
        r#"let D = dynamic(["c2.bad.example"]); union (DeviceNetworkEvents | where Timestamp > ago(30d) | where "#,
        "RemoteIP in~ (A) or LocalIP in~ (P) or RemoteUrl has_any (D) or (ActionType endswith 'Inspected' and ",
        "AdditionalFields has_any (D)) | extend Extra = ",
        " | where Key in (A) or Key in (D) | partition hint.strategy=native by Key (top 100 by Timestamp desc) | ",
        "extend Source = 'DeviceNetworkEvents' | project Source, Timestamp, ",
        "), (DeviceEvents | where Timestamp > ago(30d) | where ActionType == 'DnsQueryResponse' and ",
        " | where Key in (D) | ",
        "), (DeviceLogonEvents | where Timestamp > ago(30d) | where RemoteIP in~ (A) | summarize arg_max(Timestamp, *)",
        " | where Key in (A) | ",
    ];
    let mut rest = text.as_str();
    for part in expected {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("{part}\nis not in\n{rest}"));
        rest = after;
    }
    let script = Script::parse(&text).unwrap();
    let tables: Vec<SimTable> = script.queries.iter().map(|query| query.table).collect();
    assert_eq!(tables, [SimTable::DeviceNetworkEvents, SimTable::DeviceEvents, SimTable::DeviceLogonEvents]);
}

#[test]
fn a_private_address_is_no_local_one_and_one_leg_is_no_union() {
    let text = query(&[subject(ObservableType::User, "jdoe")], Depth::Standard);
    assert!(text.starts_with(r#"let N = dynamic(["jdoe"]); DeviceLogonEvents | "#), "{text}");
    let text = query(&[subject(ObservableType::Ip, "10.0.0.8")], Depth::Standard);
    assert!(!text.contains("let P") && !text.contains("LocalIP in~"), "{text}");
    let text = query(&[subject(ObservableType::Ipv6, "2001:DB8:0:0::1")], Depth::Standard);
    assert!(text.contains(r#"let A = dynamic(["2001:db8::1"]);"#), "{text}");
}

#[test]
fn every_kind_of_value_is_read_by_the_strict_grammar() {
    let subjects = [
        subject(ObservableType::Ip, "192.0.2.1"),
        subject(ObservableType::Domain, "a.example"),
        subject(ObservableType::Url, "https://b.example/p?q=1#f"),
        subject(ObservableType::Sha256, &"a1".repeat(32)),
        subject(ObservableType::FileName, "drop.exe"),
        subject(ObservableType::FilePath, r"C:\Temp\a b.exe"),
        subject(ObservableType::User, r"CORP\jdoe"),
    ];
    for (depth, tables) in [(Depth::Standard, 5), (Depth::Deep, 6)] {
        let text = query(&subjects, depth);
        let script = Script::parse(&text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(script.queries.len(), tables);
        assert_eq!(text.contains("InitiatingProcessSHA1 in~ (H)"), depth == Depth::Deep);
        let targets: Vec<Target<'_>> =
            subjects.iter().enumerate().map(|(n, one)| target(n, one, 100)).collect();
        let batch = Batch::new(&targets, depth);
        for leg in batch.legs() {
            for text in [batch.alone(&leg), batch.plain(&leg)] {
                Script::parse(&text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            }
            assert!(batch.plain(&leg).contains("| top 700 by Timestamp desc |"));
            assert!(!batch.plain(&leg).contains("partition"));
        }
    }
    let text = query(&subjects, Depth::Standard);
    assert!(text.contains(r#"let D = dynamic(["a.example","b.example"]);"#), "{text}");
    assert!(text.contains(r#"let W = dynamic(["c:\\temp\\a b.exe"]);"#), "{text}");
}

#[test]
fn the_sha1_of_a_file_is_looked_for_too_and_no_value_twice() {
    let subject = subject(ObservableType::Md5, &"b2".repeat(16));
    let sha1 = "1f00000000000000000000000000000000000a01";
    let one = Target { position: 0, subject: &subject, sha1: Some(sha1), room: 7 };
    let batch = Batch::new(&[one, one], Depth::Standard);
    let text = batch.union(&batch.legs());
    assert!(text.contains(&format!(r#"let H = dynamic(["{}","{sha1}"]);"#, "b2".repeat(16))), "{text}");
    assert!(text.contains("(top 7 by Timestamp desc)"), "{text}");
}

#[test]
fn a_row_takes_one_place_among_those_of_a_value() {
    let subjects = [subject(ObservableType::Domain, "a.example"), subject(ObservableType::Ip, "203.0.113.9")];
    let targets: Vec<Target<'_>> = subjects.iter().enumerate().map(|(n, one)| target(n, one, 2)).collect();
    let batch = Batch::new(&targets, Depth::Standard);
    let script = Script::parse(&batch.union(&batch.legs())).unwrap();
    // The name stands in three columns of each row, the address in two, or in one as a host.
    let rows = (0..9).map(|n| {
        let (ip, url, own) = match n % 3 {
            0 => ("198.51.100.1", "A.example", "198.51.100.1"),
            1 => ("203.0.113.9", "http://203.0.113.9/x", "203.0.113.9"),
            _ => ("203.0.113.9", "203.0.113.9", "10.0.0.1"),
        };
        let host = if n % 3 == 0 { "a.example" } else { ip };
        let row = serde_json::json!({
            "Timestamp": format!("2026-02-01T00:00:0{n}Z"), "ReportId": n, "RemoteIP": ip, "LocalIP": own,
            "RemoteUrl": url, "ActionType": "HttpConnectionInspected",
            "AdditionalFields": serde_json::json!({"host": host}).to_string(),
        });
        row.as_object().unwrap().clone()
    });
    let found = script.queries[0].run(rows.collect(), provider_sim::hunting::NOW);
    let mut reports: Vec<u64> = found.rows.iter().map(|row| row["ReportId"].as_u64().unwrap()).collect();
    reports.sort_unstable();
    assert_eq!(reports, [3, 6, 7, 8]);
}

#[test]
fn large_requests_are_split_within_the_bounds() {
    let subjects: Vec<Subject> = (0..200)
        .map(|n| match n % 3 {
            0 => subject(ObservableType::Domain, &format!("host-{n}.some-longer-name.example")),
            1 => subject(ObservableType::Ip, &format!("203.0.{}.{}", n / 250, n % 250)),
            _ => subject(ObservableType::Sha256, &format!("{n:064x}")),
        })
        .collect();
    let sha1 = "f".repeat(40);
    let targets: Vec<Target<'_>> = subjects
        .iter()
        .enumerate()
        .map(|(n, one)| Target { sha1: one.is_hash().then_some(sha1.as_str()), ..target(n, one, 1000) })
        .collect();
    let batches = batches(&targets, Depth::Standard);
    assert!(batches.len() <= 5, "{}", batches.len());
    let mut seen = Vec::new();
    for batch in &batches {
        let text = batch.union(&batch.legs());
        assert!(batch.targets.len() <= 50 && text.len() <= 10_000, "{} {}", batch.targets.len(), text.len());
        assert!(batch.bounded && batch.rows * batch.targets.len() <= ROWS);
        Script::parse(&text).unwrap();
        seen.extend(batch.targets.iter().map(|target| target.position));
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

#[test]
fn adapters_of_devices_are_asked_for_together() {
    let ids = [MachineId::parse("a").unwrap(), MachineId::parse("b-1").unwrap()];
    let query = adapters(&ids).unwrap();
    assert!(query.starts_with("DeviceNetworkInfo | where DeviceId in ('a', 'b-1') | summarize "), "{query}");
    assert_eq!(adapters([]), None);
}

/// The values of the lists, in order.
fn declared(script: &Script) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for literal in script.literals() {
        let fixed = [
            "Inspected",
            "DnsQueryResponse",
            "ProcessCreated",
            "Interactive",
            "RemoteInteractive",
            "Network",
        ];
        if !fixed.contains(&literal) && !values.iter().any(|known| known == literal) {
            values.push(literal.to_owned());
        }
    }
    values.sort();
    values
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        r#"[a-z0-9.:/'"\\|=~() \]\[;-]{1,70}"#,
        "\\PC{1,40}",
        "[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}",
        r#"https?://[a-z]{1,8}\.example/[a-z"'\\|;)\]]{0,20}"#,
        r#"[A-Z]:\\[a-z"'|;)\] ]{1,20}"#,
        Just(r#""]); DeviceInfo //"#.to_owned()),
        Just(r#"x"|y"#.to_owned()),
        Just(r"\u0022".to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_value_changes_the_shape_of_a_query(
        kind in prop::sample::select(crate::module::MODULE.observables), value in any_value(),
    ) {
        let observable = Observable::new(kind, value.as_str());
        let Some(subject) = observable.as_ref().and_then(Subject::of) else { return Ok(()) };
        if !subject.is_hunted() {
            return Ok(());
        }
        for depth in [Depth::Standard, Depth::Deep] {
            let text = query(std::slice::from_ref(&subject), depth);
            let script = Script::parse(&text).expect("queries that the strict parser takes");
            let expected = Batch::new(&[target(0, &subject, 1)], depth).lists.values();
            prop_assert_eq!(declared(&script), expected);
            for query in &script.queries {
                let is_cut = query.steps.iter().any(|step| matches!(step, Step::Partition { native: true, .. }));
                prop_assert!(is_cut && matches!(query.steps.last(), Some(Step::Project(_))));
            }
        }
    }

    #[test]
    fn even_an_unchecked_value_stays_one_literal(value in "\\PC{1,40}|['\"\\\\| ;)\\]]{1,10}") {
        // As if the checks of values were not there.
        let subject = Subject::FileName(value.clone());
        let text = query(std::slice::from_ref(&subject), Depth::Standard);
        if !text.is_empty() {
            let script = Script::parse(&text).expect("queries that the strict parser takes");
            prop_assert_eq!(declared(&script), [value.to_lowercase()]);
        }
    }

    #[test]
    fn no_machine_id_changes_the_shape_of_a_query(ids in prop::collection::vec("[a-zA-Z0-9'-]{0,70}", 0..5)) {
        let ids: Vec<MachineId> = ids.iter().filter_map(|id| MachineId::parse(id)).collect();
        if let Some(query) = adapters(&ids) {
            let expected: Vec<&str> = ids.iter().map(MachineId::as_str).collect();
            let script = Script::parse(&query).expect("a query");
            prop_assert_eq!(script.literals(), expected);
        }
    }
}
