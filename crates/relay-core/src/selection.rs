//! Which observables of a request are looked up: those of the endpoint's types, each once, within bounds.

use std::collections::HashSet;

use crate::ctim::{Observable, ObservableType};
use crate::error::{Code, Error};
use crate::observable::{Invalid, Received, Trigger, TypeCase};
use crate::telemetry::{Bound, Bounds};
use crate::text::sanitized;

/// The types of observables that an endpoint looks up.
#[derive(Clone, Copy)]
pub(crate) struct Kinds<'a> {
    pub(crate) accepted: &'a [ObservableType],
    pub(crate) case: TypeCase,
}

/// The observables of a request that are looked up.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Each once, in the order of the request.
    pub(crate) observables: Vec<Observable>,
    /// How many more there were.
    left_out: usize,
}

impl Selection {
    /// The first `most` observables of these types. All others are skipped: the platform sends every relay
    /// everything. So are values that are too long for their type.
    pub(crate) fn of(received: &[Received], kinds: Kinds<'_>, most: usize, bounds: &Bounds) -> Self {
        let mut seen = HashSet::new();
        let mut selection = Self::default();
        for observable in received.iter().filter_map(|one| one.supported(kinds.accepted, kinds.case)) {
            if observable.value().len() > longest(observable.kind()) {
                bounds.hit(Bound::ValueLength);
            } else if seen.contains(&observable) {
                // Looked up already.
            } else if selection.observables.len() < most {
                seen.insert(observable.clone());
                selection.observables.push(observable);
            } else {
                seen.insert(observable);
                selection.left_out += 1;
            }
        }
        if selection.left_out > 0 {
            bounds.hit(Bound::Observables);
        }
        selection
    }

    /// Says that not all were looked up.
    pub(crate) fn warning(&self) -> Option<Error> {
        let (looked_up, left_out) = (self.observables.len(), self.left_out);
        let message = || {
            format!(
                "Only the first {looked_up} observables were looked up (RELAY_MAX_OBSERVABLES), {left_out} were not; \
                 ask for fewer at once"
            )
        };
        (left_out > 0).then(|| Error::warning(Code::UNPROCESSED, message()))
    }
}

/// Bytes of the longest value of a type. No address, name or hash comes near its bound.
fn longest(kind: ObservableType) -> usize {
    use ObservableType::{Domain, Email, Hostname, Ip, Ipv6, MacAddress, Md5, Sha1, Sha256};
    match kind {
        Domain | Email | Hostname | Ip | Ipv6 | MacAddress | Md5 | Sha1 | Sha256 => 4096,
        _ => LONGEST,
    }
}

/// Bytes of the longest value of any type.
const LONGEST: usize = 16 * 1024;

/// Checks that no text of a trigger is too long.
///
/// # Errors
/// One is; the message names it.
pub(crate) fn check_lengths(trigger: &Trigger) -> Result<(), Invalid> {
    let Received { kind, value } = &trigger.observable;
    let known = ObservableType::ALL.iter().find(|known| known.as_str().eq_ignore_ascii_case(kind));
    let most = known.map_or(LONGEST, |kind| longest(*kind));
    let own = [
        ("action-id", &trigger.action_id, LONGEST),
        ("observable_type", kind, LONGEST),
        ("observable_value", value, most),
    ];
    let params = trigger.params.iter().map(|(name, value)| (name.as_str(), value, LONGEST));
    match own.into_iter().chain(params).find(|(_, text, most)| text.len() > *most) {
        Some((name, _, most)) => {
            Err(Invalid::at(&sanitized(name, 100), &format!("must not be longer than {most} bytes")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    fn received(kind: &str, value: &str) -> Received {
        Received { kind: kind.to_owned(), value: value.to_owned() }
    }

    fn select(body: &[Received], case: TypeCase, most: usize) -> Selection {
        let kinds =
            Kinds { accepted: &[ObservableType::Ip, ObservableType::Domain, ObservableType::Url], case };
        Selection::of(body, kinds, most, &Metrics::new("acme").expect("metrics").bounds)
    }

    fn names(selection: &Selection) -> String {
        selection.observables.iter().map(|found| format!("{found:?}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn other_types_are_skipped_and_duplicates_folded() {
        let body = [
            received("domain", "b.example"),
            received("IP", "192.0.2.1"),
            received("ip", "192.0.2.1"),
            received("quux", "x"),
            received("domain", "B.example"),
            received("user", "b"),
            received("domain", "b.example"),
        ];
        for case in [TypeCase::Exact, TypeCase::Folded] {
            let selection = select(&body, case, 3);
            assert_eq!(names(&selection), r#"domain="b.example" ip="192.0.2.1" domain="B.example""#);
            assert_eq!(selection.warning(), None, "nothing else was to be looked up");
        }
        assert_eq!(names(&select(&body[1..2], TypeCase::Exact, 9)), "");
        assert_eq!(names(&select(&body[1..2], TypeCase::Folded, 9)), r#"ip="192.0.2.1""#);
    }

    #[test]
    fn the_first_ones_are_looked_up_and_the_rest_is_counted() {
        let body: Vec<Received> = (0..7).map(|n| received("domain", &format!("{}.example", n % 5))).collect();
        let selection = select(&body, TypeCase::Exact, 2);
        assert_eq!(names(&selection), r#"domain="0.example" domain="1.example""#);
        let warning = selection.warning().expect("a warning");
        assert_eq!(
            warning.message(),
            "Only the first 2 observables were looked up (RELAY_MAX_OBSERVABLES), 3 were not; ask for fewer at once"
        );
    }

    #[test]
    fn a_value_that_no_thing_of_its_type_can_have_is_skipped() {
        for (kind, most) in [("ip", 4096), ("domain", 4096), ("url", 16_384)] {
            let body = [received(kind, &"x".repeat(most + 1)), received(kind, &"y".repeat(most))];
            let selection = select(&body, TypeCase::Exact, 9);
            let lengths: Vec<usize> = selection.observables.iter().map(|one| one.value().len()).collect();
            assert_eq!(lengths, [most], "{kind}");
            assert_eq!(selection.warning(), None);
        }
    }

    #[test]
    fn no_text_of_a_trigger_is_longer_than_a_value_may_be() {
        let problem = |kind: &str, value: usize, note: usize| {
            let params = [("note".to_owned(), "n".repeat(note))].into();
            let observable = received(kind, &"v".repeat(value));
            let trigger = Trigger { action_id: "isolate".to_owned(), observable, params };
            check_lengths(&trigger).err().map(|invalid| invalid.to_string())
        };
        assert_eq!(problem("Domain", 4096, 16_384), None);
        assert_eq!(problem("process_args", 16_384, 1), None);
        for (kind, value, note, place) in [
            ("DOMAIN", 4097, 1, "observable_value"),
            ("quux", 16_385, 1, "observable_value"),
            ("ip", 1, 16_385, "note"),
        ] {
            assert!(problem(kind, value, note).is_some_and(|text| text.contains(place)), "{kind}");
        }
    }
}
