//! Deterministic pseudo-random facts: the same value always gets the same answer.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{SignedDuration, Timestamp};

/// Scrambles a number (the finalizer of SplitMix64): every bit of the input changes about half of the output's.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A random number generator seeded with words: the same words give the same numbers.
///
/// ```
/// use provider_sim::seeded::Rng;
/// let draw = || Rng::new(&["xforce", "dns", "a.example"]).below(100);
/// assert_eq!(draw(), draw());
/// ```
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// Seeds it. Use a word for each purpose, so that one fact does not follow from another.
    pub fn new(words: &[&str]) -> Self {
        // The zero byte keeps ["ab", "c"] apart from ["a", "bc"].
        let print = digest(&SHA256, words.join("\0").as_bytes());
        Self(print.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number from 0 to `bound` - 1; 0 for the bound 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or_default()
    }

    /// True in `chance` of 100 cases.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of the choices; the default of the type when there is none.
    pub fn pick<T: Clone + Default>(&mut self, choices: &[T]) -> T {
        let place = self.below(choices.len() as u64);
        usize::try_from(place).ok().and_then(|place| choices.get(place)).cloned().unwrap_or_default()
    }

    /// Different choices, their number within the range, in the order of the list.
    pub fn some<T: Clone>(&mut self, choices: &[T], count: RangeInclusive<usize>) -> Vec<T> {
        let spread = (count.end() + 1).saturating_sub(*count.start()) as u64;
        let count = count.start() + usize::try_from(self.below(spread)).unwrap_or_default();
        let mut ranked: Vec<(u64, usize)> = (0..choices.len()).map(|place| (self.number(), place)).collect();
        ranked.sort_unstable();
        let mut kept: Vec<usize> = ranked.into_iter().take(count).map(|(_, place)| place).collect();
        kept.sort_unstable();
        kept.into_iter().filter_map(|place| choices.get(place)).cloned().collect()
    }

    /// Lower-case hexadecimal digits.
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(self.pick(b"0123456789abcdef"))).collect()
    }

    /// A random-looking UUID (version 4 in form).
    pub fn uuid(&mut self) -> String {
        let hex = self.hex(30);
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
    }

    /// An address from the networks reserved for documentation
    /// ([RFC 5737](https://www.rfc-editor.org/rfc/rfc5737)).
    pub fn ipv4(&mut self) -> Ipv4Addr {
        let [a, b, c] = self.pick(&[[192, 0, 2], [198, 51, 100], [203, 0, 113]]);
        Ipv4Addr::new(a, b, c, self.octet())
    }

    /// An address from the network reserved for documentation
    /// ([RFC 3849](https://www.rfc-editor.org/rfc/rfc3849)).
    pub fn ipv6(&mut self) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, self.octet().into(), 0, 0, 0, self.octet().into(), self.octet().into())
    }

    /// A name in the top-level domain reserved for examples
    /// ([RFC 2606](https://www.rfc-editor.org/rfc/rfc2606)).
    pub fn domain(&mut self) -> String {
        let left =
            self.pick(&["login", "cdn", "mail", "secure", "static", "update", "portal", "api", "files"]);
        let right =
            self.pick(&["north", "river", "amber", "delta", "cedar", "lotus", "onyx", "vector", "quartz"]);
        format!("{left}-{right}{}.example", self.below(90) + 10)
    }

    /// A time in the year before 1 March 2026, which is fixed because answers must not change from day to day.
    pub fn time(&mut self) -> Timestamp {
        let seconds = self.below(365 * 24 * 3600);
        let end = Timestamp::constant(1_772_323_200, 0);
        end - SignedDuration::from_secs(i64::try_from(seconds).unwrap_or_default())
    }

    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(254) + 1).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_repeat_for_the_same_words_only() {
        let hex = |words: &[&str]| Rng::new(words).hex(40);
        assert_eq!(hex(&["a", "b"]), hex(&["a", "b"]));
        assert_ne!(hex(&["ab", "c"]), hex(&["a", "bc"]));
        assert_eq!(hex(&["a"]).len(), 40);
    }
}
