//! What a filter or query asks about, so that alerts about it can be generated.

use crate::kql::{AlertQuery, Leg, Predicate, Test};
use crate::odata::Filter;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ip,
    Domain,
    Url,
    Hostname,
    FileName,
    FilePath,
    Sha256,
}

/// A value that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) value: String,
}

/// All kinds with their letter in ids.
const KINDS: [(Kind, char); 7] = [
    (Kind::Ip, 'i'),
    (Kind::Domain, 'd'),
    (Kind::Url, 'u'),
    (Kind::Hostname, 'h'),
    (Kind::FileName, 'n'),
    (Kind::FilePath, 'p'),
    (Kind::Sha256, 's'),
];

impl Kind {
    pub(super) fn letter(self) -> char {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or('?', |(_, letter)| *letter)
    }

    pub(super) fn of_letter(letter: char) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == letter).map(|(kind, _)| *kind)
    }

    /// The kind that the first property of a filter tells.
    fn of_property(path: &str) -> Option<Self> {
        Some(match path.rsplit('/').next()? {
            "ipAddress" | "sourceAddress" => Self::Ip,
            "deviceDnsName" | "destinationDomain" => Self::Domain,
            "url" | "destinationUrl" => Self::Url,
            "hostName" | "netBiosName" => Self::Hostname,
            "fileName" | "name" => Self::FileName,
            "filePath" | "path" => Self::FilePath,
            "sha256" | "hashValue" => Self::Sha256,
            _ => return None,
        })
    }
}

impl Subject {
    fn new(kind: Kind, value: &str) -> Self {
        Self { kind, value: value.to_owned() }
    }

    /// What an OData filter asks about: a relay asks about one value at a time.
    pub(super) fn of_filter(filter: &Filter) -> Option<Self> {
        let (paths, texts) = (filter.paths(), filter.texts());
        let kind = Kind::of_property(paths.first()?)?;
        match (kind, texts.as_slice()) {
            // Folder, name, and the whole.
            (Kind::FilePath, [_, _, whole]) => Some(Self::new(kind, whole)),
            (_, [first, ..]) => Some(Self::new(kind, first)),
            _ => None,
        }
    }

    /// What a query about many things asks about: the first value of each condition says what it is.
    pub(super) fn of_query(query: &AlertQuery) -> Vec<Self> {
        let of = |leg: &Leg| {
            let mut subjects = Vec::new();
            collect(&leg.predicate, &mut subjects);
            subjects.into_iter().next()
        };
        query.legs.iter().filter_map(of).collect()
    }
}

fn collect(condition: &Predicate, subjects: &mut Vec<Subject>) {
    match condition {
        Predicate::Or(parts) => parts.iter().for_each(|part| collect(part, subjects)),
        // Folder and name of a path, which is asked about as a whole too.
        Predicate::And(_) => {}
        Predicate::Column(column, test) => {
            let found = match (column.as_str(), test) {
                ("RemoteIP", Test::InFolded(values)) => values.first().map(|value| (Kind::Ip, value)),
                ("RemoteUrl", Test::InFolded(values)) => values.first().map(|value| (Kind::Url, value)),
                ("Host", Test::In(values)) => values.first().map(|value| (Kind::Domain, value)),
                ("Host", Test::Equals(value)) => Some((Kind::Domain, value)),
                ("SHA256", Test::EqualsFolded(value)) => Some((Kind::Sha256, value)),
                ("DeviceName", Test::EqualsFolded(value)) => Some((Kind::Hostname, value)),
                ("FileName", Test::EqualsFolded(value)) => Some((Kind::FileName, value)),
                ("FolderPath", Test::EqualsFolded(value)) => Some((Kind::FilePath, value)),
                _ => None,
            };
            subjects.extend(found.map(|(kind, value)| Subject::new(kind, value)));
        }
    }
}
