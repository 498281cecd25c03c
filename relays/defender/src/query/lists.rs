//! The lists of values that a query declares, one for each kind of value.

use std::net::IpAddr;

use super::{Leg, Target};
use crate::network::{self, is_global, url_forms};
use crate::subject::Subject;

/// A kind of values, by the name of its list in the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Addresses.
    A,
    /// Those of them that are of one place in the world.
    P,
    /// Host names.
    D,
    /// URLs.
    U,
    /// Hashes.
    H,
    /// Names of files.
    F,
    /// Paths of files.
    W,
    /// Names of accounts.
    N,
}

impl List {
    /// All, in the order in which they are declared.
    pub const ALL: [Self; 8] = [Self::A, Self::P, Self::D, Self::U, Self::H, Self::F, Self::W, Self::N];
    /// Those that a row's key is looked for in. `P` is part of `A`.
    pub const KEYS: [Self; 7] = [Self::A, Self::D, Self::U, Self::H, Self::F, Self::W, Self::N];

    /// Its name in the query.
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::P => "P",
            Self::D => "D",
            Self::U => "U",
            Self::H => "H",
            Self::F => "F",
            Self::W => "W",
            Self::N => "N",
        }
    }
}

/// The values that a query is about, as JSON texts, each once, in the order of the request.
#[derive(Clone, Debug, Default)]
pub struct Lists([Vec<String>; 8]);

impl Lists {
    /// The values of these observables.
    pub fn of(targets: &[Target<'_>]) -> Self {
        let mut lists = Self::default();
        for target in targets {
            lists.add_subject(target.subject);
            if let Some(sha1) = target.sha1 {
                lists.add(List::H, sha1);
            }
        }
        lists
    }

    fn add_subject(&mut self, subject: &Subject) {
        match subject {
            Subject::Sha1(hash) | Subject::Sha256(hash) | Subject::Md5(hash) => self.add(List::H, hash),
            Subject::Address(address) => self.add_address(address),
            Subject::Domain(name) => self.add(List::D, name),
            Subject::Url(url) => {
                if let Some(host) = network::host(url) {
                    self.add(List::D, &host);
                }
                for form in url_forms(url) {
                    self.add(List::U, &form);
                }
            }
            Subject::FileName(name) => self.add(List::F, name),
            Subject::FilePath(path) => self.add(List::W, path),
            Subject::User(account) => self.add(List::N, &account.name),
            Subject::Machine(_) | Subject::Hostname(_) => {}
        }
    }

    fn add_address(&mut self, address: &IpAddr) {
        let mut texts = vec![address.to_string()];
        if address.is_ipv4() {
            texts.push(format!("::ffff:{address}"));
        }
        for text in texts {
            self.add(List::A, &text);
            if is_global(address) {
                self.add(List::P, &text);
            }
        }
    }

    fn add(&mut self, list: List, value: &str) {
        let values = &mut self.0[list as usize];
        if let Some(literal) = json(value)
            && !values.contains(&literal)
        {
            values.push(literal);
        }
    }

    /// Whether there is a value of this kind.
    pub fn has(&self, list: List) -> bool {
        !self.0[list as usize].is_empty()
    }

    /// All values, decoded, sorted, each once.
    #[cfg(test)]
    pub(super) fn values(&self) -> Vec<String> {
        let all = self.0.iter().flatten().filter_map(|literal| serde_json::from_str(literal).ok());
        all.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
    }

    /// The declarations of the lists that the legs name.
    pub fn declarations(&self, legs: &[Leg]) -> String {
        let named = |list: &&List| self.has(**list) && legs.iter().any(|leg| leg.names(**list));
        let declared = List::ALL.iter().filter(named).map(|list| {
            let values = self.0[*list as usize].join(",");
            format!("let {} = dynamic([{values}]); ", list.name())
        });
        declared.collect()
    }
}

/// A value as a JSON text in lower case. Nothing where it has control characters, which no indicator of compromise
/// has and which could end the line.
fn json(value: &str) -> Option<String> {
    let ends_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if value.contains(ends_line) {
        return None;
    }
    serde_json::to_string(&value.to_lowercase()).ok()
}
