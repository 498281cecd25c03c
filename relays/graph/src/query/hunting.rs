//! Queries of advanced hunting (<https://learn.microsoft.com/en-us/defender-xdr/advanced-hunting-alertevidence-table>).

use relay_core::escape::kql_double_quoted;
use relay_core::observable::{Observable, ObservableType};

use super::split_path;

/// Advanced hunting keeps no more days than these.
pub const MOST_DAYS: u32 = 30;

/// The query that names the alerts for which one of these conditions holds, the newest first.
pub fn query(conditions: &[String], days: u32) -> String {
    format!(
        "AlertEvidence\n\
         | where Timestamp > ago({}d)\n\
         | where {}\n\
         | summarize LastSeen = max(Timestamp) by AlertId\n\
         | top 1000 by LastSeen desc",
        days.min(MOST_DAYS),
        conditions.join(" or ")
    )
}

/// The condition that evidence names an observable. Nothing where it cannot be asked: for a value with control
/// characters, and for a type without a column.
pub fn condition(about: &Observable) -> Option<String> {
    let value = about.value();
    let literal = kql_double_quoted(value)?;
    Some(match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => format!("RemoteIP == {literal} or LocalIP == {literal}"),
        ObservableType::Url => format!("RemoteUrl =~ {literal}"),
        ObservableType::Domain => format!("RemoteUrl has {literal} or DeviceName =~ {literal}"),
        ObservableType::Hostname => {
            let prefix = kql_double_quoted(&format!("{value}."))?;
            format!("DeviceName =~ {literal} or DeviceName startswith {prefix}")
        }
        ObservableType::FileName => format!("FileName =~ {literal}"),
        ObservableType::FilePath => {
            let whole = format!("FolderPath =~ {literal}");
            match split_path(value) {
                None => whole,
                Some((folder, name)) => {
                    let (folder, name) = (kql_double_quoted(folder)?, kql_double_quoted(name)?);
                    format!("(FolderPath =~ {folder} and FileName =~ {name}) or {whole}")
                }
            }
        }
        ObservableType::Sha256 => format!("SHA256 =~ {literal}"),
        ObservableType::Sha1 => format!("SHA1 =~ {literal}"),
        ObservableType::Email => format!("AccountUpn =~ {literal}"),
        ObservableType::User => format!("AccountName =~ {literal}"),
        ObservableType::MsMachineId => format!("DeviceId =~ {literal}"),
        _ => return None,
    })
}
