//! What X-Force thinks of a value that no fixture is about, and the categories it knows.

use crate::seeded::Rng;

/// The generated opinion about a value. All calls agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reputation {
    /// Never heard of it.
    Unknown,
    /// Known, but not rated.
    Unrated,
    Benign,
    Suspicious,
    Malicious,
}

impl Reputation {
    /// The opinion about a value; letters in any case are the same value.
    pub(super) fn of(value: &str) -> Self {
        match rng("standing", value).below(100) {
            0..20 => Self::Unknown,
            20..28 => Self::Unrated,
            28..58 => Self::Benign,
            58..78 => Self::Suspicious,
            _ => Self::Malicious,
        }
    }
}

/// The generator for one fact about a value.
pub(super) fn rng(fact: &str, value: &str) -> Rng {
    Rng::new(&["xforce", fact, &value.to_ascii_lowercase()])
}

/// A category: its name and what the report says about it.
pub(super) type Category = (&'static str, &'static str);

/// Categories of addresses that say what they are, and nothing bad.
pub(super) const NEUTRAL_ADDRESSES: &[Category] =
    &[("Dynamic IPs", "Addresses that an access provider gives to its customers for a time.")];

/// Categories of addresses that misbehave now and then.
pub(super) const SUSPICIOUS_ADDRESSES: &[Category] = &[
    ("Anonymisation Services", "Proxies and other services that hide where traffic comes from."),
    ("Scanning IPs", "Addresses that look for open services in networks not their own."),
    ("Spam", "Addresses that were seen to send unsolicited mail."),
];

/// Categories of addresses to stay away from.
pub(super) const MALICIOUS_ADDRESSES: &[Category] = &[
    ("Botnet Command and Control Server", "Addresses from which infected machines take their orders."),
    ("Bots", "Addresses of machines that take part in a botnet."),
    ("Malware", "Addresses that hand out malicious software."),
    ("Scanning IPs", "Addresses that look for open services in networks not their own."),
    ("Spam", "Addresses that were seen to send unsolicited mail."),
];

/// Categories of ordinary sites.
pub(super) const ORDINARY_SITES: &[Category] = &[
    ("Business", "Sites of companies and associations."),
    ("Education", "Schools, universities and libraries."),
    ("News / Magazines", "Newspapers, magazines and broadcasters."),
    ("Software / Hardware", "Makers and sellers of software and computers."),
    ("Web Hosting", "Sites that rent out space for other sites."),
];

/// Categories of sites that should be looked at twice.
pub(super) const SUSPICIOUS_SITES: &[Category] = &[
    ("Anonymisation Services", "Services that hide where traffic comes from."),
    ("Cryptocurrency Mining", "Sites that compute for a currency on a visitor's machine."),
    ("Early Warning", "Names that were registered lately and are used in a suspicious manner."),
    ("Spam URLs", "Addresses that unsolicited mail leads to."),
];

/// Categories of sites to stay away from.
pub(super) const MALICIOUS_SITES: &[Category] = &[
    ("Botnet Command and Control Server", "Servers from which infected machines take their orders."),
    ("Early Warning", "Names that were registered lately and are used in a suspicious manner."),
    ("Malware", "Sites that hand out malicious software."),
    ("Phishing URLs", "Sites that imitate others to get at passwords."),
];
