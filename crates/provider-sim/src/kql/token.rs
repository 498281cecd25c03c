//! Words, numbers, signs and literals.

use jiff::{SignedDuration, Timestamp};

use crate::syntax::SyntaxError;

/// A piece of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or a name.
    Word(String),
    /// A whole number.
    Number(u64),
    /// A length of time: `30d`, `1h`.
    Span(SignedDuration),
    /// A point in time: `datetime(2026-11-20T00:00:00Z)`.
    Moment(Timestamp),
    /// A text literal, decoded.
    Text(String),
    /// A text literal without escapes: `@'…'`.
    Verbatim(String),
    /// An operator or punctuation.
    Sign(&'static str),
}

/// A token and where in the query it begins.
pub(super) type Placed = (usize, Token);

/// Longer signs first: the first that fits is taken.
const SIGNS: [&str; 16] =
    ["==", "=~", ">=", "in~", "mv-expand", "|", ",", "(", ")", "=", ">", "[", "]", ";", ".", "*"];

/// Cuts a query into its tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(character) = text[place..].chars().next() {
        let rest = &text[place..];
        if matches!(character, ' ' | '\n' | '\r' | '\t') {
            place += 1;
            continue;
        }
        let (token, length) = match character {
            '\'' | '"' => literal(rest, character).map_err(|problem| SyntaxError::at(place, problem))?,
            '@' => verbatim(rest).ok_or_else(|| SyntaxError::at(place, "a literal that does not end"))?,
            '0'..='9' => number(rest).ok_or_else(|| SyntaxError::at(place, "not a number"))?,
            _ if rest.starts_with(DATETIME) => {
                datetime(rest).ok_or_else(|| SyntaxError::at(place, "not a point in time"))?
            }
            _ => sign(rest)
                .or_else(|| word(rest))
                .ok_or_else(|| SyntaxError::at(place, format!("unexpected character {character:?}")))?,
        };
        found.push((place, token));
        place += length;
    }
    Ok(found)
}

fn sign(rest: &str) -> Option<(Token, usize)> {
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
    Some((Token::Sign(sign), sign.len()))
}

fn word(rest: &str) -> Option<(Token, usize)> {
    let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '_');
    (length > 0).then(|| (Token::Word(rest[..length].to_owned()), length))
}

/// How a point in time begins.
const DATETIME: &str = "datetime(";

/// A point in time with its zone.
fn datetime(rest: &str) -> Option<(Token, usize)> {
    let text = rest.strip_prefix(DATETIME)?;
    let text = &text[..text.find(')')?];
    Some((Token::Moment(text.parse().ok()?), DATETIME.len() + text.len() + 1))
}

/// A number, or a length of time where `d` or `h` follows; nothing else may touch it.
fn number(rest: &str) -> Option<(Token, usize)> {
    let digits = run(rest, |c| c.is_ascii_digit());
    let whole = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let token = match &rest[digits..whole] {
        "" => Token::Number(rest[..digits].parse().ok()?),
        unit @ ("d" | "h") => {
            let number: u32 = rest[..digits].parse().ok()?;
            let hours = i64::from(number) * if unit == "d" { 24 } else { 1 };
            Token::Span(SignedDuration::from_hours(hours))
        }
        _ => return None,
    };
    Some((token, whole))
}

/// A literal that is what it is.
fn verbatim(rest: &str) -> Option<(Token, usize)> {
    let inner = rest.strip_prefix("@'")?;
    let text = &inner[..inner.find('\'')?];
    (!text.contains(char::is_control)).then(|| (Token::Verbatim(text.to_owned()), text.len() + 3))
}

fn run(rest: &str, fits: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !fits(c)).unwrap_or(rest.len())
}

/// A literal in its quotes. It ends with its line, and only these escapes are known.
fn literal(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((place, character)) = characters.next() {
        match character {
            _ if character == quote => {
                let after = place + quote.len_utf8();
                // Whatever else touched it would be a rest of a value that broke out.
                let ends = |next| matches!(next, ' ' | '\n' | '\r' | '\t' | ',' | ')' | ']' | '|');
                if !rest[after..].chars().next().is_none_or(ends) {
                    return Err("a literal must be followed by a space or punctuation".to_owned());
                }
                return Ok((Token::Text(text), after));
            }
            '\\' => match characters.next().map(|(_, escaped)| escaped) {
                Some(escaped @ ('\\' | '\'' | '"')) => text.push(escaped),
                Some('t') => text.push('\t'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                other => return Err(format!("unknown escape {other:?}")),
            },
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                return Err(format!("{character:?} inside a literal"));
            }
            _ => text.push(character),
        }
    }
    Err("a literal that does not end".to_owned())
}
