//! The hunting queries (<https://learn.microsoft.com/defender-xdr/advanced-hunting-schema-tables>).
//!
//! Values are checked before ([`Subject`], [`MachineId`]) and escaped all the same.

use std::net::IpAddr;

use relay_core::escape::kql;

use crate::subject::{MachineId, Subject};

/// A table of device events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// File creation, modification and so on.
    Files,
    /// Network connections.
    Network,
}

impl Table {
    /// Its name, also in ids of sightings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "DeviceFileEvents",
            Self::Network => "DeviceNetworkEvents",
        }
    }

    /// The table in which events with a subject are; nothing for subjects that are not hunted.
    pub fn of(subject: &Subject) -> Option<Self> {
        match subject {
            Subject::Sha1(_) | Subject::Sha256(_) | Subject::Md5(_) => Some(Self::Files),
            Subject::Address(_) | Subject::Domain(_) => Some(Self::Network),
            Subject::Url(_) | Subject::Machine(_) => None,
        }
    }

    fn columns(self) -> &'static str {
        match self {
            Self::Files => {
                "Timestamp, DeviceId, DeviceName, ActionType, FileName, PreviousFileName, FolderPath, SHA1, \
                 SHA256, MD5, FileOriginUrl, FileOriginReferrerUrl, InitiatingProcessSHA1, \
                 InitiatingProcessSHA256, InitiatingProcessMD5, InitiatingProcessFileName, \
                 InitiatingProcessFolderPath, InitiatingProcessParentFileName, ReportId"
            }
            Self::Network => {
                "Timestamp, DeviceId, DeviceName, ActionType, RemoteIP, RemotePort, RemoteUrl, LocalIP, \
                 LocalPort, Protocol, InitiatingProcessSHA1, InitiatingProcessSHA256, InitiatingProcessMD5, \
                 InitiatingProcessFileName, InitiatingProcessFolderPath, InitiatingProcessParentFileName, \
                 ReportId"
            }
        }
    }
}

/// The newest `rows` events with a subject. `sha1` is the SHA-1 of a subject that is another hash, where known:
/// the other columns are often empty.
pub fn events(subject: &Subject, sha1: Option<&str>, rows: usize) -> Option<String> {
    let table = Table::of(subject)?;
    let condition = match subject {
        Subject::Sha1(hash) => format!("SHA1 =~ {}", kql(hash)?),
        Subject::Sha256(hash) => by_hash("SHA256", hash, sha1)?,
        Subject::Md5(hash) => by_hash("MD5", hash, sha1)?,
        Subject::Address(IpAddr::V4(address)) => {
            let (plain, mapped) = (kql(&address.to_string())?, kql(&format!("::ffff:{address}"))?);
            format!("RemoteIP in~ ({plain}, {mapped})")
        }
        Subject::Address(IpAddr::V6(address)) => format!("RemoteIP =~ {}", kql(&address.to_string())?),
        Subject::Domain(name) => by_name(name)?,
        Subject::Url(_) | Subject::Machine(_) => return None,
    };
    let (name, columns) = (table.name(), table.columns());
    Some(format!("{name} | where {condition} | top {rows} by Timestamp desc | project {columns}"))
}

fn by_hash(column: &str, hash: &str, sha1: Option<&str>) -> Option<String> {
    let own = format!("{column} =~ {}", kql(hash)?);
    match sha1 {
        Some(sha1) => Some(format!("{own} or SHA1 =~ {}", kql(sha1)?)),
        None => Some(own),
    }
}

/// A column of URLs and of bare names: the name alone, or followed by a path or a port.
fn by_name(name: &str) -> Option<String> {
    let mut conditions = Vec::new();
    for scheme in ["", "http://", "https://"] {
        conditions.push(format!("RemoteUrl =~ {}", kql(&format!("{scheme}{name}"))?));
        for end in ["/", ":"] {
            conditions.push(format!("RemoteUrl startswith {}", kql(&format!("{scheme}{name}{end}"))?));
        }
    }
    Some(conditions.join(" or "))
}

/// The newest addresses of each network adapter of devices, at most 100 of them.
pub fn adapters<'a>(devices: impl IntoIterator<Item = &'a MachineId>) -> Option<String> {
    let ids: Option<Vec<String>> = devices.into_iter().take(100).map(|id| kql(id.as_str())).collect();
    let ids = ids.filter(|ids| !ids.is_empty())?.join(", ");
    Some(format!(
        "DeviceNetworkInfo | where DeviceId in ({ids}) | summarize arg_max(Timestamp, IPAddresses) by \
         DeviceId, MacAddress"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use provider_sim::kql::{Query, Step};
    use relay_core::observable::{Observable, ObservableType};

    fn literals(query: &str) -> Vec<String> {
        let query = Query::parse(query).unwrap_or_else(|fault| panic!("{query}: {fault}"));
        query.literals().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn queries_are_those_of_the_table() {
        let sha1 = "1f00000000000000000000000000000000000a01";
        let query = events(&Subject::Md5("b2".repeat(16)), Some(sha1), 7).unwrap();
        assert!(query.starts_with("DeviceFileEvents | where MD5 =~ 'b2b2"), "{query}");
        assert!(
            query.contains(&format!(" or SHA1 =~ '{sha1}' | top 7 by Timestamp desc | project Timestamp, "))
        );
        let address = |text: &str| Subject::Address(text.parse().unwrap());
        let query = events(&address("192.0.2.1"), None, 1).unwrap();
        assert!(query.contains("where RemoteIP in~ ('192.0.2.1', '::ffff:192.0.2.1') |"), "{query}");
        let query = events(&address("2001:DB8:0:0::1"), None, 1).unwrap();
        assert!(query.contains("where RemoteIP =~ '2001:db8::1' |"), "{query}");
        let ids = [MachineId::parse("a").unwrap(), MachineId::parse("b-1").unwrap()];
        let query = adapters(&ids).unwrap();
        assert!(
            query.starts_with("DeviceNetworkInfo | where DeviceId in ('a', 'b-1') | summarize "),
            "{query}"
        );
        assert_eq!(adapters([]), None);
    }

    #[test]
    fn a_name_is_looked_for_in_all_its_forms() {
        let query = events(&Subject::Domain("a.example".to_owned()), None, 1).unwrap();
        let expected = [
            "a.example",
            "a.example/",
            "a.example:",
            "http://a.example",
            "http://a.example/",
            "http://a.example:",
            "https://a.example",
            "https://a.example/",
            "https://a.example:",
        ];
        assert_eq!(literals(&query), expected);
    }

    #[test]
    fn a_name_is_found_however_it_was_recorded_and_no_longer_one_is() {
        let query = events(&Subject::Domain("c2.bad.example".to_owned()), None, 9).unwrap();
        let query = Query::parse(&query).unwrap();
        let found = |url: &str| {
            let row = [("RemoteUrl".to_owned(), url.into())].into_iter().collect();
            query.run(vec![row], jiff::Timestamp::UNIX_EPOCH).rows.len() == 1
        };
        for url in [
            "c2.bad.example",
            "C2.BAD.example",
            "c2.bad.example:8443",
            "c2.bad.example/p",
            "https://c2.bad.example/p",
            "http://c2.bad.example:8080/",
        ] {
            assert!(found(url), "{url}");
        }
        for url in
            ["c2.bad.example.org", "www.c2.bad.example", "https://x/c2.bad.example", "ac2.bad.example/p", ""]
        {
            assert!(!found(url), "{url}");
        }
    }

    fn any_kind() -> impl Strategy<Value = ObservableType> {
        prop::sample::select(crate::module::MODULE.observables)
    }

    proptest! {
        #[test]
        fn no_value_changes_the_shape_of_a_query(
            kind in any_kind(),
            value in r#"[a-z0-9.:/'"\\|=~() -]{1,70}|\PC{1,40}|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}"#,
        ) {
            let observable = Observable::new(kind, value.as_str());
            let Some(subject) = observable.as_ref().and_then(Subject::of) else { return Ok(()) };
            if let Some(query) = events(&subject, None, 5) {
                let parsed = Query::parse(&query).expect("a query that the strict parser takes");
                let steps = parsed.steps.as_slice();
                let shaped = matches!(steps, [Step::Where(_), Step::Top { .. }, Step::Project(_)]);
                prop_assert!(shaped);
                let expected = match subject { Subject::Address(IpAddr::V4(_)) => 2, Subject::Domain(_) => 9, _ => 1 };
                prop_assert_eq!(parsed.literals().len(), expected);
            }
        }

        #[test]
        fn even_an_unchecked_value_stays_one_literal(value in "\\PC{0,40}|['\\\\| ]{0,10}") {
            // As if the checks of values were not there.
            if let Some(query) = events(&Subject::Sha1(value.clone()), None, 5) {
                prop_assert_eq!(literals(&query), [value]);
            }
        }

        #[test]
        fn no_machine_id_changes_the_shape_of_a_query(ids in prop::collection::vec("[a-zA-Z0-9'-]{0,70}", 0..5)) {
            let ids: Vec<MachineId> = ids.iter().filter_map(|id| MachineId::parse(id)).collect();
            if let Some(query) = adapters(&ids) {
                let expected: Vec<&str> = ids.iter().map(MachineId::as_str).collect();
                prop_assert_eq!(literals(&query), expected);
            }
        }
    }
}
