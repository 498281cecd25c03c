//! Text that fits CTIM's length limits.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

/// Text for titles, tags, producers and reasons.
pub type ShortText = Text<1024>;
/// Text for sources and short descriptions.
pub type MediumText = Text<2048>;
/// Text for descriptions, shown as Markdown.
pub type LongText = Text<5000>;

const ELLIPSIS: char = '…';

/// Text that is not blank and at most `N` UTF-16 code units long, which is how the platform counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Text<const N: usize>(Cow<'static, str>);

impl<const N: usize> Text<N> {
    /// Takes the text as it is or, when it is too long, cut on a character boundary with `…` as its last
    /// character. `None` for blank text.
    pub fn new(text: impl IntoText<N>) -> Option<Self> {
        text.into_text()
    }

    /// A text of the code's own, checked when it is compiled.
    ///
    /// # Panics
    /// When the text is empty or longer than `N` bytes; in a `const` that is an error of the compiler.
    pub const fn constant(text: &'static str) -> Self {
        assert!(!text.is_empty() && text.len() <= N, "an empty or too long constant");
        Self(Cow::Borrowed(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may become a [`Text`]: strings, and `Option`s of strings as a provider's optional fields give them.
pub trait IntoText<const N: usize> {
    /// The text, cut where it is too long; `None` for none and for blank text.
    fn into_text(self) -> Option<Text<N>>;
}

impl<const N: usize> IntoText<N> for &str {
    fn into_text(self) -> Option<Text<N>> {
        fit::<N>(self).map(|text| Text(Cow::Owned(text.into_owned())))
    }
}

impl<const N: usize> IntoText<N> for &String {
    fn into_text(self) -> Option<Text<N>> {
        self.as_str().into_text()
    }
}

impl<const N: usize> IntoText<N> for String {
    fn into_text(self) -> Option<Text<N>> {
        Some(Text(match fit::<N>(&self)? {
            Cow::Borrowed(_) => Cow::Owned(self),
            Cow::Owned(cut) => Cow::Owned(cut),
        }))
    }
}

impl<const N: usize> IntoText<N> for Cow<'static, str> {
    fn into_text(self) -> Option<Text<N>> {
        match self {
            Cow::Borrowed(text) => fit::<N>(text).map(Text),
            Cow::Owned(text) => text.into_text(),
        }
    }
}

impl<const N: usize> IntoText<N> for Text<N> {
    fn into_text(self) -> Option<Text<N>> {
        Some(self)
    }
}

impl<const N: usize, T: IntoText<N>> IntoText<N> for Option<T> {
    fn into_text(self) -> Option<Text<N>> {
        self.and_then(T::into_text)
    }
}

/// The text itself where it fits into `N` units, the cut text where it does not, `None` where it is blank.
fn fit<const N: usize>(text: &str) -> Option<Cow<'_, str>> {
    if text.trim().is_empty() {
        return None;
    }
    Some(match cut_at::<N>(text) {
        None => Cow::Borrowed(text),
        Some(end) => Cow::Owned(format!("{}{ELLIPSIS}", &text[..end])),
    })
}

/// Where to cut `text` so that it fits together with the ellipsis; `None` when it fits as a whole.
fn cut_at<const N: usize>(text: &str) -> Option<usize> {
    // No text has more UTF-16 units than UTF-8 bytes.
    if text.len() <= N {
        return None;
    }
    let mut units = 0;
    let mut end = 0;
    for (start, character) in text.char_indices() {
        if units < N {
            end = start;
        }
        units += character.len_utf16();
        if units > N {
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn text_at_the_limit_is_kept_and_one_more_is_cut() {
        let fits = "x".repeat(1024);
        assert_eq!(ShortText::new(&fits).unwrap().as_str(), fits);
        let cut = ShortText::new("x".repeat(1025)).unwrap();
        assert_eq!(cut.as_str(), format!("{}…", "x".repeat(1023)));
    }

    #[test]
    fn an_emoji_counts_twice_and_is_never_split() {
        // 512 emoji are 1024 units, though 2048 bytes.
        let fits = "🦀".repeat(512);
        assert_eq!(ShortText::new(&fits).unwrap().as_str(), fits);
        let cut = ShortText::new("🦀".repeat(513)).unwrap();
        assert_eq!(cut.as_str(), format!("{}…", "🦀".repeat(511)));
    }

    #[test]
    fn blank_text_is_no_text() {
        assert_eq!(ShortText::new(""), None);
        assert_eq!(ShortText::new(" \t\r\n\u{a0}"), None);
        assert_eq!(ShortText::new(" ".repeat(2000)), None);
        assert_eq!(ShortText::new(None::<String>), None);
        assert_eq!(ShortText::new(Some(" x")).unwrap().as_str(), " x");
    }

    #[test]
    fn constants_are_not_copied() {
        let text = ShortText::new(Cow::Borrowed("Found in a feed")).unwrap();
        assert!(matches!(text.0, Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn fits_and_keeps_what_it_can(text in ".{0,40}") {
            let Some(kept) = Text::<16>::new(&text) else {
                prop_assert!(text.trim().is_empty());
                return Ok(());
            };
            prop_assert!(units(kept.as_str()) <= 16);
            if units(&text) <= 16 {
                prop_assert_eq!(kept.as_str(), text);
            } else {
                let start = kept.as_str().strip_suffix('…').unwrap();
                let rest = text.strip_prefix(start).unwrap();
                // Not one more character would have fitted.
                let next = rest.chars().next().unwrap();
                prop_assert!(units(start) + next.len_utf16() + 1 > 16);
            }
        }
    }
}
