//! Response actions: which can be taken now ([`offer`]), and taking them ([`trigger`]). Both read one table
//! ([`table`]), so that nothing is offered that cannot be triggered, and nothing else can be triggered.

mod audit;
pub(crate) mod offer;
mod once;
mod table;
pub(crate) mod trigger;

pub use once::Recent;
pub use table::Words;

use crate::subject::Subject;

/// What the provider calls an indicator about a subject; nothing for devices.
fn indicator_type(subject: &Subject) -> Option<&'static str> {
    match subject {
        Subject::Sha1(_) => Some("FileSha1"),
        Subject::Sha256(_) => Some("FileSha256"),
        Subject::Md5(_) => Some("FileMd5"),
        Subject::Address(_) => Some("IpAddress"),
        Subject::Domain(_) => Some("DomainName"),
        Subject::Url(_) => Some("Url"),
        Subject::Machine(_) => None,
    }
}

/// The value of an indicator about a subject.
fn indicator_value(subject: &Subject) -> String {
    match subject {
        Subject::Sha1(text)
        | Subject::Sha256(text)
        | Subject::Md5(text)
        | Subject::Domain(text)
        | Subject::Url(text) => text.clone(),
        Subject::Address(address) => address.to_string(),
        Subject::Machine(id) => id.as_str().to_owned(),
    }
}
