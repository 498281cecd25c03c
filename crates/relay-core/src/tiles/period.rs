//! The periods of a tile, and the stretch of time that one stands for at a moment.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, civil};

/// A period that a user can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// Twelve steps of five minutes.
    LastHour,
    /// 24 hours.
    Last24Hours,
    /// 7 days, today included.
    Last7Days,
    /// 30 days, today included.
    Last30Days,
    /// 60 days, today included.
    Last60Days,
    /// 90 days, today included.
    Last90Days,
}

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 6] = [
        Self::LastHour,
        Self::Last24Hours,
        Self::Last7Days,
        Self::Last30Days,
        Self::Last60Days,
        Self::Last90Days,
    ];

    /// The platform's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastHour => "last_hour",
            Self::Last24Hours => "last_24_hours",
            Self::Last7Days => "last_7_days",
            Self::Last30Days => "last_30_days",
            Self::Last60Days => "last_60_days",
            Self::Last90Days => "last_90_days",
        }
    }

    /// The seconds of a step, and how many steps there are.
    fn steps(self) -> (i64, usize) {
        const DAY: i64 = 24 * 3600;
        match self {
            Self::LastHour => (300, 12),
            Self::Last24Hours => (3600, 24),
            Self::Last7Days => (DAY, 7),
            Self::Last30Days => (DAY, 30),
            Self::Last60Days => (DAY, 60),
            Self::Last90Days => (DAY, 90),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A stretch of time up to now, in steps that begin at full hours or days of UTC. So it is the same for as long as a
/// step lasts, and the provider is asked the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The period that it stands for.
    pub period: Period,
    /// The beginning of the first step.
    pub start: Timestamp,
    /// Now, in whole seconds. The last step holds it, and is incomplete.
    pub end: Timestamp,
    /// How long a step is.
    pub step: SignedDuration,
    /// How many steps there are.
    pub buckets: usize,
}

/// How far the provider's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

impl Window {
    /// What a period stands for now.
    pub fn of(period: Period, now: Timestamp) -> Self {
        let (step, buckets) = period.steps();
        let end = now.as_second();
        let start = end.div_euclid(step) * step - step * (i64::try_from(buckets).unwrap_or(1) - 1);
        let at = |second| Timestamp::from_second(second).unwrap_or(now);
        Self { period, start: at(start), end: at(end), step: SignedDuration::from_secs(step), buckets }
    }

    /// The step that a moment belongs to. None is before the window or in the future; a provider's clock may be ahead
    /// by five minutes.
    pub fn bucket(&self, moment: Timestamp) -> Option<usize> {
        if moment < self.start || moment > self.end.saturating_add(AHEAD).unwrap_or(self.end) {
            return None;
        }
        let since = moment.duration_since(self.start).as_secs() / self.step.as_secs();
        Some(usize::try_from(since).ok()?.min(self.buckets - 1))
    }

    /// When a step begins.
    pub fn bucket_start(&self, bucket: usize) -> Timestamp {
        let steps = i32::try_from(bucket).unwrap_or(i32::MAX);
        self.start.saturating_add(self.step.saturating_mul(steps)).unwrap_or(self.end)
    }

    /// The start as it is written in calls: `2026-11-20T00:00:00Z`.
    pub fn start_text(&self) -> String {
        self.start.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// What a step is called: its time, or its day.
    pub(super) fn label(&self, start: Timestamp) -> String {
        let form = if self.step < SignedDuration::from_hours(24) { "%H:%M" } else { "%b %-d" };
        start.strftime(form).to_string()
    }
}

/// The first moment of a moment's month, of UTC.
pub fn month_start(moment: Timestamp) -> Timestamp {
    months_from(moment, 0)
}

/// The first moment of the month after a moment's.
pub fn month_end(moment: Timestamp) -> Timestamp {
    months_from(moment, 1)
}

fn months_from(moment: Timestamp, months: i32) -> Timestamp {
    let first = moment.to_zoned(TimeZone::UTC).date().first_of_month();
    let first = first.saturating_add(Span::new().months(months));
    TimeZone::UTC.to_timestamp(first.to_datetime(civil::Time::midnight())).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn windows_begin_at_full_hours_and_days() {
        let now = at("2026-11-26T15:07:30.5Z");
        for (period, start, buckets, first, last) in [
            (Period::Last24Hours, "2026-11-25T16:00:00Z", 24, "16:00", "15:00"),
            (Period::Last7Days, "2026-11-20T00:00:00Z", 7, "Nov 20", "Nov 26"),
            (Period::Last30Days, "2026-10-28T00:00:00Z", 30, "Oct 28", "Nov 26"),
        ] {
            let window = Window::of(period, now);
            assert_eq!((window.start_text().as_str(), window.buckets), (start, buckets));
            assert_eq!(window.label(window.bucket_start(0)), first);
            assert_eq!(window.label(window.bucket_start(buckets - 1)), last);
            assert_eq!(window.end, at("2026-11-26T15:07:30Z"));
        }
        assert_eq!(
            Window::of(Period::Last7Days, at("2026-11-26T00:00:00Z")).start,
            Window::of(Period::Last7Days, at("2026-11-26T23:59:59Z")).start,
            "the same all day"
        );
    }

    #[test]
    fn months_begin_and_end_at_midnight() {
        for (moment, start, end) in [
            ("2026-11-26T15:07:30Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!((month_start(at(moment)), month_end(at(moment))), (at(start), at(end)));
        }
    }

    #[test]
    fn a_moment_belongs_to_its_step_and_none_outside_of_the_window() {
        let window = Window::of(Period::Last24Hours, at("2026-11-26T15:57:30Z"));
        for (moment, bucket) in [
            ("2026-11-25T15:59:59.999Z", None),
            ("2026-11-25T16:00:00Z", Some(0)),
            ("2026-11-26T14:59:59Z", Some(22)),
            ("2026-11-26T15:57:30Z", Some(23)),
            ("2026-11-26T16:02:30Z", Some(23)),
            ("2026-11-26T16:02:31Z", None),
        ] {
            assert_eq!(window.bucket(at(moment)), bucket, "{moment}");
        }
    }
}
