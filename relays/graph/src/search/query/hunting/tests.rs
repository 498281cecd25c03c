use ObservableType::{Domain, FilePath, Ip, Ipv6, Md5, Url, User as UserType};

use super::*;

fn observable(kind: ObservableType, value: &str) -> Observable {
    Observable::new(kind, value).expect("a value")
}

fn of(kind: ObservableType, value: &str) -> String {
    predicate(&observable(kind, value)).unwrap_or_default()
}

#[test]
fn each_type_asks_its_columns() {
    let mail =
        |literal: &str| format!("(EntityType == \"MailMessage\" and AdditionalFields has \"{literal}\")");
    let four = "RemoteIP in~ (\"203.0.113.9\", \"::ffff:203.0.113.9\") or LocalIP in~ (\"203.0.113.9\", \
                \"::ffff:203.0.113.9\") or Host == \"203.0.113.9\" or ";
    assert_eq!(of(Ip, "::FFFF:203.0.113.9"), format!("{four}{}", mail("203.0.113.9")));
    assert_eq!(
        of(Ipv6, "2001:DB8:0::7"),
        format!(
            "RemoteIP in~ (\"2001:db8::7\") or LocalIP in~ (\"2001:db8::7\") or Host == \"[2001:db8::7]\" or \
             RemoteUrl =~ \"2001:db8::7\" or {}",
            mail("2001:db8::7")
        )
    );
    let name = "xn--bcher-kva.example";
    assert_eq!(
        of(Domain, "B\u{fc}cher.example"),
        format!(
            "Host in (\"{name}\", \"b\u{fc}cher.example\") or DeviceName =~ \"{name}\" or {}",
            mail(name)
        )
    );
    assert!(
        of(Url, "https://a.example/p/")
            .starts_with("RemoteUrl in~ (\"https://a.example/p/\", \"https://a.example/p\") or ")
    );
    assert_eq!(of(FilePath, "drop.exe"), "FolderPath =~ \"drop.exe\"");
    assert_eq!(of(Md5, &"AB".repeat(16)), format!("AdditionalFields has \"{}\"", "ab".repeat(16)));
    assert_eq!(of(UserType, "CORP\\jdoe"), "(AccountName =~ \"jdoe\" and AccountDomain =~ \"CORP\")");
    assert_eq!(of(UserType, "SYSTEM"), "");
}

#[test]
fn what_cannot_be_asked_makes_no_query() {
    for value in ["nul\0nul", &"x".repeat(5000)] {
        assert!(Chunk::all(&[observable(ObservableType::FileName, value)]).is_empty());
    }
    // What is left of these is nothing, which every row without a value would equal.
    assert_eq!(of(ObservableType::Hostname, "."), "");
    assert_eq!(of(ObservableType::EmailMessageId, "<>"), "");
    assert!(of(Url, "/").starts_with("RemoteUrl in~ (\"/\") or "));
}

#[test]
fn fifty_observables_share_a_query_and_none_is_lost() {
    let about: Vec<Observable> =
        (0..120).map(|number| observable(Ip, &format!("198.51.{}.{}", number / 60, number % 60))).collect();
    let chunks = Chunk::all(&about);
    let positions: Vec<usize> = chunks.iter().flat_map(|chunk| chunk.positions.clone()).collect();
    assert_eq!(positions, (0..120).collect::<Vec<_>>());
    assert_eq!(chunks[0].positions.len(), 50);
    assert_eq!((chunks[0].most_alerts(100), chunks[0].most_alerts(5)), (20, 5));
    let long: Vec<Observable> =
        (0..20).map(|_| observable(ObservableType::FileName, &"y".repeat(3000))).collect();
    for chunk in Chunk::all(&long) {
        let query = chunk.query(1000, 30);
        assert!(query.chars().count() <= LONGEST_QUERY, "{}", query.chars().count());
    }
    let [first, second] = chunks[0].halves().expect("halves");
    assert_eq!([first.positions, second.positions].concat(), chunks[0].positions);
    assert!(Chunk::all(&about[..1])[0].halves().is_none());
}

#[test]
fn one_observable_needs_no_union() {
    let query = Chunk::all(&[observable(ObservableType::FileName, "a\"b\\c.exe")])[0].query(100, 90);
    let expected = "let H = materialize(E | where FileName =~ \"a\\\"b\\\\c.exe\" | summarize Seen = max(Timestamp) by \
                    AlertId | top 100 by Seen desc | extend O = \"0\"\n| summarize Seen = max(Seen), Asked = \
                    make_set(O) by AlertId);\n";
    assert!(query.contains(expected), "{query}");
    assert!(query.contains("ago(30d)") && !query.contains("union"), "{query}");
}
