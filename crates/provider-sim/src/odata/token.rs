//! Words, signs and literals.

use jiff::Timestamp;

use super::filter::Literal;
use crate::syntax::SyntaxError;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A keyword, a name, or a type with dots in it.
    Word(String),
    /// A literal, decoded.
    Literal(Literal),
    /// Punctuation.
    Sign(char),
}

/// A token, where in the filter it begins, and whether a space stands before it.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) place: usize,
    pub(super) spaced: bool,
}

/// Cuts a filter into its tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut found = Vec::new();
    let mut place = 0;
    let mut spaced = false;
    while let Some(character) = text[place..].chars().next() {
        let rest = &text[place..];
        if character == ' ' {
            (place, spaced) = (place + 1, true);
            continue;
        }
        let (token, length) = match character {
            '\'' => quoted(rest).ok_or_else(|| SyntaxError::at(place, "a literal that does not end"))?,
            '(' | ')' | ',' | ':' | '/' => (Token::Sign(character), 1),
            '0'..='9' | '-' => {
                number_or_time(rest).ok_or_else(|| SyntaxError::at(place, "not a number or time"))?
            }
            _ => word(rest)
                .ok_or_else(|| SyntaxError::at(place, format!("unexpected character {character:?}")))?,
        };
        found.push(Placed { token, place, spaced });
        (place, spaced) = (place + length, false);
    }
    Ok(found)
}

/// A text in quotes, in which a quote is doubled and nothing else has a meaning.
fn quoted(rest: &str) -> Option<(Token, usize)> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((place, character)) = characters.next() {
        if character != '\'' {
            text.push(character);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            text.push('\'');
        } else {
            return Some((Token::Literal(Literal::Text(text)), place + 1));
        }
    }
    None
}

fn number_or_time(rest: &str) -> Option<(Token, usize)> {
    let length = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.'));
    let text = &rest[..length];
    let time = || text.parse::<Timestamp>().ok().map(Literal::Time);
    let literal = text.parse().ok().map(Literal::Number).or_else(time)?;
    Some((Token::Literal(literal), length))
}

fn word(rest: &str) -> Option<(Token, usize)> {
    let length = run(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    let token = match &rest[..length] {
        "" => return None,
        "true" => Token::Literal(Literal::Bool(true)),
        "false" => Token::Literal(Literal::Bool(false)),
        "null" => Token::Literal(Literal::Null),
        word => Token::Word(word.to_owned()),
    };
    Some((token, length))
}

fn run(rest: &str, fits: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !fits(c)).unwrap_or(rest.len())
}
