//! What a request is about: its distinct values, and which of them a text of the provider is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use relay_core::observable::{Observable, ip_address};

use crate::model::Subject;

/// The distinct values of a request in the order of its observables. Elsewhere a value goes by its place here.
#[derive(Default)]
pub(super) struct Subjects<'a> {
    list: Vec<(Subject, Vec<&'a Observable>)>,
    /// The observables in their order, each with its value.
    asked: Vec<(usize, &'a Observable)>,
    addresses: HashMap<IpAddr, usize>,
    /// Names and hashes; a name may look like a hash.
    texts: HashMap<String, Vec<usize>>,
}

impl<'a> Subjects<'a> {
    /// Observables with a value that does not have the form of their type are left out.
    pub(super) fn of(about: &'a [Observable]) -> Self {
        let mut subjects = Self::default();
        let mut places: HashMap<Subject, usize> = HashMap::new();
        for observable in about {
            let Some(subject) = Subject::of(observable) else { continue };
            let place = *places.entry(subject).or_insert_with_key(|subject| subjects.add(subject.clone()));
            subjects.list[place].1.push(observable);
            subjects.asked.push((place, observable));
        }
        subjects
    }

    fn add(&mut self, subject: Subject) -> usize {
        let place = self.list.len();
        match &subject {
            Subject::Address(address) => drop(self.addresses.insert(*address, place)),
            Subject::Domain(text) | Subject::Hash(_, text) => {
                self.texts.entry(text.clone()).or_default().push(place);
            }
        }
        self.list.push((subject, Vec::new()));
        place
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// A value.
    pub(super) fn subject(&self, place: usize) -> &Subject {
        &self.list[place].0
    }

    /// The observables of a value, as they were received.
    pub(super) fn observables(&self, place: usize) -> &[&'a Observable] {
        &self.list[place].1
    }

    /// The observables in their order, each with its value.
    pub(super) fn asked(&self) -> &[(usize, &'a Observable)] {
        &self.asked
    }

    /// Hands over each value that a text of the provider is, however it is spelled. One look into each map, whatever
    /// the number of values: thousands of events have dozens of texts each.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(usize)) {
        if !self.addresses.is_empty()
            && text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':' || c == ' ')
            && let Some(place) = ip_address(text).and_then(|address| self.addresses.get(&address))
        {
            found(*place);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        self.texts.get(&*name).into_iter().flatten().for_each(|place| found(*place));
    }
}

#[cfg(test)]
mod tests {
    use relay_core::observable::ObservableType;

    use super::*;

    #[test]
    fn a_text_is_every_value_that_it_spells() {
        let hash = "0123456789abcdef0123456789abcdef";
        let about: Vec<Observable> = [
            (ObservableType::Domain, "a.example"),
            (ObservableType::Ipv6, "2001:db8::1"),
            (ObservableType::Md5, hash),
            (ObservableType::Domain, "A.Example."),
            (ObservableType::Domain, hash),
            (ObservableType::Ip, "10.0.0.0/8"),
            (ObservableType::Ip, "2001:0db8::1"),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Observable::new(kind, value))
        .collect();
        let subjects = Subjects::of(&about);
        assert_eq!(subjects.len(), 4);
        assert_eq!((subjects.observables(0).len(), subjects.observables(1).len()), (2, 2));
        let upper = hash.to_uppercase();
        for (text, places) in [
            ("A.EXAMPLE", vec![0]),
            ("a.example.", vec![0]),
            ("www.a.example", vec![]),
            ("2001:DB8:0::1", vec![1]),
            ("2001:db8::2", vec![]),
            (&*upper, vec![2, 3]),
            ("", vec![]),
            (".", vec![]),
        ] {
            let mut found = Vec::new();
            subjects.find(text, |place| found.push(place));
            assert_eq!(found, places, "{text}");
        }
    }
}
