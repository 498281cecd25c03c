//! Replaces what is confidential in texts of any format.
//!
//! The same value may be written in many ways: percent-encoded, once or twice, escaped in JSON, with doubled quotes of
//! a query language, in other case. So a text is not searched for each of them, but read character by character, each
//! in whichever way it is written; the stand-in is then written in the same way.

use std::cmp::Reverse;
use std::collections::HashMap;

/// A text that is replaced.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) original: String,
    pub(super) stand_in: String,
    pub(super) rule: Rule,
}

/// Where a text is taken for the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Wherever it occurs.
    Anywhere,
    /// Where it is no part of a longer address.
    Address,
    /// Where it is a word by itself, and no name of a JSON field: it could be a common word.
    Word,
}

/// Replaces pieces, the longest first.
pub(super) struct Redactor {
    pieces: Vec<Compiled>,
    /// Those that begin with two letters or digits, by these.
    by_start: HashMap<[u8; 2], Vec<usize>>,
    others: Vec<usize>,
}

struct Compiled {
    units: Vec<Unit>,
    stand_in: String,
    rule: Rule,
    length: usize,
}

/// What has to be in a text at once.
enum Unit {
    Character(char),
    /// So many backslashes, which escaping multiplies.
    Backslashes(usize),
}

impl Redactor {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        let pieces: Vec<Compiled> = pieces.into_iter().map(Compiled::of).collect();
        let (mut by_start, mut others) = (HashMap::<_, Vec<usize>>::new(), Vec::new());
        for (index, piece) in pieces.iter().enumerate() {
            match piece.start() {
                Some(start) => by_start.entry(start).or_default().push(index),
                None => others.push(index),
            }
        }
        Self { pieces, by_start, others }
    }

    /// The text with all pieces replaced.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(next) = text[at..].chars().next() {
            if let Some((piece, found)) = self.longest(text, at) {
                found.write(piece, &text[at..at + found.length], &mut replaced);
                at += found.length;
            } else {
                replaced.push(next);
                at += next.len_utf8();
            }
        }
        replaced
    }

    /// Whether any piece occurs.
    pub(super) fn occurs_in(&self, text: &str) -> bool {
        text.char_indices().any(|(at, _)| self.longest(text, at).is_some())
    }

    fn longest(&self, text: &str, at: usize) -> Option<(&Compiled, Found)> {
        let bytes = text.as_bytes();
        let start = [bytes.get(at), bytes.get(at + 1)]
            .map(|byte| byte.map(u8::to_ascii_lowercase).unwrap_or_default());
        let likely = self.by_start.get(&start).into_iter().flatten();
        let found = likely.chain(&self.others).filter_map(|index| {
            let piece = &self.pieces[*index];
            Some((piece, piece.found(text, at)?))
        });
        // Of equally long ones the first.
        found.min_by_key(|(piece, _)| Reverse(piece.length))
    }
}

/// A piece in a text.
struct Found {
    length: usize,
    /// How its signs are written there.
    written: Vec<(char, String)>,
}

impl Found {
    fn write(&self, piece: &Compiled, original: &str, into: &mut String) {
        let has = |is: fn(&u8) -> bool| original.bytes().any(|byte| is(&byte));
        let (upper, lower) = (has(u8::is_ascii_uppercase), has(u8::is_ascii_lowercase));
        for sign in piece.stand_in.chars() {
            match self.written.iter().find(|(written, _)| *written == sign) {
                Some((_, written)) => into.push_str(written),
                None if upper && !lower => into.push(sign.to_ascii_uppercase()),
                None if lower && !upper => into.push(sign.to_ascii_lowercase()),
                None => into.push(sign),
            }
        }
    }
}

impl Compiled {
    fn of(piece: Piece) -> Self {
        let mut units = Vec::new();
        for sign in piece.original.chars() {
            match (sign, units.last_mut()) {
                ('\\', Some(Unit::Backslashes(count))) => *count += 1,
                ('\\', _) => units.push(Unit::Backslashes(1)),
                _ => units.push(Unit::Character(sign)),
            }
        }
        Self { units, stand_in: piece.stand_in, rule: piece.rule, length: piece.original.len() }
    }

    fn start(&self) -> Option<[u8; 2]> {
        let byte = |unit: &Unit| match unit {
            Unit::Character(sign) if sign.is_ascii_alphanumeric() => {
                u8::try_from(*sign).ok().map(|byte| byte.to_ascii_lowercase())
            }
            _ => None,
        };
        Some([byte(self.units.first()?)?, byte(self.units.get(1)?)?])
    }

    fn found(&self, text: &str, start: usize) -> Option<Found> {
        let mut spans: Vec<Span> = Vec::new();
        // Other ways to read a place: the next unit, where it begins, and the spans before it.
        let mut others: Vec<(usize, Span)> = Vec::new();
        let mut at = start;
        while let Some(unit) = self.units.get(spans.len()) {
            let mut ways = unit.ways(text, at);
            if let Some(way) = ways.next() {
                others.extend(ways.map(|way| (spans.len(), way)));
                at = way.end;
                spans.push(way);
            } else {
                let (count, way) = others.pop()?;
                spans.truncate(count);
                at = way.end;
                spans.push(way);
            }
        }
        let stands = match self.rule {
            Rule::Anywhere => true,
            Rule::Address => is_whole_address(text, start, at),
            Rule::Word => is_word(text, start, at) && !is_field_name(text, start, at),
        };
        stands.then(|| Found { length: at - start, written: self.written(text, start, &spans) })
    }

    /// How the signs of the piece are written in these spans.
    fn written(&self, text: &str, start: usize, spans: &[Span]) -> Vec<(char, String)> {
        let mut written: Vec<(char, String)> = Vec::new();
        let mut at = start;
        for (unit, span) in self.units.iter().zip(spans) {
            let sign = unit.sign();
            if !sign.is_alphanumeric() && !written.iter().any(|(known, _)| *known == sign) {
                written.push((sign, text[at..at + span.one].to_owned()));
            }
            at = span.end;
        }
        written
    }
}

/// Where a unit stands in a text.
struct Span {
    end: usize,
    /// The length of one sign of it.
    one: usize,
}

impl Unit {
    fn sign(&self) -> char {
        match self {
            Self::Character(sign) => *sign,
            Self::Backslashes(_) => '\\',
        }
    }

    /// The ways in which a text may be read as it, from here on. The longest goes first.
    fn ways(&self, text: &str, at: usize) -> impl Iterator<Item = Span> {
        let rest = &text[at..];
        let lengths = match self {
            Self::Character('%') => {
                ["%2525", "%25", "%"].map(|one| rest.starts_with(one).then_some((one.len(), one.len())))
            }
            // A query language doubles it.
            Self::Character('\'') if rest.starts_with("''") => [Some((2, 2)), Some((1, 1)), None],
            Self::Character(sign) => [written_length(rest, *sign).map(|length| (length, length)), None, None],
            Self::Backslashes(count) => [backslashes(rest, *count), None, None],
        };
        lengths.into_iter().flatten().map(move |(length, one)| Span { end: at + length, one })
    }
}

/// How many bytes a text begins with that stand for a character.
fn written_length(text: &str, sign: char) -> Option<usize> {
    let first = text.chars().next()?;
    if first.eq_ignore_ascii_case(&sign) || (!sign.is_ascii() && first.to_lowercase().eq(sign.to_lowercase()))
    {
        return Some(first.len_utf8());
    }
    match first {
        '%' => percent_length(text, sign),
        '+' if sign == ' ' => Some(1),
        '\\' => {
            let escapes = text.len() - text.trim_start_matches('\\').len();
            let rest = &text[escapes..];
            if matches!(sign, '"' | '\'' | '/') && rest.starts_with(sign) {
                return Some(escapes + 1);
            }
            let code = rest.strip_prefix('u')?.get(..4)?;
            let is_it =
                u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?.eq_ignore_ascii_case(&sign);
            is_it.then_some(escapes + 5)
        }
        _ => None,
    }
}

/// How many bytes a text begins with that stand for a character as percent-encoded once or several times.
fn percent_length(text: &str, sign: char) -> Option<usize> {
    let mut bytes = [0; 4];
    let mut at = 0;
    for byte in sign.encode_utf8(&mut bytes).bytes() {
        let mut rest = text[at..].strip_prefix('%')?;
        at += 1;
        while let Some(deeper) = rest.strip_prefix("25") {
            rest = deeper;
            at += 2;
        }
        let code = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
        if !code.eq_ignore_ascii_case(&byte) {
            return None;
        }
        at += 2;
    }
    Some(at)
}

/// The length of `count` backslashes as they are written here, and of each.
fn backslashes(text: &str, count: usize) -> Option<(usize, usize)> {
    for one in ["\\", "%5C", "%5c", "%255C", "%255c"] {
        let mut times = 0;
        while text[times * one.len()..].starts_with(one) {
            times += 1;
        }
        if times > 0 && times % count == 0 {
            return Some((times * one.len(), times / count * one.len()));
        }
    }
    None
}

fn is_whole_address(text: &str, start: usize, end: usize) -> bool {
    let of_address =
        |byte: u8| byte.is_ascii_digit() || (text[start..end].contains(':') && byte.is_ascii_hexdigit());
    let before = text.as_bytes()[..start].last().copied().filter(|_| !ends_in_escape(&text[..start]));
    let after = text.as_bytes().get(end).copied();
    !before.is_some_and(of_address) && !after.is_some_and(of_address)
}

fn is_word(text: &str, start: usize, end: usize) -> bool {
    let of_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    let before = text[..start].chars().next_back().filter(|_| !ends_in_escape(&text[..start]));
    !before.is_some_and(of_word) && !text[end..].chars().next().is_some_and(of_word)
}

/// Whether it is the whole name of a JSON field.
fn is_field_name(text: &str, start: usize, end: usize) -> bool {
    let is_name = |rest: &str| rest.trim_start().starts_with(':');
    text[..start].ends_with('"') && text[end..].strip_prefix('"').is_some_and(is_name)
}

/// Whether the end of a text stands for a character that is no letter: `%20`, `\n`, `\u0022`.
fn ends_in_escape(text: &str) -> bool {
    let tail = |length: usize| {
        text.len().checked_sub(length).and_then(|start| text.get(start..)).unwrap_or_default()
    };
    let is_code = |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_hexdigit());
    tail(3).strip_prefix('%').is_some_and(is_code)
        || ["\\n", "\\t", "\\r", "\\b", "\\f"].contains(&tail(2))
        || tail(6).strip_prefix("\\u").is_some_and(is_code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redact(original: &str, stand_in: &str, rule: Rule, text: &str) -> String {
        let piece = Piece { original: original.to_owned(), stand_in: stand_in.to_owned(), rule };
        Redactor::new(vec![piece]).apply(text)
    }

    #[test]
    fn a_value_is_found_however_it_is_written_and_its_stand_in_is_written_so_too() {
        let url = |text| redact("bad.example/x y", "v.example/z", Rule::Anywhere, text);
        for (text, redacted) in [
            ("https://bad.example/x y", "https://v.example/z"),
            ("https:%2F%2FBad.example%2Fx%20y", "https:%2F%2Fv.example%2Fz"),
            (
                "q=https%253A%252F%252Fbad%252Eexample%252Fx%2520y",
                "q=https%253A%252F%252Fv%252Eexample%252Fz",
            ),
            (r#"{"url":"https:\/\/bad.example\/x y"}"#, r#"{"url":"https:\/\/v.example\/z"}"#),
            (r"bad.example\u002fx\u0020y", r"v.example\u002fz"),
            ("bad.example/x+y", "v.example/z"),
            ("BAD.EXAMPLE/X%20Y", "V.EXAMPLE/Z"),
            ("Bad.example/x y", "v.example/z"),
        ] {
            assert_eq!(url(text), redacted, "{text}");
        }
        let path = |text| redact(r"C:\Temp\a", r"C:\v", Rule::Anywhere, text);
        assert_eq!(path(r#""C:\\Temp\\a""#), r#""C:\\v""#);
        assert_eq!(path(r#"{"Query":"x == \"C:\\\\Temp\\\\a\""}"#), r#"{"Query":"x == \"C:\\\\v\""}"#);
        assert_eq!(path("C%3A%5CTemp%5Ca"), "C%3A%5Cv");
        assert_eq!(path(r"c:\temp\a"), r"c:\v");
        assert_eq!(redact("o'x", "v", Rule::Word, "name eq 'o''x'"), "name eq 'v'");
    }

    #[test]
    fn an_address_is_not_part_of_a_longer_one() {
        let address = |text| redact("1.2.3.4", "198.18.0.1", Rule::Address, text);
        assert_eq!(address("11.2.3.4 1.2.3.45"), "11.2.3.4 1.2.3.45");
        assert_eq!(address("x%201.2.3.4, (1.2.3.4)"), "x%20198.18.0.1, (198.18.0.1)");
    }

    #[test]
    fn a_common_word_is_replaced_where_it_stands_alone_and_is_no_field() {
        let word = |text| redact("user", "value1", Rule::Word, text);
        assert_eq!(
            word(r#"{"user": "user", "x": "corp\\user", "y": "superuser", "z": "\nuser"}"#),
            r#"{"user": "value1", "x": "corp\\value1", "y": "superuser", "z": "\nvalue1"}"#
        );
    }

    #[test]
    fn the_longest_text_goes_first() {
        let piece = |original: &str, stand_in: &str| Piece {
            original: original.to_owned(),
            stand_in: stand_in.to_owned(),
            rule: Rule::Anywhere,
        };
        let redactor = Redactor::new(vec![piece("bad.example", "a"), piece("www.bad.example", "b")]);
        assert_eq!(redactor.apply("www.bad.example bad.example"), "b a");
        assert!(redactor.occurs_in("x BAD.example") && !redactor.occurs_in("b a"));
    }

    proptest! {
        #[test]
        fn nothing_of_a_secret_is_left(secret in "[ -~ü]{4,20}", before in "\\PC{0,9}", after in "\\PC{0,9}") {
            let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let json = serde_json::to_string(&secret).unwrap();
            let twice = serde_json::to_string(&json).unwrap();
            for form in [secret.clone(), encoded, json.trim_matches('"').to_owned(), twice] {
                prop_assume!(!secret.starts_with('\\') && !secret.ends_with(['\\', '"', '\'']));
                let redacted = redact(&secret, "", Rule::Anywhere, &format!("{before} {form} {after}"));
                prop_assert!(!redacted.contains(&form), "{redacted}");
            }
        }
    }
}
