//! From tokens to a filter.

use std::iter::Peekable;
use std::vec::IntoIter;

use jiff::Timestamp;

use super::filter::{Filter, Literal, Operator, Path};
use super::token::{Placed, Token, tokens};
use crate::syntax::SyntaxError;

/// Deeper nesting is refused; no API allows nearly as much.
const DEEPEST: usize = 32;

impl Filter {
    /// Reads a decoded `$filter`.
    ///
    /// # Errors
    /// It is not one of the understood shapes.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        filter(text)
    }
}

fn filter(text: &str) -> Result<Filter, SyntaxError> {
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        end: text.len(),
        variables: Vec::new(),
        depth: 0,
    };
    let filter = parser.alternatives()?;
    match parser.tokens.next() {
        None => Ok(filter),
        Some(rest) => {
            Err(SyntaxError::at(rest.place, format!("the filter should end before {:?}", rest.token)))
        }
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Placed>>,
    end: usize,
    /// Variables of the `any` around this place.
    variables: Vec<String>,
    depth: usize,
}

impl Parser {
    fn next(&mut self) -> Result<Placed, SyntaxError> {
        self.tokens.next().ok_or_else(|| SyntaxError::at(self.end, "the filter breaks off"))
    }

    fn sign(&mut self, wanted: char) -> Result<(), SyntaxError> {
        let next = self.next()?;
        if next.token == Token::Sign(wanted) {
            Ok(())
        } else {
            Err(SyntaxError::at(next.place, format!("`{wanted}` was expected, not {:?}", next.token)))
        }
    }

    /// Takes a sign where it is the next token and touches what is before it.
    fn touching(&mut self, wanted: char) -> bool {
        self.tokens.next_if(|next| next.token == Token::Sign(wanted) && !next.spaced).is_some()
    }

    /// Takes a keyword where it is the next token; it stands between spaces.
    fn keyword(&mut self, wanted: &str) -> Result<bool, SyntaxError> {
        let is = |next: &Placed| next.spaced && matches!(&next.token, Token::Word(word) if word == wanted);
        Ok(self.tokens.next_if(is).is_some() && self.spaced()?)
    }

    /// Makes sure that a space stands before the next token.
    fn spaced(&mut self) -> Result<bool, SyntaxError> {
        match self.tokens.peek() {
            Some(next) if next.spaced => Ok(true),
            Some(next) => Err(SyntaxError::at(next.place, "a space was expected")),
            None => Err(SyntaxError::at(self.end, "the filter breaks off")),
        }
    }

    /// `a or b or …`, where `and` binds closer.
    fn alternatives(&mut self) -> Result<Filter, SyntaxError> {
        self.joined("or", Filter::Or, |parser| parser.joined("and", Filter::And, Self::condition))
    }

    fn joined(
        &mut self,
        keyword: &str,
        join: fn(Vec<Filter>) -> Filter,
        part: fn(&mut Self) -> Result<Filter, SyntaxError>,
    ) -> Result<Filter, SyntaxError> {
        let mut parts = vec![part(self)?];
        while self.keyword(keyword)? {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn condition(&mut self) -> Result<Filter, SyntaxError> {
        let Placed { token, place, .. } = self.next()?;
        match token {
            Token::Sign('(') => {
                let inner = self.nested(place)?;
                self.sign(')')?;
                Ok(inner)
            }
            Token::Word(word) if self.touching('(') => self.function(&word, place),
            Token::Word(word) => self.test(word, place),
            other => Err(SyntaxError::at(place, format!("a condition was expected, not {other:?}"))),
        }
    }

    fn nested(&mut self, place: usize) -> Result<Filter, SyntaxError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(SyntaxError::at(place, "the filter is nested too deeply"));
        }
        let inner = self.alternatives()?;
        self.depth -= 1;
        Ok(inner)
    }

    /// `contains(path,'text')` after its parenthesis.
    fn function(&mut self, name: &str, place: usize) -> Result<Filter, SyntaxError> {
        let make = match name {
            "contains" => Filter::Contains,
            "startswith" => Filter::StartsWith,
            _ => return Err(SyntaxError::at(place, format!("the function {name} is not understood"))),
        };
        let next = self.next()?;
        let Token::Word(first) = next.token else {
            return Err(SyntaxError::at(next.place, format!("a path was expected, not {:?}", next.token)));
        };
        let path = self.path(first, next.place)?;
        self.sign(',')?;
        let literal = self.next()?;
        let Token::Literal(Literal::Text(text)) = literal.token else {
            return Err(SyntaxError::at(
                literal.place,
                format!("a text was expected, not {:?}", literal.token),
            ));
        };
        self.sign(')')?;
        Ok(make(path, text))
    }

    /// A condition that begins with a path.
    fn test(&mut self, first: String, place: usize) -> Result<Filter, SyntaxError> {
        let mut segments = vec![first];
        while self.touching('/') {
            let (word, at) = self.word()?;
            if word == "any" && self.touching('(') {
                return self.any(segments, at);
            }
            segments.push(word);
        }
        let path = self.resolved(segments, place)?;
        if self.keyword("in")? {
            return self.list().map(|literals| Filter::In(path, literals));
        }
        let (word, at) = self.word()?;
        let operator = operator(&word)
            .ok_or_else(|| SyntaxError::at(at, format!("the operator {word} is not understood")))?;
        self.spaced()?;
        let literal = self.literal()?;
        // In quotes it would be compared as a text.
        let is_order = !matches!(operator, Operator::Equal | Operator::NotEqual);
        if matches!(&literal, Literal::Text(text) if is_order && text.parse::<Timestamp>().is_ok()) {
            return Err(SyntaxError::at(place, "a time stands without quotes"));
        }
        Ok(Filter::Compare(path, operator, literal))
    }

    /// `any(x: …)` after its parenthesis.
    fn any(&mut self, collection: Vec<String>, place: usize) -> Result<Filter, SyntaxError> {
        let collection = self.resolved(collection, place)?;
        let (variable, at) = self.word()?;
        if variable.contains('.') || self.variables.contains(&variable) {
            return Err(SyntaxError::at(at, format!("{variable} cannot be a variable here")));
        }
        self.sign(':')?;
        self.variables.push(variable);
        let condition = self.nested(place)?;
        self.variables.pop();
        self.sign(')')?;
        Ok(Filter::Any(collection, Box::new(condition)))
    }

    fn path(&mut self, first: String, place: usize) -> Result<Path, SyntaxError> {
        let mut segments = vec![first];
        while self.touching('/') {
            segments.push(self.word()?.0);
        }
        self.resolved(segments, place)
    }

    /// Inside `any`, a path begins with the variable, and elsewhere with a property.
    fn resolved(&mut self, mut segments: Vec<String>, place: usize) -> Result<Path, SyntaxError> {
        if let Some(variable) = self.variables.last() {
            if segments.len() < 2 || segments.first() != Some(variable) {
                return Err(SyntaxError::at(place, format!("a path must begin with {variable}/ here")));
            }
            segments.remove(0);
        }
        let names = |segment: &String| {
            segment.starts_with(|c: char| c.is_ascii_alphabetic()) && !segment.ends_with('.')
        };
        if segments.iter().all(names) && segments.last().is_some_and(|last| !last.contains('.')) {
            Ok(Path(segments))
        } else {
            Err(SyntaxError::at(place, format!("{} is no path", segments.join("/"))))
        }
    }

    fn word(&mut self) -> Result<(String, usize), SyntaxError> {
        match self.next()? {
            Placed { token: Token::Word(word), place, .. } => Ok((word, place)),
            Placed { token, place, .. } => {
                Err(SyntaxError::at(place, format!("a name was expected, not {token:?}")))
            }
        }
    }

    fn literal(&mut self) -> Result<Literal, SyntaxError> {
        match self.next()? {
            Placed { token: Token::Literal(literal), .. } => Ok(literal),
            Placed { token, place, .. } => {
                Err(SyntaxError::at(place, format!("a literal was expected, not {token:?}")))
            }
        }
    }

    /// `('x', 'y')`.
    fn list(&mut self) -> Result<Vec<Literal>, SyntaxError> {
        self.sign('(')?;
        let mut literals = vec![self.literal()?];
        while self.touching(',') {
            literals.push(self.literal()?);
        }
        self.sign(')')?;
        Ok(literals)
    }
}

fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "gt" => Operator::Greater,
        "ge" => Operator::GreaterOrEqual,
        "lt" => Operator::Less,
        "le" => Operator::LessOrEqual,
        _ => return None,
    })
}
