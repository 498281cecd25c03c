//! The severities that alerts of many providers have, as series of a chart.

use super::Series;

/// The severities in stacking order; what is none of them is the last.
pub const SEVERITIES: [Series; 5] = [
    Series::new("high", "High"),
    Series::new("medium", "Medium"),
    Series::new("low", "Low"),
    Series::new("informational", "Informational"),
    Series::optional("other", "Other"),
];

/// The place in [`SEVERITIES`] of a provider's word, whatever its case.
pub fn severity(word: &str) -> usize {
    let known = SEVERITIES.iter().position(|series| series.key.eq_ignore_ascii_case(word.trim()));
    known.unwrap_or(SEVERITIES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_case_and_unknown_ones_are_other() {
        for (word, key) in [
            ("High", "high"),
            (" informational", "informational"),
            ("unknownFutureValue", "other"),
            ("", "other"),
        ] {
            assert_eq!(SEVERITIES[severity(word)].key, key, "{word:?}");
        }
    }
}
