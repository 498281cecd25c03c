use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn fits(filter: &str, entity: &Value) -> bool {
    Filter::parse(filter).unwrap_or_else(|fault| panic!("{filter}: {fault}")).fits(entity, Case::Exact)
}

#[test]
fn every_shape_is_understood_and_applied() {
    let alert = json!({
        "severity": "high", "count": 7, "open": true, "owner": null,
        "createdDateTime": "2026-11-02T08:01:00.12Z",
        "networkConnections": [{"sourceAddress": "10.0.0.1"}, {"destinationAddress": "203.0.113.9"}],
        "evidence": [
            {"@odata.type": "#microsoft.graph.security.ipEvidence", "ipAddress": "203.0.113.9"},
            {"@odata.type": "#microsoft.graph.security.deviceEvidence", "hostName": "ws-042"},
            {"@odata.type": "#microsoft.graph.security.fileEvidence", "fileDetails": {"fileName": "drop.exe"}},
        ],
    });
    for (filter, expected) in [
        ("severity eq 'high'", true),
        ("severity eq 'HIGH'", false),
        ("severity ne 'low'", true),
        ("severity eq 'low' or severity eq 'high'", true),
        ("severity eq 'low' or severity eq 'high' and count gt 7", false),
        ("(severity eq 'low' or severity eq 'high') and count ge 7", true),
        ("severity in ('low', 'high')", true),
        ("severity in ('low')", false),
        ("count lt 7.5", true),
        ("count eq '7'", false),
        ("open eq true", true),
        ("owner eq null", true),
        ("missing/deeper eq null", true),
        ("createdDateTime ge 2026-11-02T08:01:00Z", true),
        ("createdDateTime le 2026-11-02T08:01:00Z", false),
        ("contains(severity,'ig')", true),
        ("startswith(severity, 'ig')", false),
        ("networkConnections/any(x: x/sourceAddress eq 'a' or x/destinationAddress eq '203.0.113.9')", true),
        (
            "networkConnections/any(x: x/sourceAddress eq '10.0.0.1' and x/destinationAddress eq '203.0.113.9')",
            false,
        ),
        ("evidence/any(e: e/microsoft.graph.security.ipEvidence/ipAddress eq '203.0.113.9')", true),
        ("evidence/any(e: e/microsoft.graph.security.urlEvidence/ipAddress eq '203.0.113.9')", false),
        ("evidence/any(e: startswith(e/microsoft.graph.security.deviceEvidence/hostName,'ws-'))", true),
        ("evidence/any(e: e/microsoft.graph.security.fileEvidence/fileDetails/fileName eq 'drop.exe')", true),
    ] {
        assert_eq!(fits(filter, &alert), expected, "{filter}");
    }
}

#[test]
fn case_is_folded_where_the_api_does() {
    let filter = Filter::parse("hostStates/any(x: x/netBiosName eq 'DT-ALDOM')").unwrap();
    let alert = json!({"hostStates": [{"netBiosName": "dt-aldom"}]});
    assert!(filter.fits(&alert, Case::Folded) && !filter.fits(&alert, Case::Exact));
}

#[test]
fn anything_else_is_refused() {
    for filter in [
        "",
        " ",
        "severity",
        "severity eq",
        "severity eq high",
        "severity eq 'high",
        "severity eq 'high''",
        "severity eq'high'",
        "severity eq 'high'or severity eq 'low'",
        "severity eq 'a' or(severity eq 'b')",
        "severity eq 'it's'",
        "severity = 'high'",
        "severity like 'high'",
        "severity eq \"high\"",
        "severity eq 'high' or",
        "severity eq 'high' xor count eq 1",
        "severity eq 'high'; drop",
        "severity eq 'high' -- ",
        "severity eq 'high'\nor true eq true",
        "'a' eq 'a'",
        "true eq true",
        "not severity eq 'high'",
        "(severity eq 'high'",
        "severity eq 'high')",
        "contains(severity)",
        "contains (severity,'a')",
        "endswith(severity,'a')",
        "contains('a',severity)",
        "createdDateTime ge '2026",
        "createdDateTime ge '2026-11-02T08:00:00Z'",
        "createdDateTime ge 2026-99-99T00:00:00Z",
        "evidence/any(e: ipAddress eq 'a')",
        "evidence/any(e: f/ipAddress eq 'a')",
        "evidence/any(e: e eq 'a')",
        "evidence/any(e e/ipAddress eq 'a')",
        "evidence/any()",
        "evidence/all(e: e/ipAddress eq 'a')",
        "evidence/microsoft.graph.security.ipEvidence eq 'a'",
        "a//b eq 'x'",
        "a /b eq 'x'",
        "1 eq 1",
        "severity in ()",
        "severity in 'a'",
    ] {
        assert!(Filter::parse(filter).is_err(), "{filter:?} is understood");
    }
    assert!(Filter::parse(&format!("{}a eq 1", "(".repeat(100_000))).is_err(), "no stack is that deep");
}

#[test]
fn paths_tell_what_is_asked() {
    let filter =
        "evidence/any(e: e/x.y.ipEvidence/ipAddress eq 'a' or contains(e/b,'c')) and severity in ('d', 'e')";
    let filter = Filter::parse(filter).unwrap();
    assert_eq!(filter.paths(), ["evidence/x.y.ipEvidence/ipAddress", "evidence/b", "severity"]);
    assert_eq!(filter.texts(), ["a", "c", "d", "e"]);
}

proptest! {
    #[test]
    fn a_doubled_quote_is_the_only_escape(value in any::<String>()) {
        let filter = format!("a eq '{}'", value.replace('\'', "''"));
        let filter = Filter::parse(&filter).unwrap();
        prop_assert_eq!(filter.texts(), vec![value.as_str()]);
    }

    #[test]
    fn nothing_makes_the_parser_panic(text in "[a-z/('): ,.0-9-]{0,60}|\\PC{0,40}") {
        let _ = Filter::parse(&text);
    }
}
