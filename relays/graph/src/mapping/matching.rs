//! Whether evidence concerns an observable. However an alert was found, this decides: a filter may be ignored, and
//! a query finds more than it is asked for.

use std::net::IpAddr;

use relay_core::observable::{Observable, ObservableType, domain, hash_type};

use super::value::{UrlParts, address, compared_name, is_name, is_public};
use crate::model::evidence::{Account, Evidence, File, Kind, is_system_account};
use crate::model::v2::Alert;

/// An observable, prepared to be compared with much evidence.
#[derive(Debug)]
pub struct Matcher<'a> {
    about: &'a Observable,
    wanted: Wanted,
}

/// What evidence is compared with.
#[derive(Debug)]
enum Wanted {
    Address(IpAddr),
    Domain(String),
    Url(String),
    Hostname(String),
    FileName,
    FilePath,
    Hash(&'static str, fn(&File) -> Option<&str>),
    Email,
    User(User),
    Subject,
    Message(String),
    Machine,
}

/// How an account is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By its name alone, which several may have.
    Name(String),
    /// `DOMAIN\name`.
    OfDomain {
        /// The domain.
        domain: String,
        /// The name.
        name: String,
    },
    /// By its name for logging in.
    Principal(String),
    /// By its id in Entra ID.
    Id(String),
}

impl User {
    /// How a value names an account. Nothing for accounts that belong to a system.
    pub fn parse(value: &str) -> Option<Self> {
        let user = if let Some((domain, name)) = value.split_once('\\') {
            if domain.is_empty() || name.is_empty() {
                return None;
            }
            Self::OfDomain { domain: domain.to_owned(), name: name.to_owned() }
        } else if value.contains('@') {
            Self::Principal(value.to_owned())
        } else if is_guid(value) {
            Self::Id(value.to_owned())
        } else {
            Self::Name(value.to_owned())
        };
        let is_system = match &user {
            Self::Name(name) | Self::OfDomain { name, .. } => is_system_account(name),
            Self::Principal(_) | Self::Id(_) => false,
        };
        (!is_system).then_some(user)
    }
}

/// `00000000-0000-0000-0000-000000000000`, in any case.
pub fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    lengths.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// One `@` with text on both sides.
pub fn is_email(text: &str) -> bool {
    let mut parts = text.trim().split('@');
    let has_text = |part: Option<&str>| part.is_some_and(|part| !part.trim().is_empty());
    has_text(parts.next()) && has_text(parts.next()) && parts.next().is_none()
}

fn is_machine_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What is left of a value may be nothing, which would be found everywhere.
fn not_empty(text: String) -> Option<String> {
    (!text.trim().is_empty()).then_some(text)
}

/// The id of a message without the brackets that stand around it in a header.
pub fn message_id(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix('<').unwrap_or(text);
    text.strip_suffix('>').unwrap_or(text)
}

impl<'a> Matcher<'a> {
    /// For an observable. Nothing for a value that does not fit its type.
    pub fn new(about: &'a Observable) -> Option<Self> {
        let value = about.value();
        let hash = |name, of: fn(&File) -> Option<&str>| {
            (hash_type(value) == Some(about.kind())).then_some(Wanted::Hash(name, of))
        };
        let wanted = match about.kind() {
            ObservableType::Ip | ObservableType::Ipv6 => Wanted::Address(address(value)?),
            ObservableType::Domain => Wanted::Domain(domain(value)?),
            ObservableType::Url => Wanted::Url(UrlParts::of(value).compared()),
            ObservableType::Hostname => Wanted::Hostname(not_empty(compared_name(value))?),
            ObservableType::FileName => Wanted::FileName,
            ObservableType::FilePath => Wanted::FilePath,
            ObservableType::Sha256 => hash("sha256", |file| file.sha256.as_deref())?,
            ObservableType::Sha1 => hash("sha1", |file| file.sha1.as_deref())?,
            ObservableType::Md5 => hash("md5", |file| file.md5.as_deref())?,
            ObservableType::Email if is_email(value) => Wanted::Email,
            ObservableType::User => Wanted::User(User::parse(value)?),
            ObservableType::EmailSubject => Wanted::Subject,
            ObservableType::EmailMessageId => Wanted::Message(not_empty(message_id(value).to_owned())?),
            ObservableType::MsMachineId if is_machine_id(value) => Wanted::Machine,
            _ => return None,
        };
        Some(Self { about, wanted })
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
        alert.evidence.iter().map(Box::as_ref).filter(|evidence| self.names(evidence))
    }

    /// Whether the verdict on a piece of evidence is one on the observable: it **is** the observable, and does not
    /// only name it.
    pub fn is_subject_of(&self, evidence: &Evidence) -> bool {
        match (&self.wanted, evidence.kind()) {
            (Wanted::Address(wanted), Kind::Ip) => {
                is_public(*wanted) && evidence.ip_address.as_deref().and_then(address) == Some(*wanted)
            }
            (Wanted::Domain(wanted), Kind::Dns) => {
                evidence.domain_name.as_deref().is_some_and(|name| is_name(wanted, name))
            }
            (Wanted::Domain(wanted), Kind::Url) => evidence.url.as_deref().is_some_and(|url| {
                let parts = UrlParts::of(url);
                parts.is_host_alone()
                    && (parts.scheme.is_some() || parts.rest.is_empty())
                    && is_name(wanted, parts.host)
            }),
            (Wanted::Url(_), Kind::Url) | (Wanted::Hash(..), Kind::File | Kind::FileHash) => {
                self.names(evidence)
            }
            _ => false,
        }
    }

    /// Whether a piece of evidence names the observable.
    pub fn names(&self, evidence: &Evidence) -> bool {
        let value = self.about.value();
        match &self.wanted {
            Wanted::Address(wanted) => {
                let same = |text: &str| address(text) == Some(*wanted);
                evidence.addresses().any(same)
                    || evidence.urls().any(|url| same(UrlParts::of(url).bare_host()) || same(url))
            }
            Wanted::Domain(wanted) => {
                let same = |text: Option<&str>| text.is_some_and(|text| is_name(wanted, text));
                (evidence.is(Kind::Dns) && same(evidence.domain_name.as_deref()))
                    || (evidence.is(Kind::Device) && same(evidence.device_dns_name.as_deref()))
                    || evidence.urls().any(|url| same(Some(UrlParts::of(url).host)) || same(Some(url)))
                    || evidence
                        .senders()
                        .any(|one| same(one.domain_name.as_deref()) || same(one.address_domain()))
            }
            Wanted::Url(wanted) => evidence.urls().any(|url| UrlParts::of(url).compared() == *wanted),
            Wanted::Hostname(wanted) => {
                let names = [
                    evidence.host_name.as_deref(),
                    evidence.device_dns_name.as_deref(),
                    evidence.first_label(),
                ];
                evidence.is(Kind::Device) && names.into_iter().flatten().any(|name| is_name(wanted, name))
            }
            Wanted::FileName => evidence.files().any(|file| is_text(value, file.file_name.as_deref())),
            Wanted::FilePath => evidence.files().any(|file| {
                is_text(value, file.file_path.as_deref()) || is_text(value, file.full_path().as_deref())
            }),
            Wanted::Hash(algorithm, of) => {
                (evidence.is(Kind::FileHash)
                    && is_text(algorithm, evidence.algorithm.as_deref())
                    && is_text(value, evidence.value.as_deref()))
                    || evidence.files().any(|file| is_text(value, of(file)))
            }
            Wanted::Email => is_mailbox(value, evidence),
            Wanted::User(user) => evidence
                .account()
                .into_iter()
                .chain(evidence.logged_on())
                .any(|account| is_user(user, account)),
            Wanted::Subject => evidence.is(Kind::Message) && is_text(value, evidence.subject.as_deref()),
            Wanted::Message(wanted) => {
                let ids = [&evidence.internet_message_id, &evidence.network_message_id];
                evidence.is(Kind::Message)
                    && ids.into_iter().flatten().any(|id| wanted.eq_ignore_ascii_case(message_id(id)))
            }
            Wanted::Machine => evidence.is(Kind::Device) && is_text(value, evidence.mde_device_id.as_deref()),
        }
    }
}

fn is_mailbox(value: &str, evidence: &Evidence) -> bool {
    let accounts = evidence.account().into_iter().chain(evidence.logged_on());
    let mailbox = [&evidence.primary_address, &evidence.upn];
    accounts.into_iter().any(|account| is_text(value, account.user_principal_name.as_deref()))
        || (evidence.is(Kind::Mailbox) && mailbox.into_iter().any(|text| is_text(value, text.as_deref())))
        || evidence.senders().any(|sender| is_text(value, sender.email_address.as_deref()))
        || (evidence.is(Kind::Message) && is_text(value, evidence.recipient_email_address.as_deref()))
}

fn is_user(user: &User, account: &Account) -> bool {
    match user {
        User::Name(name) => is_text(name, account.account_name.as_deref()),
        User::OfDomain { domain, name } => {
            is_text(name, account.account_name.as_deref())
                && account.domain_name.as_deref().is_none_or(|known| known.eq_ignore_ascii_case(domain))
        }
        User::Principal(name) => is_text(name, account.user_principal_name.as_deref()),
        User::Id(id) => is_text(id, account.azure_ad_user_id.as_deref()),
    }
}

fn is_text(value: &str, other: Option<&str>) -> bool {
    other.is_some_and(|other| value.trim().eq_ignore_ascii_case(other.trim()))
}

#[cfg(test)]
mod tests;
