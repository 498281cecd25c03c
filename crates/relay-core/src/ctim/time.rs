//! Moments as CTIM takes them.

use std::borrow::Cow;
use std::fmt;

use jiff::civil;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

static PARSER: DateTimeParser = DateTimeParser::new();

/// The first moment that is no longer valid, 2525-01-01T00:01:00Z.
const END: jiff::Timestamp = jiff::Timestamp::constant(17_514_144_060, 0);
/// How many digits of a fraction are kept: down to the nanosecond.
const MAX_DIGITS: usize = 9;
const HOURS_PER_DAY: i64 = 24;

/// A moment from 1970 until 2525, the range of CTIM, always written in UTC.
///
/// It keeps as many fractional digits as the provider wrote, trailing zeros included. What a provider
/// writes for "never" (`0001-01-01T00:00:00Z`, `9999-12-31T23:59:59Z`) is outside the range, hence no
/// timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    instant: jiff::Timestamp,
    digits: u8,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z, the first valid moment: "since ever".
    pub const EPOCH: Self = Self { instant: jiff::Timestamp::UNIX_EPOCH, digits: 0 };
    /// 2525-01-01T00:00:00Z, what CTIM writes where no end is known.
    pub const FOREVER: Self = Self { instant: jiff::Timestamp::constant(17_514_144_000, 0), digits: 0 };

    /// What the relay's own clock says, cut to whole seconds. A clock outside CTIM's range counts as its
    /// nearest end.
    pub fn from_clock(now: jiff::Timestamp) -> Self {
        Self::own(now, 0)
    }

    /// As [`Timestamp::from_clock`], cut to milliseconds.
    pub fn from_clock_millis(now: jiff::Timestamp) -> Self {
        Self::own(now, 3)
    }

    fn own(now: jiff::Timestamp, digits: u8) -> Self {
        // Digits beyond the written ones are dropped, so that equal texts are equal timestamps.
        let unit = 10_i32.pow(u32::from(9 - digits));
        let now = now.clamp(Self::EPOCH.instant, Self::FOREVER.instant);
        let nanoseconds = now.subsec_nanosecond() / unit * unit;
        let instant = jiff::Timestamp::new(now.as_second(), nanoseconds).unwrap_or(now);
        Self { instant, digits }
    }

    /// Reads an RFC 3339 time, which says its offset from UTC. `None` for anything else, and outside
    /// CTIM's range.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, digits) = without_excess_digits(text.trim());
        Self::checked(PARSER.parse_timestamp(text.as_ref()).ok()?, digits)
    }

    /// As [`Timestamp::parse`], but a time without an offset is taken as UTC, and a date alone as its
    /// first moment.
    pub fn parse_assuming_utc(text: &str) -> Option<Self> {
        if let Some(timestamp) = Self::parse(text) {
            return Some(timestamp);
        }
        let (text, digits) = without_excess_digits(text.trim());
        // A zone in brackets would be dropped unread, and the time be wrong by the zone's offset.
        if text.contains('[') {
            return None;
        }
        let local: civil::DateTime = PARSER.parse_datetime(text.as_ref()).ok()?;
        Self::checked(TimeZone::UTC.to_timestamp(local).ok()?, digits)
    }

    /// Milliseconds since 1970. `None` outside CTIM's range.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        Self::checked(jiff::Timestamp::from_millisecond(millis).ok()?, 3)
    }

    /// Seconds since 1970. `None` outside CTIM's range.
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::checked(jiff::Timestamp::from_second(seconds).ok()?, 0)
    }

    /// This many days later, but never later than [`Timestamp::FOREVER`].
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        let days = jiff::SignedDuration::from_hours(HOURS_PER_DAY * i64::from(days));
        match self.instant.checked_add(days) {
            Ok(instant) if instant < Self::FOREVER.instant => Self { instant, ..self },
            _ => Self::FOREVER,
        }
    }

    /// The moment, for computing with it.
    pub fn instant(self) -> jiff::Timestamp {
        self.instant
    }

    fn checked(instant: jiff::Timestamp, digits: u8) -> Option<Self> {
        (Self::EPOCH.instant..END).contains(&instant).then_some(Self { instant, digits })
    }
}

/// The text with at most nine fractional digits, and how many those are.
fn without_excess_digits(text: &str) -> (Cow<'_, str>, u8) {
    let Some(start) = text.find(['.', ',']).map(|separator| separator + 1) else {
        return (Cow::Borrowed(text), 0);
    };
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    let kept = digits.min(MAX_DIGITS);
    let text = if kept == digits {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{}{}", &text[..start + kept], &text[start + digits..]))
    };
    (text, u8::try_from(kept).unwrap_or_default())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", usize::from(self.digits), self.instant)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::schema::compile;

    fn parsed(text: &str) -> String {
        Timestamp::parse(text).unwrap().to_string()
    }

    #[test]
    fn keeps_the_digits_that_the_provider_wrote() {
        for text in [
            "2026-03-02T10:14:07Z",
            "2026-03-02T10:14:07.1234567Z",
            "2020-05-04T21:40:52.880Z",
            "2025-11-20T10:00:00.000000Z",
            "1970-01-01T00:00:00Z",
            "2525-01-01T00:00:59.999999999Z",
        ] {
            assert_eq!(parsed(text), text);
        }
    }

    #[test]
    fn digits_beyond_the_nanosecond_are_cut() {
        assert_eq!(parsed("2026-03-02T10:14:07.12345678901234Z"), "2026-03-02T10:14:07.123456789Z");
    }

    #[test]
    fn an_offset_is_converted_to_utc() {
        assert_eq!(parsed("2026-03-02T01:14:07.50+02:00"), "2026-03-01T23:14:07.50Z");
        assert_eq!(parsed(" 2026-03-02t10:14:07z\n"), "2026-03-02T10:14:07Z");
    }

    #[test]
    fn sentinels_for_never_are_no_time() {
        for text in [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2525-01-01T00:01:00Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
            assert_eq!(Timestamp::parse_assuming_utc(text), None, "{text}");
        }
        assert_eq!(Timestamp::parse_assuming_utc("0001-01-01T00:00:00"), None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "1456789",
            ".",
            "٣.٣",
            "2026-03-02T10:14:07.Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
            assert_eq!(Timestamp::parse_assuming_utc(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_without_offset_is_utc_only_where_that_is_said() {
        let text = "2026-03-02T10:14:07.5";
        assert_eq!(Timestamp::parse(text), None);
        assert_eq!(Timestamp::parse_assuming_utc(text).unwrap().to_string(), "2026-03-02T10:14:07.5Z");
        assert_eq!(Timestamp::parse_assuming_utc("2026-03-02").unwrap().to_string(), "2026-03-02T00:00:00Z");
        assert_eq!(Timestamp::parse_assuming_utc("2026-03-02T10:14:07[Europe/Berlin]"), None);
        assert_eq!(
            Timestamp::parse_assuming_utc("2026-03-02T10:14:07+01:00").unwrap().to_string(),
            "2026-03-02T09:14:07Z"
        );
    }

    #[test]
    fn numbers_are_milliseconds_or_seconds() {
        assert_eq!(Timestamp::from_unix_millis(1_500).unwrap().to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(Timestamp::from_unix_seconds(1_500).unwrap().to_string(), "1970-01-01T00:25:00Z");
        assert_eq!(Timestamp::from_unix_millis(-1), None);
        assert_eq!(Timestamp::from_unix_millis(i64::MAX), None);
        assert_eq!(Timestamp::from_unix_seconds(i64::MIN), None);
    }

    #[test]
    fn now_is_whole_seconds_whatever_the_clock() {
        let clock: jiff::Timestamp = "2026-03-02T09:00:00.987654321Z".parse().unwrap();
        assert_eq!(Timestamp::from_clock(clock).to_string(), "2026-03-02T09:00:00Z");
        assert_eq!(Timestamp::from_clock_millis(clock).to_string(), "2026-03-02T09:00:00.987Z");
        assert_eq!(Timestamp::from_clock(jiff::Timestamp::MIN), Timestamp::EPOCH);
        assert_eq!(Timestamp::from_clock(jiff::Timestamp::MAX), Timestamp::FOREVER);
    }

    #[test]
    fn days_never_lead_beyond_forever() {
        let now = Timestamp::parse("2026-03-02T09:00:00Z").unwrap();
        assert_eq!(now.plus_days(30).to_string(), "2026-04-01T09:00:00Z");
        assert_eq!(now.plus_days(u32::MAX), Timestamp::FOREVER);
        assert_eq!(Timestamp::FOREVER.to_string(), "2525-01-01T00:00:00Z");
    }

    #[test]
    fn every_timestamp_is_legal() {
        let validator = compile("UtcTime");
        let moments = "(19[67][0-9]|2[0-9]{3}|252[45])-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])";
        let clocks = "T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,12})?(Z|[+-][01][0-9]:[0-5][0-9])?";
        let texts = format!("{moments}({clocks})?");
        proptest!(|(text in texts.as_str())| {
            if let Some(time) = Timestamp::parse_assuming_utc(&text) {
                prop_assert!(validator.is_valid(&time.to_string().into()), "{time}");
            }
        });
    }

    proptest! {
        #[test]
        fn never_panics_and_reads_back_what_it_writes(text in "\\PC{0,40}|[0-9TZ:.,+ -]{0,40}") {
            if let Some(time) = Timestamp::parse_assuming_utc(&text) {
                prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
            }
        }

        #[test]
        fn any_valid_moment_survives(second in 0..17_514_144_060i64, fraction in "|\\.[0-9]{1,9}") {
            let whole = Timestamp::from_unix_seconds(second).unwrap().to_string();
            let text = format!("{}{fraction}Z", whole.trim_end_matches('Z'));
            prop_assert_eq!(parsed(&text), text);
        }
    }
}
