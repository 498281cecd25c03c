//! Undoes what makes indicators harmless in reports: `hxxps://bad[.]example`, `bad dot example`, invisible characters.

use super::shape;

/// A dot that was written so that nobody follows it. It says that the name is one, even where it could be a file's.
pub(super) const DOT: char = '\u{e000}';

/// Longest text between brackets.
const INSIDE: usize = 5;
/// Longest name in bytes, of which a [`DOT`] has three. What is longer is none, so it is not put together from ever more
/// labels.
const NAME: usize = 512;
/// What stands before `dot` in a sentence.
const WORDS: [&str; 8] = ["a", "an", "one", "or", "that", "the", "this", "to"];
/// What stands for a dot between words.
const SPOKEN: &str = " dot ";

/// A text with every [`DOT`] in its place.
pub(super) fn refang(text: &str) -> String {
    schemes(&spoken(&brackets(&visible(text))))
}

/// A single value.
pub(super) fn value(text: &str) -> String {
    let text = refang(text.trim()).replace(DOT, ".");
    text.trim_matches(['"', '\'', '<', '>', '`']).trim_end_matches([',', ';']).to_owned()
}

/// Without invisible characters, and with straight quotes.
fn visible(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}'
        | DOT => None,
        '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' => Some('"'),
        '\u{2018}'..='\u{201b}' | '\u{2039}' | '\u{203a}' => Some('\''),
        '\u{a0}' => Some(' '),
        c => Some(c),
    };
    text.chars().filter_map(plain).collect()
}

/// `[.]`, `(dot)`, `{.}`, `[:]`, `[://]`, `[@]`, `[at]`, also with a space on both sides of a dot.
fn brackets(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '(', '{']) {
        let (before, bracket) = rest.split_at(at);
        out.push_str(before);
        match bracketed(bracket) {
            None => {
                out.push_str(&bracket[..1]);
                rest = &bracket[1..];
            }
            Some((meant, after)) => {
                let is_dot = meant.starts_with(DOT);
                if is_dot && out.ends_with(' ') && after.starts_with(' ') {
                    out.pop();
                    rest = &after[1..];
                } else {
                    rest = after;
                }
                out.push_str(&meant);
            }
        }
    }
    out.push_str(rest);
    out
}

/// What a text in brackets at the beginning stands for, and what follows.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let close = match text.as_bytes().first()? {
        b'[' => b']',
        b'(' => b')',
        _ => b'}',
    };
    // No further: a text may have many brackets that are never closed.
    let end = 1 + text[1..].bytes().take(INSIDE + 1).position(|byte| byte == close)?;
    let (inside, after) = (&text[1..end], &text[end + 1..]);
    let meant = match inside.trim().to_ascii_lowercase().as_str() {
        "." | "dot" | "punkt" => DOT.to_string(),
        ":" | "://" | ":/" | "/" => inside.trim().to_owned(),
        "@" | "at" => "@".to_owned(),
        _ => return None,
    };
    Some((meant, after))
}

fn is_label(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | DOT)
}

/// `bad dot example`, where that is a name. `the dot com boom` is none.
fn spoken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find_spoken(rest) {
        let (before, after) = (&rest[..at], &rest[at + SPOKEN.len()..]);
        out.push_str(before);
        let first = out.rfind(|c| !is_label(c)).map_or(0, |end| end + last_length(&out[end..]));
        let word = &out[first..];
        let may_be_name = !word.is_empty() && !WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
        let mut name = word.to_owned();
        let mut end = 0;
        while may_be_name && name.len() <= NAME {
            let label = &after[end..];
            let label = &label[..label.find(|c| !is_label(c)).unwrap_or(label.len())];
            end += label.len();
            name.push('.');
            name.push_str(label);
            if !begins_spoken(&after[end..]) {
                break;
            }
            end += SPOKEN.len();
        }
        let name = name.trim_end_matches('.');
        if may_be_name && name.len() <= NAME && shape::is_public_name(&name.replace(DOT, ".")) {
            out.truncate(first);
            out.push_str(&name.replace('.', &DOT.to_string()));
            let left = after[..end].len() - after[..end].trim_end_matches('.').len();
            rest = &after[end - left..];
        } else {
            out.push_str(&rest[at..at + SPOKEN.len() - 1]);
            rest = &rest[at + SPOKEN.len() - 1..];
        }
    }
    out.push_str(rest);
    out
}

fn last_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// Where ` dot ` stands.
fn find_spoken(text: &str) -> Option<usize> {
    text.match_indices(' ').map(|(at, _)| at).find(|at| begins_spoken(&text[*at..]))
}

fn begins_spoken(text: &str) -> bool {
    text.get(..SPOKEN.len()).is_some_and(|word| word.eq_ignore_ascii_case(SPOKEN))
}

/// `hxxp`, `hXXps`, `h**p`, `fxp` before a colon.
fn schemes(text: &str) -> String {
    const DEFANGED: [(&str, &str); 8] = [
        ("hxxps", "https"),
        ("hxxp", "http"),
        ("htxps", "https"),
        ("htxp", "http"),
        ("h**ps", "https"),
        ("h**p", "http"),
        ("fxps", "ftps"),
        ("fxp", "ftp"),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let before = &rest[..at];
        let lower = before.to_ascii_lowercase();
        // `to_ascii_lowercase` keeps lengths.
        match DEFANGED.iter().find(|(word, _)| lower.ends_with(word)) {
            Some((word, scheme)) => {
                out.push_str(&before[..at - word.len()]);
                out.push_str(scheme);
            }
            None => out.push_str(before),
        }
        out.push_str("://");
        rest = &rest[at + "://".len()..];
    }
    out.push_str(rest);
    out
}
