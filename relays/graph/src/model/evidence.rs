//! Evidence of alerts (<https://learn.microsoft.com/en-us/graph/api/resources/security-alertevidence>).

use compact_str::CompactString;
use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;

/// What sort of evidence it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A machine.
    Device,
    /// An address.
    Ip,
    /// A URL.
    Url,
    /// A file.
    File,
    /// A process with its file and its parent's.
    Process,
    /// A user account.
    User,
    /// A mailbox and its account.
    Mailbox,
    /// A mail.
    Message,
    /// A connection between two addresses.
    NetworkConnection,
    /// A name and the addresses that it resolved to.
    Dns,
    /// A hash alone.
    FileHash,
    /// A row of the hunting table of a kind that is not read: its columns only tell what it is about.
    Columns,
    /// One of the many that are not read.
    #[default]
    Other,
}

impl LenientValue<'_> for Kind {
    fn from_text(text: &str) -> Option<Self> {
        let kind = text.strip_prefix("#microsoft.graph.security.").unwrap_or(text);
        Some(match kind.strip_prefix("microsoft.graph.security.").unwrap_or(kind) {
            "deviceEvidence" => Self::Device,
            "ipEvidence" => Self::Ip,
            "urlEvidence" => Self::Url,
            "fileEvidence" => Self::File,
            "processEvidence" => Self::Process,
            "userEvidence" => Self::User,
            "mailboxEvidence" => Self::Mailbox,
            "analyzedMessageEvidence" => Self::Message,
            "networkConnectionEvidence" => Self::NetworkConnection,
            "dnsEvidence" => Self::Dns,
            "fileHashEvidence" => Self::FileHash,
            _ => Self::Other,
        })
    }
}

/// A piece of evidence: the fields of all kinds that are read, of which those of its kind are filled.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Evidence {
    /// What sort it is.
    #[serde(rename = "@odata.type", deserialize_with = "lenient::field")]
    pub kind: Option<Kind>,
    /// Any kind: whether it is harmful.
    #[serde(deserialize_with = "super::text")]
    pub verdict: Option<CompactString>,
    /// Any kind: what was done about it.
    #[serde(deserialize_with = "super::text")]
    pub remediation_status: Option<CompactString>,
    /// Any kind: what part it plays.
    #[serde(deserialize_with = "lenient::list")]
    pub roles: Vec<CompactString>,
    /// Device: its id in Defender.
    #[serde(deserialize_with = "super::text")]
    pub mde_device_id: Option<CompactString>,
    /// Device: its full name.
    #[serde(deserialize_with = "super::text")]
    pub device_dns_name: Option<CompactString>,
    /// Device: its short name.
    #[serde(deserialize_with = "super::text")]
    pub host_name: Option<CompactString>,
    /// Device: what it runs on.
    #[serde(deserialize_with = "super::text")]
    pub os_platform: Option<CompactString>,
    /// Device: its addresses.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_interfaces: Vec<CompactString>,
    /// Device: the address that it had last.
    #[serde(deserialize_with = "super::text")]
    pub last_ip_address: Option<CompactString>,
    /// Device: the address that it had last, as seen from outside.
    #[serde(deserialize_with = "super::text")]
    pub last_external_ip_address: Option<CompactString>,
    /// Device: who was logged on.
    #[serde(deserialize_with = "lenient::list")]
    pub logged_on_users: Vec<Account>,
    /// Ip: the address.
    #[serde(deserialize_with = "super::text")]
    pub ip_address: Option<CompactString>,
    /// Url: the URL.
    #[serde(deserialize_with = "super::text")]
    pub url: Option<CompactString>,
    /// File: the file.
    #[serde(deserialize_with = "lenient::field")]
    pub file_details: Option<Box<File>>,
    /// Process: its file.
    #[serde(deserialize_with = "lenient::field")]
    pub image_file: Option<Box<File>>,
    /// Process: the file of the process that started it.
    #[serde(deserialize_with = "lenient::field")]
    pub parent_process_image_file: Option<Box<File>>,
    /// Process: how it was started.
    #[serde(deserialize_with = "super::text")]
    pub process_command_line: Option<CompactString>,
    /// User, mailbox, process: the account.
    #[serde(deserialize_with = "lenient::field")]
    pub user_account: Option<Box<Account>>,
    /// Mailbox: its address.
    #[serde(deserialize_with = "super::text")]
    pub primary_address: Option<CompactString>,
    /// Mailbox: its owner's name for logging in.
    #[serde(deserialize_with = "super::text")]
    pub upn: Option<CompactString>,
    /// Network connection: where it comes from.
    #[serde(deserialize_with = "lenient::field")]
    pub source_address: Option<Address>,
    /// Network connection: where it goes to.
    #[serde(deserialize_with = "lenient::field")]
    pub destination_address: Option<Address>,
    /// Dns: the name.
    #[serde(deserialize_with = "super::text")]
    pub domain_name: Option<CompactString>,
    /// Dns: what it resolved to.
    #[serde(deserialize_with = "lenient::list")]
    pub ip_addresses: Vec<Address>,
    /// Dns: who was asked.
    #[serde(deserialize_with = "lenient::field")]
    pub dns_server_ip: Option<Address>,
    /// Dns: who asked.
    #[serde(deserialize_with = "lenient::field")]
    pub host_ip_address: Option<Address>,
    /// File hash: which algorithm.
    #[serde(deserialize_with = "super::text")]
    pub algorithm: Option<CompactString>,
    /// File hash: the digits.
    #[serde(deserialize_with = "super::text")]
    pub value: Option<CompactString>,
    /// Message: its id in Defender.
    #[serde(deserialize_with = "super::text")]
    pub network_message_id: Option<CompactString>,
    /// Message: its id in its header.
    #[serde(deserialize_with = "super::text")]
    pub internet_message_id: Option<CompactString>,
    /// Message: its subject.
    #[serde(deserialize_with = "super::text")]
    pub subject: Option<CompactString>,
    /// Message: where it came from.
    #[serde(deserialize_with = "super::text")]
    pub sender_ip: Option<CompactString>,
    /// Message: who got it.
    #[serde(deserialize_with = "super::text")]
    pub recipient_email_address: Option<CompactString>,
    /// Message: whether it came or went.
    #[serde(deserialize_with = "super::text")]
    pub anti_spam_direction: Option<CompactString>,
    /// Message: what was done with it.
    #[serde(deserialize_with = "super::text")]
    pub delivery_action: Option<CompactString>,
    /// Message: where it went.
    #[serde(deserialize_with = "super::text")]
    pub delivery_location: Option<CompactString>,
    /// Message: URLs in it.
    #[serde(deserialize_with = "lenient::list")]
    pub urls: Vec<String>,
    /// Message: the sender of its envelope.
    #[serde(deserialize_with = "lenient::field")]
    pub p1_sender: Option<Sender>,
    /// Message: the sender that people see.
    #[serde(deserialize_with = "lenient::field")]
    pub p2_sender: Option<Sender>,
}

/// A file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct File {
    /// SHA-1.
    #[serde(deserialize_with = "super::text")]
    pub sha1: Option<CompactString>,
    /// SHA-256.
    #[serde(deserialize_with = "super::text")]
    pub sha256: Option<CompactString>,
    /// MD5.
    #[serde(deserialize_with = "super::text")]
    pub md5: Option<CompactString>,
    /// Its name.
    #[serde(deserialize_with = "super::text")]
    pub file_name: Option<CompactString>,
    /// Its folder, or its whole path.
    #[serde(deserialize_with = "super::text")]
    pub file_path: Option<CompactString>,
}

/// A user account.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Account {
    /// Its name.
    #[serde(deserialize_with = "super::text")]
    pub account_name: Option<CompactString>,
    /// The domain that it belongs to.
    #[serde(deserialize_with = "super::text")]
    pub domain_name: Option<CompactString>,
    /// Its security identifier.
    #[serde(deserialize_with = "super::text")]
    pub user_sid: Option<CompactString>,
    /// Its id in Entra ID.
    #[serde(deserialize_with = "super::text")]
    pub azure_ad_user_id: Option<CompactString>,
    /// Its name for logging in, mostly a mail address.
    #[serde(deserialize_with = "super::text")]
    pub user_principal_name: Option<CompactString>,
}

/// An address inside other evidence.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Address {
    /// The address.
    #[serde(deserialize_with = "super::text")]
    pub ip_address: Option<CompactString>,
}

/// A sender of a mail.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sender {
    /// Its address.
    #[serde(deserialize_with = "super::text")]
    pub email_address: Option<CompactString>,
    /// The address's domain.
    #[serde(deserialize_with = "super::text")]
    pub domain_name: Option<CompactString>,
}

lenient::object!(Evidence, File, Account, Address, Sender);

impl Evidence {
    /// What sort it is.
    pub fn kind(&self) -> Kind {
        self.kind.unwrap_or_default()
    }

    /// Whether the fields of this kind say what it is about.
    pub fn is(&self, kind: Kind) -> bool {
        matches!(self.kind(), Kind::Columns) || self.kind() == kind
    }

    /// Device: its short name, or the first label of its full one.
    pub fn device_name(&self) -> Option<&str> {
        self.host_name.as_deref().or_else(|| self.first_label())
    }

    /// Device: the first label of its full name.
    pub fn first_label(&self) -> Option<&str> {
        self.device_dns_name.as_deref()?.split('.').next().filter(|label| !label.is_empty())
    }

    /// File, process: the files that it is about; of a process its own and its parent's.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let file = self.file_details.as_deref().filter(|_| self.is(Kind::File));
        let image = self.image_file.as_deref().filter(|_| self.is(Kind::Process));
        let parent = self.parent_process_image_file.as_deref().filter(|_| self.is(Kind::Process));
        file.into_iter().chain(image).chain(parent)
    }

    /// The account that it is about, unless it is a system account.
    pub fn account(&self) -> Option<&Account> {
        let has_one = [Kind::User, Kind::Mailbox, Kind::Process].into_iter().any(|kind| self.is(kind));
        self.user_account.as_deref().filter(|account| has_one && !account.is_system())
    }

    /// Device: who was logged on, without system accounts.
    pub fn logged_on(&self) -> impl Iterator<Item = &Account> {
        let accounts = self.is(Kind::Device).then_some(self.logged_on_users.as_slice());
        accounts.into_iter().flatten().filter(|account| !account.is_system())
    }

    /// Message: its senders, the one that people see first.
    pub fn senders(&self) -> impl Iterator<Item = &Sender> {
        let is_message = self.is(Kind::Message);
        [&self.p2_sender, &self.p1_sender].into_iter().flatten().filter(move |_| is_message)
    }

    /// Url, message: the URLs that it is about.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        let own = self.url.as_deref().filter(|_| self.is(Kind::Url));
        let of_message = self.is(Kind::Message).then_some(self.urls.as_slice());
        own.into_iter().chain(of_message.into_iter().flatten().map(String::as_str))
    }

    /// The addresses that it names, but for those in URLs.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let of = |kind, field: &'_ Option<CompactString>| self.is(kind) && field.is_some();
        let texts = [
            (Kind::Ip, &self.ip_address),
            (Kind::Device, &self.last_ip_address),
            (Kind::Device, &self.last_external_ip_address),
            (Kind::Message, &self.sender_ip),
        ];
        let texts = texts.into_iter().filter(move |(kind, field)| of(*kind, field));
        let texts = texts.filter_map(|(_, field)| field.as_deref());
        let interfaces = self.is(Kind::Device).then_some(self.ip_interfaces.as_slice());
        let connection = self.is(Kind::NetworkConnection);
        let ends = [&self.source_address, &self.destination_address].into_iter().filter(move |_| connection);
        let dns = self.is(Kind::Dns);
        let hosts = [&self.dns_server_ip, &self.host_ip_address].into_iter().filter(move |_| dns);
        let resolved = dns.then_some(self.ip_addresses.as_slice());
        let inside = ends.chain(hosts).flatten().chain(resolved.into_iter().flatten());
        texts
            .chain(interfaces.into_iter().flatten().map(CompactString::as_str))
            .chain(inside.filter_map(|address| address.ip_address.as_deref()))
    }

    /// Whether it plays one of these parts.
    pub fn has_role(&self, roles: &[&str]) -> bool {
        self.roles.iter().any(|role| roles.contains(&role.as_str()))
    }
}

/// Names of system accounts, which stand for no person.
const SYSTEM_NAMES: [&str; 5] = ["system", "local service", "network service", "anonymous logon", "root"];
/// Their security identifiers, which are the same in every language.
const SYSTEM_SIDS: [&str; 4] = ["S-1-5-7", "S-1-5-18", "S-1-5-19", "S-1-5-20"];

/// Whether this is the name or the security identifier of a system account.
pub fn is_system_account(name: &str) -> bool {
    let name = name.trim();
    SYSTEM_NAMES.into_iter().chain(SYSTEM_SIDS).any(|known| known.eq_ignore_ascii_case(name))
}

impl Account {
    /// Whether it is a system account.
    pub fn is_system(&self) -> bool {
        [&self.account_name, &self.user_sid].into_iter().flatten().any(|text| is_system_account(text))
    }
}

impl Sender {
    /// Its domain, by its own word or by its address.
    pub fn domain(&self) -> Option<&str> {
        self.domain_name.as_deref().or_else(|| self.address_domain())
    }

    /// What follows the `@` of its address.
    pub fn address_domain(&self) -> Option<&str> {
        self.email_address.as_deref()?.rsplit_once('@').map(|(_, domain)| domain)
    }
}

impl File {
    /// Its path with its name; nothing where either is missing. Some products give the folder as the path, and
    /// some the whole path.
    pub fn full_path(&self) -> Option<String> {
        let (path, name) = (self.file_path.as_deref()?, self.file_name.as_deref()?);
        let is_separator = |c: char| matches!(c, '\\' | '/');
        let folder = path.strip_suffix(name);
        if folder.is_some_and(|folder| folder.is_empty() || folder.ends_with(is_separator)) {
            return Some(path.to_owned());
        }
        let windows = path.contains('\\') || path.as_bytes().get(1) == Some(&b':');
        let separator = match (path.ends_with(is_separator), windows) {
            (true, _) => "",
            (false, true) => "\\",
            (false, false) => "/",
        };
        Some(format!("{path}{separator}{name}"))
    }
}

#[cfg(test)]
mod tests;
