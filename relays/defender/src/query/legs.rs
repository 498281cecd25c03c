//! The parts of a query, one for each table.

use serde::{Deserialize, Serialize};

use super::Depth;
use super::lists::{List, Lists};

/// A table of device events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Table {
    /// Network connections.
    Network,
    /// Other events, of which DNS answers are read.
    Device,
    /// File creation, modification and so on.
    Files,
    /// Processes that were started.
    Processes,
    /// Libraries that were loaded.
    Images,
    /// Logons.
    Logons,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Network, Self::Device, Self::Files, Self::Processes, Self::Images, Self::Logons];

    /// Its name, also in ids of sightings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "DeviceNetworkEvents",
            Self::Device => "DeviceEvents",
            Self::Files => "DeviceFileEvents",
            Self::Processes => "DeviceProcessEvents",
            Self::Images => "DeviceImageLoadEvents",
            Self::Logons => "DeviceLogonEvents",
        }
    }

    /// The table of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name().eq_ignore_ascii_case(name))
    }

    /// Its columns in addition to those of all legs.
    fn columns(self) -> String {
        let own = match self {
            Self::Network => "RemoteIP, RemotePort, RemoteUrl, LocalIP, LocalPort, Protocol, ",
            Self::Device => "",
            Self::Files => {
                "FileName, PreviousFileName, FolderPath, SHA1, SHA256, MD5, FileOriginUrl, \
                 FileOriginReferrerUrl, "
            }
            Self::Processes => {
                "FileName, FolderPath, SHA1, SHA256, MD5, ProcessCommandLine, AccountName, AccountDomain, \
                 AccountUpn, "
            }
            Self::Images => "FileName, FolderPath, SHA1, SHA256, MD5, ",
            Self::Logons => {
                return "LogonType, AccountName, AccountDomain, RemoteIP, RemotePort, RemoteDeviceName, \
                        FailureReason"
                    .to_owned();
            }
        };
        format!("{own}{INITIATING_PROCESS}")
    }
}

const INITIATING_PROCESS: &str = "InitiatingProcessSHA1, InitiatingProcessSHA256, InitiatingProcessMD5, \
     InitiatingProcessFileName, InitiatingProcessFolderPath, InitiatingProcessCommandLine, \
     InitiatingProcessParentFileName, InitiatingProcessAccountName, InitiatingProcessAccountDomain, \
     InitiatingProcessAccountUpn";

/// How the rows of a leg are cut.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// The newest of each value.
    PerValue(usize),
    /// The newest of all.
    Whole(usize),
}

/// The part of a query that asks one table.
#[derive(Clone, Debug)]
pub struct Leg {
    /// The table.
    pub table: Table,
    test: String,
    /// A step between the test and the keys.
    then: Option<&'static str>,
    keys: String,
    lists: Vec<List>,
}

impl Leg {
    /// Its text.
    pub fn text(&self, cut: Cut) -> String {
        let name = self.table.name();
        let mut parts =
            vec![name.to_owned(), "where Timestamp > ago(30d)".to_owned(), format!("where {}", self.test)];
        parts.extend(self.then.map(str::to_owned));
        match cut {
            Cut::PerValue(rows) => {
                let wanted = self.lists.iter().filter(|list| List::KEYS.contains(list));
                let wanted: Vec<String> = wanted.map(|list| format!("Key in ({})", list.name())).collect();
                parts.push(self.keys.clone());
                parts.push(format!("where {}", wanted.join(" or ")));
                parts.push(format!("partition hint.strategy=native by Key (top {rows} by Timestamp desc)"));
            }
            Cut::Whole(rows) => parts.push(format!("top {rows} by Timestamp desc")),
        }
        parts.push(format!("extend Source = '{name}'"));
        parts.push(format!(
            "project Source, Timestamp, DeviceId, DeviceName, ActionType, ReportId, \
             AdditionalFields = tostring(AdditionalFields), {}",
            self.table.columns()
        ));
        parts.join(" | ")
    }

    /// Whether it names a list.
    pub fn names(&self, list: List) -> bool {
        self.lists.contains(&list)
    }
}

/// A test and the lists that it names.
type Test = (&'static str, &'static [List]);

/// The tests of lists that have values, joined by `or`, and these lists in order.
fn tests(lists: &Lists, all: &[Test]) -> Option<(String, Vec<List>)> {
    let there: Vec<&Test> =
        all.iter().filter(|(_, named)| named.iter().all(|list| lists.has(*list))).collect();
    if there.is_empty() {
        return None;
    }
    let text = there.iter().map(|(text, _)| *text).collect::<Vec<_>>().join(" or ");
    let named = |list: &List| there.iter().any(|(_, of)| of.contains(list));
    Some((text, List::ALL.into_iter().filter(named).collect()))
}

fn expanded(keys: &[&str]) -> String {
    format!("mv-expand Key = pack_array({}) to typeof(string)", keys.join(", "))
}

/// The legs that have a test.
pub fn of(lists: &Lists, depth: Depth) -> Vec<Leg> {
    let deep = depth == Depth::Deep;
    let images = if deep { file_like(lists, Table::Images) } else { None };
    let legs = [
        network(lists, deep),
        dns(lists),
        files(lists),
        file_like(lists, Table::Processes),
        images,
        logons(lists),
    ];
    legs.into_iter().flatten().collect()
}

fn network(lists: &Lists, deep: bool) -> Option<Leg> {
    const USUAL: [Test; 5] = [
        ("RemoteIP in~ (A)", &[List::A]),
        ("LocalIP in~ (P)", &[List::P]),
        ("RemoteUrl has_any (D)", &[List::D]),
        ("RemoteUrl in~ (U)", &[List::U]),
        ("(ActionType endswith 'Inspected' and AdditionalFields has_any (D))", &[List::D]),
    ];
    const BY_FILE: [Test; 3] = [
        ("InitiatingProcessSHA1 in~ (H)", &[List::H]),
        ("InitiatingProcessSHA256 in~ (H)", &[List::H]),
        ("InitiatingProcessMD5 in~ (H)", &[List::H]),
    ];
    let mut all = USUAL.to_vec();
    // No key twice: a row that comes twice for one value would take the place of another row in the cut.
    let mut keys = vec![
        "tolower(RemoteIP)",
        "iff(LocalIP =~ RemoteIP, '', tolower(LocalIP))",
        "iff(Host =~ RemoteIP, '', Host)",
        "iff(Named == Host, '', iff(Named =~ RemoteIP, '', Named))",
        "iff(RemoteUrl =~ Host, '', tolower(RemoteUrl))",
    ];
    if deep {
        all.extend(BY_FILE);
        keys.extend([
            "tolower(InitiatingProcessSHA1)",
            "tolower(InitiatingProcessSHA256)",
            "tolower(InitiatingProcessMD5)",
        ]);
    }
    let (test, named) = tests(lists, &all)?;
    let keys = format!(
        "extend Extra = parse_json(tostring(AdditionalFields)) | extend Host = \
         tolower(extract(@'^(?:[A-Za-z][A-Za-z0-9+.-]*://)?([^/:?#]+)', 1, RemoteUrl)), Named = \
         tolower(strcat(tostring(Extra.query), tostring(Extra.host), tostring(Extra.server_name))) | {}",
        expanded(&keys)
    );
    Some(Leg { table: Table::Network, test, then: None, keys, lists: named })
}

fn dns(lists: &Lists) -> Option<Leg> {
    let (test, named) =
        tests(lists, &[("ActionType == 'DnsQueryResponse' and AdditionalFields has_any (D)", &[List::D])])?;
    let keys = format!(
        "extend Named = tolower(tostring(parse_json(tostring(AdditionalFields)).DnsQueryString)) | {}",
        expanded(&["Named"])
    );
    Some(Leg { table: Table::Device, test, then: None, keys, lists: named })
}

fn files(lists: &Lists) -> Option<Leg> {
    let (test, named) = tests(
        lists,
        &[
            ("SHA1 in~ (H)", &[List::H]),
            ("SHA256 in~ (H)", &[List::H]),
            ("MD5 in~ (H)", &[List::H]),
            ("FileOriginUrl in~ (U)", &[List::U]),
            ("FileName in~ (F)", &[List::F]),
            ("FolderPath in~ (W)", &[List::W]),
        ],
    )?;
    let keys = expanded(&[
        "tolower(SHA1)",
        "tolower(SHA256)",
        "tolower(MD5)",
        "tolower(FileOriginUrl)",
        "tolower(FileName)",
        "tolower(FolderPath)",
    ]);
    Some(Leg { table: Table::Files, test, then: None, keys, lists: named })
}

/// Processes that were started, and images that were loaded.
fn file_like(lists: &Lists, table: Table) -> Option<Leg> {
    let (test, named) = tests(
        lists,
        &[
            ("SHA1 in~ (H)", &[List::H]),
            ("SHA256 in~ (H)", &[List::H]),
            ("MD5 in~ (H)", &[List::H]),
            ("FileName in~ (F)", &[List::F]),
            ("FolderPath in~ (W)", &[List::W]),
        ],
    )?;
    let test = match table {
        Table::Processes => format!("ActionType == 'ProcessCreated' and ({test})"),
        _ => test,
    };
    let keys = expanded(&[
        "tolower(SHA1)",
        "tolower(SHA256)",
        "tolower(MD5)",
        "tolower(FileName)",
        "tolower(FolderPath)",
    ]);
    Some(Leg { table, test, then: None, keys, lists: named })
}

fn logons(lists: &Lists) -> Option<Leg> {
    let (test, named) = tests(
        lists,
        &[
            ("RemoteIP in~ (A)", &[List::A]),
            (
                "(AccountName in~ (N) and LogonType in ('Interactive', 'RemoteInteractive', 'Network'))",
                &[List::N],
            ),
        ],
    )?;
    let then = "summarize arg_max(Timestamp, *) by DeviceId, ActionType, LogonType, AccountName, AccountDomain, \
                RemoteIP";
    let keys = expanded(&["tolower(RemoteIP)", "tolower(AccountName)"]);
    Some(Leg { table: Table::Logons, test, then: Some(then), keys, lists: named })
}
