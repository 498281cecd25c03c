//! Which rows of a hunting answer are about an observable, by the relay's own comparison.

use std::net::IpAddr;

use crate::mapping::Event;
use crate::network::{self, is_global, url_forms};
use crate::query::{Depth, Table, Target};
use crate::subject::Subject;

/// Whether an event is about an observable.
pub(super) fn belongs(event: &Event, target: &Target<'_>, depth: Depth) -> bool {
    match target.subject {
        Subject::Address(address) => is_of_address(event, address),
        Subject::Domain(name) => is_of_domain(event, name),
        Subject::Url(url) => {
            let forms = url_forms(url);
            ["remoteurl", "fileoriginurl"].iter().any(|column| {
                event
                    .text(column)
                    .is_some_and(|text| url_forms(text.trim()).iter().any(|form| forms.contains(form)))
            })
        }
        Subject::Sha1(hash) | Subject::Sha256(hash) | Subject::Md5(hash) => {
            let is_it = |known: &String| known == hash || target.sha1 == Some(known.as_str());
            let by_process = depth == Depth::Deep && event.table == Table::Network;
            event.file().each().any(is_it) || (by_process && event.process().each().any(is_it))
        }
        Subject::FileName(name) => is_equal(event.text("filename"), name),
        Subject::FilePath(path) => is_equal(event.text("folderpath"), path),
        Subject::User(account) => {
            let (name, domain) = (event.text("accountname"), event.text("accountdomain"));
            account.is(name, domain, event.text("accountupn"))
        }
        Subject::Machine(_) | Subject::Hostname(_) => false,
    }
}

fn is_equal(text: Option<&str>, wanted: &str) -> bool {
    text.is_some_and(|text| text.trim().to_lowercase() == wanted.trim().to_lowercase())
}

fn is_of_address(event: &Event, address: &IpAddr) -> bool {
    let is_it = |column| event.text(column).and_then(network::address).as_ref() == Some(address);
    is_it("remoteip") || (is_global(address) && is_it("localip"))
}

fn is_of_domain(event: &Event, name: &str) -> bool {
    let host = event.text("remoteurl").and_then(network::host);
    let named = ["query", "host", "server_name", "DnsQueryString"];
    host.as_deref() == Some(name)
        || named.iter().any(|field| event.extra(field).and_then(network::host).as_deref() == Some(name))
}
