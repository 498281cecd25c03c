//! Filters of `/security/alerts_v2`.

use jiff::{SignedDuration, Timestamp};
use relay_core::escape::odata;
use relay_core::observable::{Observable, ObservableType};

use super::split_path;
use crate::mapping::value::address;

/// The `$filter` that finds the alerts with evidence that names an observable, not yet encoded for a URL. Nothing
/// for a type that evidence does not hold.
///
/// The API documents filters over evidence by two examples only and may refuse or ignore them.
pub fn filter(about: &Observable) -> Option<String> {
    let value = odata(&match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => address(about.value())?.to_string(),
        _ => about.value().to_owned(),
    });
    let lower = odata(&about.value().to_ascii_lowercase());
    Some(match about.kind() {
        ObservableType::Ip | ObservableType::Ipv6 => equal("ipEvidence/ipAddress", &value),
        ObservableType::Url => equal("urlEvidence/url", &value),
        ObservableType::Domain => any_of(&[
            equal("deviceEvidence/deviceDnsName", &value),
            equal("dnsEvidence/domainName", &value),
            format!("evidence/any(e: contains({},{value}))", path("urlEvidence/url")),
        ]),
        ObservableType::Hostname => any_of(&[
            equal("deviceEvidence/hostName", &value),
            equal("deviceEvidence/deviceDnsName", &value),
            format!(
                "evidence/any(e: startswith({},{}))",
                path("deviceEvidence/deviceDnsName"),
                odata(&format!("{}.", about.value()))
            ),
        ]),
        ObservableType::FileName => any_of(&[
            equal("fileEvidence/fileDetails/fileName", &value),
            equal("processEvidence/imageFile/fileName", &value),
        ]),
        ObservableType::FilePath => file_path(about.value()),
        ObservableType::Sha256 => hash("sha256", &lower),
        ObservableType::Sha1 => hash("sha1", &lower),
        ObservableType::Md5 => hash("md5", &lower),
        ObservableType::Email => equal("userEvidence/userAccount/userPrincipalName", &value),
        ObservableType::User => equal("userEvidence/userAccount/accountName", &value),
        ObservableType::MsMachineId => equal("deviceEvidence/mdeDeviceId", &value),
        _ => return None,
    })
}

/// The `$filter` of a scan: everything made within a number of days. The time is cut to the minute, so that scans
/// within one minute are the same call and share its answer.
pub fn since(now: Timestamp, days: u32) -> String {
    let minute = now.as_second() - now.as_second().rem_euclid(60);
    let whole = Timestamp::from_second(minute).unwrap_or(now);
    let start =
        whole.saturating_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
    format!("createdDateTime ge {}", start.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

fn path(property: &str) -> String {
    format!("e/microsoft.graph.security.{property}")
}

fn equal(property: &str, literal: &str) -> String {
    format!("evidence/any(e: {} eq {literal})", path(property))
}

fn any_of(conditions: &[String]) -> String {
    conditions.join(" or ")
}

fn hash(algorithm: &str, literal: &str) -> String {
    any_of(&[
        equal(&format!("fileEvidence/fileDetails/{algorithm}"), literal),
        equal(&format!("processEvidence/imageFile/{algorithm}"), literal),
        equal("fileHashEvidence/value", literal),
    ])
}

/// Folder and name, or the whole path in the place of the folder.
fn file_path(value: &str) -> String {
    let whole = equal("fileEvidence/fileDetails/filePath", &odata(value));
    let Some((folder, name)) = split_path(value) else { return whole };
    let parts = format!(
        "evidence/any(e: {} eq {} and {} eq {})",
        path("fileEvidence/fileDetails/filePath"),
        odata(folder),
        path("fileEvidence/fileDetails/fileName"),
        odata(name)
    );
    any_of(&[parts, whole])
}
