//! The query of advanced hunting, one for many observables
//! (<https://learn.microsoft.com/en-us/defender-xdr/advanced-hunting-alertevidence-table>).

use relay_core::escape::kql_double_quoted;
use relay_core::observable::{Observable, ObservableType};

use super::split_path;
use crate::mapping::matching::{Matcher, User, message_id};
use crate::mapping::value::{address, compared_name};

/// Advanced hunting keeps no more days than these.
pub const MOST_DAYS: u32 = 30;
/// As many observables share a query.
const MOST_OBSERVABLES: usize = 50;
/// A query is no longer than this, in characters.
const LONGEST_QUERY: usize = 24_000;
/// A predicate alone is no longer than this, in characters.
const LONGEST_PREDICATE: usize = 4_000;
/// What a query has besides the predicates, at most, and what it has for each of them.
const FRAME: usize = 2_400;
const LEG: usize = 120;
/// Rows of a query for all observables together, and for each of them at least.
const ROWS: usize = 1_000;
const LEAST_ROWS: usize = 20;

/// Finds the host in a URL, or in what stands in the place of one.
const HOST: &str =
    r#"extract(@"^([a-z][a-z0-9+.-]*://)?([^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)", 3, tolower(RemoteUrl))"#;

/// Everything that is said of an alert and of each piece of its evidence.
const DETAILS: &str = r#"summarize First = min(Timestamp), Last = max(Timestamp), Title = take_any(Title), Severity = take_any(Severity), ServiceSource = take_any(ServiceSource), DetectionSource = take_any(DetectionSource), Categories = take_any(Categories), AttackTechniques = take_any(AttackTechniques), Evidence = make_list(bag_pack("EntityType", EntityType, "EvidenceRole", EvidenceRole, "EvidenceDirection", EvidenceDirection, "FileName", FileName, "FolderPath", FolderPath, "SHA1", SHA1, "SHA256", SHA256, "ThreatFamily", ThreatFamily, "RemoteIP", RemoteIP, "LocalIP", LocalIP, "RemoteUrl", RemoteUrl, "AccountName", AccountName, "AccountSid", AccountSid, "AccountUpn", AccountUpn, "DeviceId", DeviceId, "DeviceName", DeviceName, "NetworkMessageId", NetworkMessageId, "EmailSubject", EmailSubject, "ProcessCommandLine", ProcessCommandLine, "Mail", iff(EntityType == "MailMessage", tostring(AdditionalFields), "")), 60) by AlertId"#;

/// Pieces of evidence that a row has at most; with as many, others may be cut off.
pub const MOST_EVIDENCE: usize = 60;

/// The observables of one query, by their position in the request, in the order of their positions in the query.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Positions in the request.
    pub positions: Vec<usize>,
    predicates: Vec<String>,
}

impl Chunk {
    /// The queries that ask about these observables; those that none can ask about are left out.
    pub fn all(about: &[Observable]) -> Vec<Self> {
        let mut chunks: Vec<Self> = Vec::new();
        let mut length = 0;
        for (position, one) in about.iter().enumerate() {
            let Some(predicate) = predicate(one) else { continue };
            let more = predicate.chars().count() + LEG;
            let fits =
                |chunk: &Self| chunk.positions.len() < MOST_OBSERVABLES && length + more <= LONGEST_QUERY;
            if let Some(chunk) = chunks.last_mut().filter(|chunk| fits(chunk)) {
                chunk.positions.push(position);
                chunk.predicates.push(predicate);
                length += more;
            } else {
                chunks.push(Self { positions: vec![position], predicates: vec![predicate] });
                length = FRAME + more;
            }
        }
        chunks
    }

    /// Two queries for the halves of the observables. Nothing for a single one.
    pub fn halves(&self) -> Option<[Self; 2]> {
        let middle = self.positions.len() / 2;
        let half = |range: std::ops::Range<usize>| Self {
            positions: self.positions[range.clone()].to_vec(),
            predicates: self.predicates[range].to_vec(),
        };
        (middle > 0).then(|| [half(0..middle), half(middle..self.positions.len())])
    }

    /// Most alerts of each observable, so that a busy one leaves room for the others.
    pub fn most_alerts(&self, limit: usize) -> usize {
        limit.min(LEAST_ROWS.max(ROWS / self.positions.len().max(1)))
    }

    /// The query.
    pub fn query(&self, limit: usize, days: u32) -> String {
        let most = self.most_alerts(limit);
        let leg = |(number, predicate): (usize, &String)| {
            format!(
                "E | where {predicate} | summarize Seen = max(Timestamp) by AlertId | top {most} by Seen desc \
                 | extend O = \"{number}\""
            )
        };
        let legs: Vec<String> = self.predicates.iter().enumerate().map(leg).collect();
        let found = match legs.as_slice() {
            [one] => format!("{one}\n"),
            _ => format!("union\n({})\n", legs.join("),\n(")),
        };
        format!(
            "let E = AlertEvidence | where Timestamp > ago({}d) | extend Host = {HOST};\n\
             let H = materialize({found}\
             | summarize Seen = max(Seen), Asked = make_set(O) by AlertId);\n\
             let I = H | project AlertId;\n\
             H\n\
             | join kind=inner (E | where AlertId in (I) | {DETAILS}) on AlertId\n\
             | project AlertId, Asked = strcat_array(Asked, \",\"), Seen, First, Last, Title, Severity, \
             ServiceSource, DetectionSource, Categories, AttackTechniques, Evidence = tostring(Evidence)\n\
             | sort by Seen desc, AlertId asc",
            days.min(MOST_DAYS),
        )
    }
}

/// The query about one observable that a person may run in the portal.
pub fn for_people(about: &Observable) -> Option<String> {
    let predicate = predicate(about)?;
    Some(format!(
        "AlertEvidence\n| where Timestamp > ago(30d)\n| extend Host = {HOST}\n| where {predicate}\n\
         | sort by Timestamp desc"
    ))
}

/// The condition that evidence names an observable. Nothing where it cannot be asked: for a value with control
/// characters, and for one that is too long.
fn predicate(about: &Observable) -> Option<String> {
    Matcher::new(about)?;
    let text = predicate_text(about)?;
    (text.chars().count() <= LONGEST_PREDICATE).then_some(text)
}

/// A mail that names a value anywhere.
fn in_mail(literal: &str) -> String {
    format!("(EntityType == \"MailMessage\" and AdditionalFields has {literal})")
}

fn predicate_text(about: &Observable) -> Option<String> {
    let value = about.value();
    let quoted = kql_double_quoted;
    Some(match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => {
            let address = address(value)?;
            let literal = quoted(&address.to_string())?;
            let (list, host) = if address.is_ipv4() {
                (format!("({literal}, \"::ffff:{address}\")"), format!("Host == {literal}"))
            } else {
                (format!("({literal})"), format!("Host == \"[{address}]\" or RemoteUrl =~ {literal}"))
            };
            format!("RemoteIP in~ {list} or LocalIP in~ {list} or {host} or {}", in_mail(&literal))
        }
        ObservableType::Domain => {
            let literal = quoted(&compared_name(value))?;
            let host = if value.is_ascii() {
                format!("Host == {literal}")
            } else {
                format!("Host in ({literal}, {})", quoted(&value.to_lowercase())?)
            };
            format!("{host} or DeviceName =~ {literal} or {}", in_mail(&literal))
        }
        ObservableType::Url => {
            let literal = quoted(value)?;
            let other = value.strip_suffix('/').map_or_else(|| format!("{value}/"), str::to_owned);
            // Nothing would be found everywhere.
            let other = if other.is_empty() { String::new() } else { format!(", {}", quoted(&other)?) };
            format!("RemoteUrl in~ ({literal}{other}) or {}", in_mail(&literal))
        }
        ObservableType::Hostname => {
            let name = compared_name(value);
            let (literal, prefix) = (quoted(&name)?, quoted(&format!("{name}."))?);
            format!("DeviceName =~ {literal} or DeviceName startswith {prefix}")
        }
        ObservableType::FileName => format!("FileName =~ {}", quoted(value)?),
        ObservableType::FilePath => {
            let whole = format!("FolderPath =~ {}", quoted(value)?);
            match split_path(value) {
                None => whole,
                Some((folder, name)) => {
                    format!(
                        "(FolderPath =~ {} and FileName =~ {}) or {whole}",
                        quoted(folder)?,
                        quoted(name)?
                    )
                }
            }
        }
        ObservableType::Sha256 | ObservableType::Sha1 | ObservableType::Md5 => {
            let literal = quoted(&value.to_ascii_lowercase())?;
            let column = match about.kind() {
                ObservableType::Sha256 => format!("SHA256 =~ {literal} or "),
                ObservableType::Sha1 => format!("SHA1 =~ {literal} or "),
                _ => String::new(),
            };
            format!("{column}AdditionalFields has {literal}")
        }
        ObservableType::Email => {
            let literal = quoted(value)?;
            format!(
                "AccountUpn =~ {literal} or (EntityType in (\"MailMessage\", \"Mailbox\") and AdditionalFields \
                 has {literal})"
            )
        }
        ObservableType::EmailSubject => format!("EmailSubject =~ {}", quoted(value)?),
        ObservableType::EmailMessageId => {
            let literal = quoted(message_id(value))?;
            format!("NetworkMessageId =~ {literal} or {}", in_mail(&literal))
        }
        ObservableType::User => match User::parse(value)? {
            User::OfDomain { domain, name } => {
                format!("(AccountName =~ {} and AccountDomain =~ {})", quoted(&name)?, quoted(&domain)?)
            }
            User::Principal(name) => format!("AccountUpn =~ {}", quoted(&name)?),
            User::Id(id) => format!("AccountObjectId =~ {}", quoted(&id)?),
            User::Name(name) => format!("AccountName =~ {}", quoted(&name)?),
        },
        ObservableType::MsMachineId => format!("DeviceId =~ {}", quoted(value)?),
        _ => return None,
    })
}

#[cfg(test)]
mod proof;
#[cfg(test)]
mod tests;
