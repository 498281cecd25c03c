//! What a tile shows, by its kind.

use std::borrow::Cow;

use super::{Bars, Donut, Metric, TileKind};
use crate::text::is_control_or_bidi;

/// What a tile shows.
#[derive(Clone, Debug)]
pub enum TileData {
    /// Numbers.
    Metrics(Vec<Metric>),
    /// Bars.
    Bars(Bars),
    /// Two rings.
    Donut(Donut),
    /// Lines of text, of which none holds a provider's words: they could be markup.
    Markdown(Vec<String>),
}

impl TileData {
    /// Whether a tile of this kind can show it.
    pub fn fits(&self, kind: TileKind) -> bool {
        matches!(
            (self, kind),
            (Self::Metrics(_), TileKind::MetricGroup)
                | (Self::Bars(_), TileKind::VerticalBarChart | TileKind::HorizontalBarChart)
                | (Self::Donut(_), TileKind::DonutGraph)
                | (Self::Markdown(_), TileKind::Markdown)
        )
    }
}

impl From<Vec<Metric>> for TileData {
    fn from(metrics: Vec<Metric>) -> Self {
        Self::Metrics(metrics)
    }
}

impl From<Bars> for TileData {
    fn from(bars: Bars) -> Self {
        Self::Bars(bars)
    }
}

impl From<Donut> for TileData {
    fn from(donut: Donut) -> Self {
        Self::Donut(donut)
    }
}

/// How many characters a label has at most.
const LENGTH: usize = 64;
/// What has no name is called.
const UNNAMED: &str = "Unknown";

/// A label that is safe to show: characters that would do something are left out, and it is short.
pub fn label(text: impl Into<Cow<'static, str>>) -> Cow<'static, str> {
    let text = text.into();
    if text.chars().take(LENGTH + 1).count() <= LENGTH
        && !text.chars().any(is_control_or_bidi)
        && text.trim().len() == text.len()
        && !text.is_empty()
    {
        return text;
    }
    let shown: String = text.trim().chars().filter(|c| !is_control_or_bidi(*c)).take(LENGTH).collect();
    if shown.trim().is_empty() { UNNAMED.into() } else { shown.into() }
}

/// The words of a name in camel case: `CommandAndControl` is `Command And Control`, `malware` is `Malware`.
pub fn words(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        if out.is_empty() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_short_and_do_nothing() {
        assert_eq!(label("High"), "High");
        assert_eq!(label("a\nb\u{202e}c"), "abc");
        assert_eq!(label("x".repeat(5000)).len(), LENGTH);
        for blank in ["", "  ", "\n\u{202e}"] {
            assert_eq!(label(blank), "Unknown");
        }
    }

    #[test]
    fn names_become_words() {
        for (name, expected) in
            [("CommandAndControl", "Command And Control"), ("malware", "Malware"), ("SQL", "SQL"), ("", "")]
        {
            assert_eq!(words(name), expected);
        }
    }
}
