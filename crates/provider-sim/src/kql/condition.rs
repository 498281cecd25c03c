//! From tokens to conditions and computed columns.

use super::expression::{Expression, HOST};
use super::parse::Parser;
use super::predicate::{Predicate, Test};
use super::token::Token;
use crate::syntax::SyntaxError;

impl Parser {
    /// `a or b or …`.
    pub(super) fn alternatives(&mut self) -> Result<Predicate, SyntaxError> {
        self.joined("or", Predicate::Or, |parser| parser.joined("and", Predicate::And, Self::condition))
    }

    fn joined(
        &mut self,
        keyword: &str,
        join: fn(Vec<Predicate>) -> Predicate,
        part: fn(&mut Self) -> Result<Predicate, SyntaxError>,
    ) -> Result<Predicate, SyntaxError> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.took(&Token::Word(keyword.to_owned())) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { join(parts) })
    }

    fn condition(&mut self) -> Result<Predicate, SyntaxError> {
        if self.took(&Token::Sign("(")) {
            let inner = self.alternatives()?;
            self.sign(")")?;
            return Ok(inner);
        }
        if self.took(&Token::Word("isnotempty".to_owned())) {
            self.sign("(")?;
            let column = self.column()?;
            self.sign(")")?;
            return Ok(Predicate::Column(column, Test::NotEmpty));
        }
        let column = self.column()?;
        let (place, operator) = self.next()?;
        let test = match operator {
            Token::Sign("==") => Test::Equals(self.text()?),
            Token::Sign("=~") => Test::EqualsFolded(self.text()?),
            Token::Sign("in~") => Test::InFolded(self.texts()?),
            Token::Sign(">") => {
                self.keyword("ago")?;
                self.sign("(")?;
                let age = self.span()?;
                self.sign(")")?;
                Test::NewerThan(age)
            }
            Token::Sign(">=") => match self.next()? {
                (_, Token::Moment(start)) => Test::Since(start),
                (place, other) => {
                    return Err(SyntaxError::at(
                        place,
                        format!("a point in time was expected, not {other:?}"),
                    ));
                }
            },
            Token::Word(word) => match word.as_str() {
                "startswith" => Test::StartsWith(self.text()?),
                "endswith" => Test::EndsWith(self.text()?),
                "has" => Test::Has(self.text()?),
                "has_any" => Test::HasAny(self.texts()?),
                "in" => Test::In(self.texts()?),
                _ => return Err(SyntaxError::at(place, format!("the operator {word} is not understood"))),
            },
            other => return Err(SyntaxError::at(place, format!("an operator was expected, not {other:?}"))),
        };
        Ok(Predicate::Column(column, test))
    }

    /// `('x', 'y')`, or the name of a list in parentheses.
    fn texts(&mut self) -> Result<Vec<String>, SyntaxError> {
        self.sign("(")?;
        let place = self.place();
        let texts = match self.tokens.next_if(|(_, token)| matches!(token, Token::Word(_))) {
            Some((_, Token::Word(name))) => {
                let known = self.lists.get(&name).cloned();
                known.ok_or_else(|| SyntaxError::at(place, format!("there is no list {name}")))?
            }
            _ => self.list(Self::text)?,
        };
        self.sign(")")?;
        Ok(texts)
    }

    /// `Name = …`.
    pub(super) fn assignment(&mut self) -> Result<(String, Expression), SyntaxError> {
        let name = self.word()?;
        self.sign("=")?;
        Ok((name, self.expression()?))
    }

    /// `Column` or `Name = …`.
    pub(super) fn projection(&mut self) -> Result<(String, Expression), SyntaxError> {
        let place = self.place();
        let name = self.word()?;
        if self.took(&Token::Sign("=")) {
            return Ok((name, self.expression()?));
        }
        if !self.columns.contains(&name) {
            return Err(SyntaxError::at(place, format!("there is no column {name}")));
        }
        Ok((name.clone(), Expression::Column(name)))
    }

    pub(super) fn expression(&mut self) -> Result<Expression, SyntaxError> {
        if let Some((_, Token::Text(text))) =
            self.tokens.next_if(|(_, token)| matches!(token, Token::Text(_)))
        {
            return Ok(Expression::Text(text));
        }
        let place = self.place();
        let word = self.word()?;
        let mut found = if self.took(&Token::Sign("(")) {
            let call = self.call(&word, place)?;
            self.sign(")")?;
            call
        } else if self.columns.contains(&word) {
            Expression::Column(word)
        } else {
            return Err(SyntaxError::at(place, format!("there is no column {word}")));
        };
        while self.took(&Token::Sign(".")) {
            found = Expression::Member(Box::new(found), self.word()?);
        }
        Ok(found)
    }

    /// The arguments of a function, after its parenthesis.
    fn call(&mut self, function: &str, place: usize) -> Result<Expression, SyntaxError> {
        match function {
            "tolower" => Ok(Expression::ToLower(Box::new(self.expression()?))),
            "tostring" => Ok(Expression::ToString(Box::new(self.expression()?))),
            "parse_json" => Ok(Expression::ParseJson(Box::new(self.expression()?))),
            "bin" => {
                let of = Box::new(self.expression()?);
                self.sign(",")?;
                Ok(Expression::Bin(of, self.span()?))
            }
            "strcat" => Ok(Expression::Concat(self.list(Self::expression)?)),
            "iff" => {
                let one = self.column()?;
                let (place, operator) = self.next()?;
                let case = match operator {
                    Token::Sign("==") => true,
                    Token::Sign("=~") => false,
                    _ => return Err(SyntaxError::at(place, "two columns can only be compared for equality")),
                };
                let columns = [one, self.column()?];
                self.sign(",")?;
                let place = self.place();
                if !self.text()?.is_empty() {
                    return Err(SyntaxError::at(place, "the empty text was expected"));
                }
                self.sign(",")?;
                let otherwise = Box::new(self.expression()?);
                Ok(Expression::UnlessEqual { columns, case, otherwise })
            }
            "extract" => {
                if !self.took(&Token::Verbatim(HOST.to_owned())) {
                    return Err(SyntaxError::at(place, "the pattern is not understood"));
                }
                self.sign(",")?;
                if !self.took(&Token::Number(1)) {
                    return Err(SyntaxError::at(place, "group 1 was expected"));
                }
                self.sign(",")?;
                Ok(Expression::Host(Box::new(self.expression()?)))
            }
            _ => Err(SyntaxError::at(place, format!("the function {function} is not understood"))),
        }
    }
}
