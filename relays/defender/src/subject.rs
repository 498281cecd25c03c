//! What an observable is to the provider: its value checked and in the form in which the provider knows it.
//! A value that does not fit is never sent anywhere.

use std::net::IpAddr;

use relay_core::observable::{self, Observable, ObservableType};
use serde::Serialize;
use url::Url;

use crate::network;

/// A value that calls can be made about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// SHA-1, 40 digits in lower case.
    Sha1(String),
    /// SHA-256, 64 digits in lower case.
    Sha256(String),
    /// MD5, 32 digits in lower case.
    Md5(String),
    /// An address, an IPv4 address in IPv6 form as what it is. The observable's type may be the other family's.
    Address(IpAddr),
    /// A host name in ASCII and lower case.
    Domain(String),
    /// An absolute `http` or `https` URL, as it came.
    Url(String),
    /// A device, by its id.
    Machine(MachineId),
    /// A device, by its name in lower case.
    Hostname(String),
    /// An account.
    User(Account),
    /// The name of a file, as it came.
    FileName(String),
    /// The path of a file, as it came.
    FilePath(String),
}

/// An account, as far as an observable names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// Its name, without a domain.
    pub name: String,
    /// The domain before the name: `CORP\\name`.
    pub domain: Option<String>,
    /// The domain behind the name: `name@corp.example`.
    pub upn_domain: Option<String>,
}

/// The longest value of a type with a form.
const MAX_URL: usize = 2048;
const MAX_HOSTNAME: usize = 255;
const MAX_ACCOUNT: usize = 104;

impl Subject {
    /// What an observable is about; nothing where its value is not one of its type.
    pub fn of(about: &Observable) -> Option<Self> {
        let value = about.value();
        let hash =
            || (observable::hash_type(value) == Some(about.kind())).then(|| value.to_ascii_lowercase());
        match about.kind() {
            ObservableType::Sha1 => hash().map(Self::Sha1),
            ObservableType::Sha256 => hash().map(Self::Sha256),
            ObservableType::Md5 => hash().map(Self::Md5),
            ObservableType::Ip | ObservableType::Ipv6 => network::address(value).map(Self::Address),
            ObservableType::Domain => observable::domain(value).map(Self::Domain),
            ObservableType::Url => is_web_address(value).then(|| Self::Url(value.to_owned())),
            ObservableType::MsMachineId => MachineId::parse(value).map(Self::Machine),
            ObservableType::Hostname => {
                observable::domain(value).filter(|name| name.len() <= MAX_HOSTNAME).map(Self::Hostname)
            }
            ObservableType::User => Account::parse(value).map(Self::User),
            ObservableType::FileName => is_file_name(value).then(|| Self::FileName(value.to_owned())),
            ObservableType::FilePath => is_file_path(value).then(|| Self::FilePath(value.to_owned())),
            _ => None,
        }
    }

    /// Whether it is a hash.
    pub fn is_hash(&self) -> bool {
        matches!(self, Self::Sha1(_) | Self::Sha256(_) | Self::Md5(_))
    }

    /// The SHA-1, where that is what it is.
    pub fn sha1(&self) -> Option<&str> {
        match self {
            Self::Sha1(hash) => Some(hash),
            _ => None,
        }
    }

    /// Whether it is looked up at all: what every system has would say nothing and cost the tenant's hunting time.
    pub fn is_worth_a_lookup(&self) -> bool {
        match self {
            Self::User(account) => !is_built_in(&account.name),
            Self::FileName(name) => !EVERYWHERE.contains(&name.to_lowercase().as_str()),
            _ => true,
        }
    }

    /// Whether advanced hunting is asked about it.
    pub fn is_hunted(&self) -> bool {
        !matches!(self, Self::Machine(_) | Self::Hostname(_))
    }
}

/// Files that every system has.
const EVERYWHERE: [&str; 19] = [
    "svchost.exe",
    "explorer.exe",
    "cmd.exe",
    "powershell.exe",
    "pwsh.exe",
    "rundll32.exe",
    "regsvr32.exe",
    "services.exe",
    "lsass.exe",
    "csrss.exe",
    "conhost.exe",
    "dllhost.exe",
    "taskhostw.exe",
    "msedge.exe",
    "chrome.exe",
    "firefox.exe",
    "bash",
    "sh",
    "python3",
];

/// Whether an account is one that every system has.
pub fn is_built_in(account: &str) -> bool {
    let name = account.trim().to_lowercase();
    matches!(name.as_str(), "system" | "local service" | "network service" | "anonymous logon" | "root")
        || name.starts_with("dwm-")
        || name.starts_with("umfd-")
        || name.ends_with('$')
}

fn is_web_address(text: &str) -> bool {
    let plain = text.len() <= MAX_URL && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    plain
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

fn is_file_name(text: &str) -> bool {
    (3..=255).contains(&text.chars().count())
        && !text.contains(['/', '\\'])
        && !text.chars().any(observable_control)
}

fn is_file_path(text: &str) -> bool {
    (4..=1024).contains(&text.chars().count())
        && text.contains(['/', '\\'])
        && !text.chars().any(observable_control)
}

/// Control characters, and the separators that Unicode counts as line ends: no query language takes them.
fn observable_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

impl Account {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, domain, upn_domain) = if let Some((domain, name)) = text.split_once('\\') {
            (name, Some(domain), None)
        } else if let Some((name, domain)) = text.split_once('@') {
            (name, None, Some(domain))
        } else {
            (text, None, None)
        };
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ' ' | '\'' | '$' | '-');
        let fits = (1..=MAX_ACCOUNT).contains(&name.len()) && name.chars().all(named) && !name.contains("..");
        // A single dot is no account, and no segment of a path.
        let is_name = fits && name != ".";
        let is_domain = |domain: &str| observable::domain(domain).is_some();
        let domains_fit = domain.into_iter().chain(upn_domain).all(is_domain);
        (is_name && domains_fit).then(|| Self {
            name: name.to_owned(),
            domain: domain.map(str::to_owned),
            upn_domain: upn_domain.map(str::to_owned),
        })
    }

    /// Whether what the provider says of an account can be this one: the name is equal, and the domain where both
    /// sides have one.
    pub fn is(&self, name: Option<&str>, domain: Option<&str>, upn: Option<&str>) -> bool {
        let same = |own: &Option<String>, other: Option<&str>| match (own, other) {
            (Some(own), Some(other)) => own.eq_ignore_ascii_case(other.trim()),
            _ => true,
        };
        let upn_domain = upn.and_then(|upn| upn.rsplit_once('@')).map(|(_, domain)| domain);
        name.is_some_and(|name| name.trim().eq_ignore_ascii_case(&self.name))
            && same(&self.domain, domain)
            && same(&self.upn_domain, upn_domain)
    }
}

/// A device's id: at most 64 letters, digits and hyphens, so that it is safe in a path and in a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct MachineId(String);

impl MachineId {
    /// The id in a text; nothing where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.to_owned()))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(kind: ObservableType, value: &str) -> Option<Subject> {
        Subject::of(&Observable::new(kind, value)?)
    }

    #[test]
    fn values_are_brought_to_the_providers_form() {
        use ObservableType::{Domain, Ip, Ipv6, Sha1, Url};
        let sha1 = "1F00000000000000000000000000000000000A01";
        assert_eq!(subject(Sha1, sha1), Some(Subject::Sha1(sha1.to_lowercase())));
        let six: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(subject(Ip, "2001:DB8:0::1"), Some(Subject::Address(six)));
        assert_eq!(subject(Ipv6, "192.0.2.1"), Some(Subject::Address("192.0.2.1".parse().unwrap())));
        assert_eq!(subject(Domain, "C2.bad.example."), Some(Subject::Domain("c2.bad.example".to_owned())));
        let url = "https://a'b.example/?q=1";
        assert_eq!(subject(Url, url), Some(Subject::Url(url.to_owned())));
    }

    #[test]
    fn unfit_values_are_nothing() {
        use ObservableType::{Domain, Ip, Md5, MsMachineId, Sha1, Url};
        let digits = "0".repeat(39);
        let table = [
            (Ip, "@#$%^&"),
            (Ip, "192.0.2.1/24"),
            (Sha1, digits.as_str()),
            (Md5, "1f00000000000000000000000000000000000a01"),
            (Domain, "a'b"),
            (Domain, "x.example/../.."),
            (Domain, ".."),
            (MsMachineId, "../x"),
            (MsMachineId, "a b"),
            (Url, "ftp://a.example/"),
            (Url, "c2.bad.example"),
            (Url, "http://a.example/\nx"),
        ];
        for (kind, value) in table {
            assert_eq!(subject(kind, value), None, "{kind} {value:?}");
        }
        assert_eq!(MachineId::parse(&"a".repeat(65)), None);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_what_it_is() {
        use ObservableType::{Ip, Ipv6};
        let plain = Some(Subject::Address("203.0.113.9".parse().unwrap()));
        assert_eq!(subject(Ip, "::ffff:203.0.113.9"), plain);
        assert_eq!(subject(Ipv6, "::FFFF:203.0.113.9"), plain);
    }

    #[test]
    fn accounts_are_read_in_their_three_forms() {
        use ObservableType::User;
        let account = |value: &str| match subject(User, value) {
            Some(Subject::User(account)) => (account.name, account.domain, account.upn_domain),
            other => panic!("{value}: {other:?}"),
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(account("jdoe"), ("jdoe".to_owned(), None, None));
        assert_eq!(account(r"CORP\jdoe"), ("jdoe".to_owned(), text("CORP"), None));
        assert_eq!(account("jdoe@corp.example"), ("jdoe".to_owned(), None, text("corp.example")));
        for bad in ["..", ".", "a/b", "a\"b", "jdoe@", r"\jdoe", r"a\b\c", &"a".repeat(105)] {
            assert_eq!(subject(User, bad), None, "{bad:?}");
        }
        for (name, worth) in [("SYSTEM", false), ("ws-042$", false), ("DWM-1", false), ("jdoe", true)] {
            assert_eq!(subject(User, name).unwrap().is_worth_a_lookup(), worth, "{name}");
        }
    }

    #[test]
    fn a_domain_of_an_account_counts_where_both_sides_have_one() {
        let account = |value: &str| Account::parse(value).unwrap();
        assert!(account("jdoe").is(Some("JDOE"), Some("CORP"), None));
        assert!(account(r"CORP\jdoe").is(Some("jdoe"), None, None));
        assert!(!account(r"CORP\jdoe").is(Some("jdoe"), Some("LAB"), None));
        assert!(account("jdoe@corp.example").is(Some("jdoe"), Some("CORP"), Some("jdoe@CORP.example")));
        assert!(!account("jdoe@corp.example").is(Some("jdoe"), Some("CORP"), Some("jdoe@lab.example")));
        assert!(!account("jdoe").is(Some("other"), None, None) && !account("jdoe").is(None, None, None));
    }

    #[test]
    fn file_names_and_paths_have_bounds() {
        use ObservableType::{FileName, FilePath};
        assert!(subject(FileName, "drop.exe").unwrap().is_worth_a_lookup());
        assert!(!subject(FileName, "SVCHOST.exe").unwrap().is_worth_a_lookup());
        for bad in ["ab", "a/b", r"a\b", "a\nb.exe", &"a".repeat(256)] {
            assert_eq!(subject(FileName, bad), None, "{bad:?}");
        }
        assert!(
            subject(FilePath, r"C:\Temp\drop.exe").is_some() && subject(FilePath, "/usr/bin/x").is_some()
        );
        for bad in ["/ab", "drop.exe", "/a\nb/c", &format!("/{}", "a".repeat(1024))] {
            assert_eq!(subject(FilePath, bad), None, "{bad:?}");
        }
    }
}
