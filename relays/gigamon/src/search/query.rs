//! Searches for several values: which share one, their text, and the stretch of time.

use std::time::Duration;

use jiff::SignedDuration;
use relay_core::ctim::Timestamp;

use super::subjects::Subjects;

/// The fields of the query language in the order of their clauses.
const FIELDS: [&str; 5] = ["ip", "domain", "md5", "sha1", "sha256"];
/// The most characters of a query. No limit is published; this is far below what servers take.
const LONGEST: usize = 8000;
/// The most events that an answer may hold, half of what the API allows: it has to stay under the bound for answers.
const MOST_EVENTS: usize = 5000;
/// How many days the portal searches at a time.
const STRETCH: u32 = 7;
/// The service's times are exact to this.
const TICK: SignedDuration = SignedDuration::from_millis(1);

/// The query that finds the events in which one of the values occurs: a clause for each field, joined by `OR`. None of
/// the values can leave its literal ([`crate::model::Subject`]).
pub(super) fn query(subjects: &Subjects<'_>, values: &[usize]) -> String {
    let clause = |field: &&str| {
        let of_field = values.iter().map(|place| subjects.subject(*place));
        let literals: Vec<String> = of_field
            .filter(|subject| subject.field() == *field)
            .map(|subject| format!("'{}'", subject.value()))
            .collect();
        match literals.as_slice() {
            [] => None,
            [one] => Some(format!("{field} = {one}")),
            several => Some(format!("{field} IN ({})", several.join(", "))),
        }
    };
    FIELDS.iter().filter_map(clause).collect::<Vec<_>>().join(" OR ")
}

/// Values packed into searches in their order, at most `most` each, of which each may have `limit` events.
pub(super) fn packed(
    subjects: &Subjects<'_>,
    values: impl IntoIterator<Item = usize>,
    most: usize,
    limit: usize,
) -> Vec<Vec<usize>> {
    let most = most.min((MOST_EVENTS / limit).max(1));
    let mut searches: Vec<Vec<usize>> = Vec::new();
    for value in values {
        if let Some(search) = searches.last_mut().filter(|search| search.len() < most) {
            search.push(value);
            if query(subjects, search).len() <= LONGEST {
                continue;
            }
            search.pop();
        }
        searches.push(vec![value]);
    }
    searches
}

/// A stretch of time: its start is in it, its end is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Span {
    /// The last days until now in stretches that can be searched at a time, newest first.
    pub(super) fn last(now: jiff::Timestamp, days: u32) -> Vec<Self> {
        let stretches = (0..days).step_by(STRETCH as usize);
        stretches
            .map(|day| Self { start: back(now, 24 * (day + STRETCH).min(days)), end: back(now, 24 * day) })
            .collect()
    }

    /// The part of it up to the moment of an event, that included; all of it where that is no less.
    pub(super) fn until(self, event: Timestamp) -> Self {
        let end = event.instant().checked_add(TICK).map(Timestamp::from_clock_millis);
        end.ok().filter(|end| *end < self.end).map_or(self, |end| Self { end, ..self })
    }

    /// Its last day.
    pub(super) fn newest_day(self) -> Self {
        Self { start: back(self.end.instant(), 24).max(self.start), ..self }
    }
}

fn back(moment: jiff::Timestamp, hours: u32) -> Timestamp {
    let time = Duration::from_secs(3600 * u64::from(hours));
    Timestamp::from_clock_millis(moment.checked_sub(time).unwrap_or(moment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use relay_core::observable::{Observable, ObservableType};

    use super::*;
    use crate::model::Subject;

    fn texts(span: Span) -> (String, String) {
        (span.start.to_string(), span.end.to_string())
    }

    fn domains(count: usize, length: usize) -> Vec<Observable> {
        let name = |number: usize| format!("{number:0length$}.example");
        (0..count).filter_map(|number| Observable::new(ObservableType::Domain, &*name(number))).collect()
    }

    fn sizes(about: &[Observable], most: usize, limit: usize) -> Vec<usize> {
        let subjects = Subjects::of(about);
        packed(&subjects, 0..subjects.len(), most, limit).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_query_has_a_clause_for_each_field() {
        let hash = "AB".repeat(16);
        let about: Vec<Observable> = [
            (ObservableType::Md5, &*hash),
            (ObservableType::Domain, "cdn-update.example"),
            (ObservableType::Ip, "198.51.100.7"),
            (ObservableType::Ipv6, "2001:0db8::1"),
        ]
        .into_iter()
        .filter_map(|(kind, value)| Observable::new(kind, value))
        .collect();
        let subjects = Subjects::of(&about);
        assert_eq!(
            query(&subjects, &[0, 1, 2, 3]),
            format!(
                "ip IN ('198.51.100.7', '2001:db8::1') OR domain = 'cdn-update.example' OR md5 = '{}'",
                "ab".repeat(16)
            )
        );
        assert_eq!(query(&subjects, &[1]), "domain = 'cdn-update.example'");
    }

    #[test]
    fn values_are_packed_by_number_events_and_length() {
        assert_eq!(sizes(&domains(120, 9), 50, 100), [50, 50, 20]);
        assert_eq!(sizes(&domains(120, 9), 50, 1000), [5; 24]);
        assert_eq!(sizes(&domains(3, 9), 1, 100), [1; 3]);
        assert_eq!(sizes(&domains(3, 9), 100, 10_000), [1; 3]);
        // 63 + 8 characters, two quotes, a comma and a space: 106 of them and the rest of the clause fit.
        assert_eq!(sizes(&domains(107, 63), 200, 20), [106, 1]);
        let long = domains(106, 63);
        let subjects = Subjects::of(&long);
        assert!(query(&subjects, &(0..106).collect::<Vec<_>>()).len() <= LONGEST);
    }

    #[test]
    fn the_last_days_are_stretches_of_a_week_with_milliseconds_also_at_a_whole_second() {
        let now = "2026-03-02T08:15:30Z".parse().unwrap();
        let week = Span::last(now, 7);
        assert_eq!(week.len(), 1);
        assert_eq!(texts(week[0]), ("2026-02-23T08:15:30.000Z".into(), "2026-03-02T08:15:30.000Z".into()));
        let month: Vec<_> = Span::last(now, 30).into_iter().map(texts).collect();
        assert_eq!(month.len(), 5);
        assert_eq!(month[4], ("2026-01-31T08:15:30.000Z".into(), "2026-02-02T08:15:30.000Z".into()));
        assert!(month.windows(2).all(|pair| pair[0].0 == pair[1].1), "without gaps");
    }

    #[test]
    fn the_rest_of_a_stretch_ends_behind_the_oldest_event() {
        let span = Span::last("2026-03-02T08:15:30.5Z".parse().unwrap(), 1)[0];
        let rest = |event: &str| span.until(Timestamp::parse(event).unwrap());
        let (start, _) = texts(span);
        assert_eq!(texts(rest("2026-03-02T01:02:03.456789Z")), (start, "2026-03-02T01:02:03.457Z".into()));
        assert_eq!(rest("2026-03-02T08:15:30.499Z"), span, "no progress");
        assert_eq!(span.newest_day(), span);
        let day = Span::last("2026-03-02T08:15:30.5Z".parse().unwrap(), 7)[0].newest_day();
        assert_eq!(texts(day).0, "2026-03-01T08:15:30.500Z");
    }

    /// Reads a query as the guide describes it, without knowledge of how it was made: clauses of a field, `=` or `IN`,
    /// and literals in quotes that end at the next quote.
    fn parse(query: &str) -> Option<Vec<(String, String)>> {
        let mut rest = query;
        let mut found = Vec::new();
        loop {
            let (field, after) = rest.split_once(' ')?;
            field.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some(())?;
            let (list, mut after) = match after.strip_prefix("= ") {
                Some(after) => (false, after),
                None => (true, after.strip_prefix("IN (")?),
            };
            loop {
                let (literal, behind) = after.strip_prefix('\'')?.split_once('\'')?;
                found.push((field.to_owned(), literal.to_owned()));
                let Some(next) = behind.strip_prefix(", ").filter(|_| list) else {
                    after = if list { behind.strip_prefix(')')? } else { behind };
                    break;
                };
                after = next;
            }
            match after {
                "" => return Some(found),
                after => rest = after.strip_prefix(" OR ")?,
            }
        }
    }

    proptest! {
        #[test]
        fn no_value_leaves_its_literal(
            values in prop::collection::vec((
                prop::sample::select(vec![
                    ObservableType::Ip, ObservableType::Ipv6, ObservableType::Domain,
                    ObservableType::Md5, ObservableType::Sha1, ObservableType::Sha256,
                ]),
                "\\PC{0,40}|[a-z0-9.'\"\\\\ %:=()-]{0,70}|[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[a-z']{1,9}\\.example\
                 |[0-9]{1,3}\\.[0-9]{1,2}\\.1\\.1|2001:[0-9a-f]{1,4}::[0-9a-f]{1,4}",
            ), 1..30),
        ) {
            let about: Vec<Observable> =
                values.iter().filter_map(|(kind, value)| Observable::new(*kind, value.as_str())).collect();
            let subjects = Subjects::of(&about);
            prop_assume!(subjects.len() > 0);
            let all: Vec<usize> = (0..subjects.len()).collect();
            let mut read = parse(&query(&subjects, &all)).expect("a query of the language");
            let mut asked: Vec<(String, String)> = about
                .iter()
                .filter_map(Subject::of)
                .map(|subject| (subject.field().to_owned(), subject.value()))
                .collect();
            asked.sort();
            asked.dedup();
            read.sort();
            prop_assert_eq!(read, asked);
        }
    }
}
