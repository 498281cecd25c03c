//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

mod dns;
mod linkage;
mod malware;
mod report;
mod usage;

pub use dns::{Passive, PassiveRecord, Resolve};
pub use linkage::{Linkage, Linked, Owner};
pub use malware::{External, Families, Malware, MalwareReport, Origins, Row, Rows};
pub use report::{AutonomousSystem, Geo, IpReport, Percent, Subnet, Tag, UrlReport, UrlResult};
pub use usage::Subscription;

/// A report, by what it is about.
#[derive(Debug)]
pub enum Report {
    /// On an address.
    Ip(IpReport),
    /// On a domain or URL.
    Url(UrlReport),
    /// On a file hash.
    Hash(MalwareReport),
}
