//! Whether an alert of `alerts_v2` concerns an observable. However an alert was found, this decides: a filter
//! may be ignored, and a query finds more than it is asked for.

use std::net::IpAddr;

use relay_core::observable::{Observable, ObservableType, ip_address};

use crate::model::v2::{Address, Alert, Evidence, File, Kind};

/// An observable, prepared to be compared with much evidence.
pub struct Matcher<'a> {
    about: &'a Observable,
    address: Option<IpAddr>,
}

impl<'a> Matcher<'a> {
    /// For an observable.
    pub fn new(about: &'a Observable) -> Self {
        let address = match about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => ip_address(about.value()),
            _ => None,
        };
        Self { about, address }
    }

    /// The observable.
    pub fn about(&self) -> &'a Observable {
        self.about
    }

    /// Whether any evidence of an alert names the observable.
    pub fn concerns(&self, alert: &Alert) -> bool {
        self.evidence(alert).next().is_some()
    }

    /// The evidence of an alert that names the observable.
    pub fn evidence<'e>(&self, alert: &'e Alert) -> impl Iterator<Item = &'e Evidence> {
        alert.evidence.iter().filter(|evidence| self.names(evidence))
    }

    /// Whether a piece of evidence names the observable.
    pub fn names(&self, evidence: &Evidence) -> bool {
        let value = self.about.value();
        match self.about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => self.is_address(evidence),
            ObservableType::Domain => match evidence.kind() {
                Kind::Dns => same_name(value, evidence.domain_name.as_deref()),
                Kind::Url => same_name(value, evidence.url.as_deref().map(host)),
                Kind::Device => same_name(value, evidence.device_dns_name.as_deref()),
                _ => false,
            },
            ObservableType::Url => evidence.kind() == Kind::Url && same_url(value, evidence.url.as_deref()),
            ObservableType::Hostname => {
                let names = [
                    evidence.host_name.as_deref(),
                    evidence.device_dns_name.as_deref(),
                    evidence.first_label(),
                ];
                evidence.kind() == Kind::Device && names.into_iter().any(|name| same_name(value, name))
            }
            ObservableType::FileName => evidence.files().any(|file| same_text(value, file.name())),
            ObservableType::FilePath => evidence.files().any(|file| {
                same_text(value, file.file_path.as_deref()) || same_text(value, file.full_path().as_deref())
            }),
            ObservableType::Sha256 => is_hash(value, evidence, "sha256", |file| file.sha256.as_deref()),
            ObservableType::Sha1 => is_hash(value, evidence, "sha1", |file| file.sha1.as_deref()),
            ObservableType::Md5 => is_hash(value, evidence, "md5", |file| file.md5.as_deref()),
            ObservableType::Email | ObservableType::User => {
                let account = evidence.user_account.as_ref().filter(|_| evidence.kind() == Kind::User);
                account.is_some_and(|account| match self.about.kind() {
                    ObservableType::Email => same_text(value, account.user_principal_name.as_deref()),
                    _ => same_text(value, account.account_name.as_deref()),
                })
            }
            ObservableType::MsMachineId => {
                evidence.kind() == Kind::Device && same_text(value, evidence.mde_device_id.as_deref())
            }
            _ => false,
        }
    }

    fn is_address(&self, evidence: &Evidence) -> bool {
        let Some(address) = self.address else { return false };
        let same = |text: Option<&str>| text.and_then(ip_address) == Some(address);
        let is = |one: &Option<Address>| same(one.as_ref().and_then(Address::text));
        match evidence.kind() {
            Kind::Ip => same(evidence.ip_address.as_deref()),
            Kind::NetworkConnection => is(&evidence.source_address) || is(&evidence.destination_address),
            Kind::Dns => {
                is(&evidence.dns_server_ip)
                    || is(&evidence.host_ip_address)
                    || evidence.ip_addresses.iter().any(|one| same(one.text()))
            }
            Kind::Device => evidence.ip_interfaces.iter().any(|one| same(Some(one))),
            _ => false,
        }
    }
}

fn is_hash(value: &str, evidence: &Evidence, algorithm: &str, of: impl Fn(&File) -> Option<&str>) -> bool {
    let alone = evidence.kind() == Kind::FileHash && same_text(algorithm, evidence.algorithm.as_deref());
    (alone && same_text(value, evidence.value.as_deref()))
        || evidence.files().any(|file| same_text(value, of(file)))
}

fn same_text(value: &str, other: Option<&str>) -> bool {
    other.is_some_and(|other| value.eq_ignore_ascii_case(other))
}

fn same_name(value: &str, other: Option<&str>) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_owned();
    other.is_some_and(|other| bare(value).eq_ignore_ascii_case(&bare(other)))
}

/// Scheme and host of URLs know no case; what follows does. A lone `/` after the host says nothing.
fn same_url(value: &str, other: Option<&str>) -> bool {
    let parts = |url: &str| {
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
        let (head, tail) = url.split_at(end);
        (head.to_ascii_lowercase(), if tail == "/" { String::new() } else { tail.to_owned() })
    };
    other.is_some_and(|other| parts(value) == parts(other))
}

/// The host of a URL, with or without a scheme.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
