//! From tokens to a query.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::predicate::{Predicate, Test};
use super::query::{Aggregate, Query, Step};
use super::table::Table;
use super::token::{Placed, Token, tokens};
use crate::syntax::SyntaxError;

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// It is not one of the understood shapes, or names a column that its table lacks.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        query(text)
    }
}

impl Predicate {
    /// Reads a condition on rows of a table with these columns.
    ///
    /// # Errors
    /// It is not one of the understood shapes, or names another column.
    pub(super) fn parse(text: &str, columns: Vec<String>) -> Result<Self, SyntaxError> {
        let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), end: text.len(), columns };
        let predicate = parser.alternatives()?;
        match parser.tokens.next() {
            None => Ok(predicate),
            Some((place, other)) => {
                Err(SyntaxError::at(place, format!("nothing was expected, not {other:?}")))
            }
        }
    }
}

fn query(text: &str) -> Result<Query, SyntaxError> {
    let mut parser =
        Parser { tokens: tokens(text)?.into_iter().peekable(), end: text.len(), columns: Vec::new() };
    let place = parser.place();
    let name = parser.word()?;
    let table =
        Table::named(&name).ok_or_else(|| SyntaxError::at(place, format!("there is no table {name}")))?;
    parser.columns = table.columns().map(|(name, _)| name.to_owned()).collect();
    let mut steps = Vec::new();
    while parser.tokens.peek().is_some() {
        parser.sign("|")?;
        steps.push(parser.step()?);
    }
    Ok(Query { table, steps })
}

struct Parser {
    tokens: Peekable<IntoIter<Placed>>,
    end: usize,
    /// The columns that rows have at this point of the query.
    columns: Vec<String>,
}

impl Parser {
    fn place(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(place, _)| *place)
    }

    fn next(&mut self) -> Result<Placed, SyntaxError> {
        self.tokens.next().ok_or_else(|| SyntaxError::at(self.end, "the query breaks off"))
    }

    fn word(&mut self) -> Result<String, SyntaxError> {
        match self.next()? {
            (_, Token::Word(word)) => Ok(word),
            (place, other) => Err(SyntaxError::at(place, format!("a name was expected, not {other:?}"))),
        }
    }

    fn keyword(&mut self, wanted: &str) -> Result<(), SyntaxError> {
        let place = self.place();
        let word = self.word()?;
        if word == wanted { Ok(()) } else { Err(SyntaxError::at(place, format!("`{wanted}` was expected"))) }
    }

    fn sign(&mut self, wanted: &str) -> Result<(), SyntaxError> {
        match self.next()? {
            (_, Token::Sign(sign)) if sign == wanted => Ok(()),
            (place, other) => Err(SyntaxError::at(place, format!("`{wanted}` was expected, not {other:?}"))),
        }
    }

    /// Takes the next token where it is this one.
    fn took(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if(|(_, token)| token == wanted).is_some()
    }

    fn text(&mut self) -> Result<String, SyntaxError> {
        match self.next()? {
            (_, Token::Text(text)) => Ok(text),
            (place, other) => Err(SyntaxError::at(place, format!("a text was expected, not {other:?}"))),
        }
    }

    fn column(&mut self) -> Result<String, SyntaxError> {
        let place = self.place();
        let name = self.word()?;
        if self.columns.contains(&name) {
            Ok(name)
        } else {
            Err(SyntaxError::at(place, format!("there is no column {name}")))
        }
    }

    /// One or more, with commas between.
    fn list<T>(&mut self, one: fn(&mut Self) -> Result<T, SyntaxError>) -> Result<Vec<T>, SyntaxError> {
        let mut all = vec![one(self)?];
        while self.took(&Token::Sign(",")) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    fn step(&mut self) -> Result<Step, SyntaxError> {
        let place = self.place();
        match self.word()?.as_str() {
            "where" => self.alternatives().map(Step::Where),
            "top" => self.top(),
            "project" => {
                let names = self.list(Self::column)?;
                self.columns.clone_from(&names);
                Ok(Step::Project(names))
            }
            "summarize" => self.summarize(),
            other => Err(SyntaxError::at(place, format!("the operator {other} is not understood"))),
        }
    }

    fn top(&mut self) -> Result<Step, SyntaxError> {
        let count = match self.next()? {
            (place, Token::Number(number)) => {
                usize::try_from(number).map_err(|_| SyntaxError::at(place, "a number that is too large"))?
            }
            (place, other) => {
                return Err(SyntaxError::at(place, format!("a number was expected, not {other:?}")));
            }
        };
        self.keyword("by")?;
        let by = self.column()?;
        let place = self.place();
        let descending = match self.word()?.as_str() {
            "desc" => true,
            "asc" => false,
            _ => return Err(SyntaxError::at(place, "`desc` or `asc` was expected")),
        };
        Ok(Step::Top { count, by, descending })
    }

    fn summarize(&mut self) -> Result<Step, SyntaxError> {
        let name = self.word()?;
        let aggregate = if name == "arg_max" {
            self.sign("(")?;
            let column = self.column()?;
            self.sign(",")?;
            let others = self.list(Self::column)?;
            Aggregate::ArgMax { column, others }
        } else {
            self.sign("=")?;
            self.keyword("max")?;
            self.sign("(")?;
            Aggregate::Max { name, column: self.column()? }
        };
        self.sign(")")?;
        self.keyword("by")?;
        let by = self.list(Self::column)?;
        self.columns.clone_from(&by);
        match &aggregate {
            Aggregate::Max { name, .. } => self.columns.push(name.clone()),
            Aggregate::ArgMax { column, others } => {
                self.columns.push(column.clone());
                self.columns.extend_from_slice(others);
            }
        }
        Ok(Step::Summarize { aggregate, by })
    }

    /// `a or b or …`.
    fn alternatives(&mut self) -> Result<Predicate, SyntaxError> {
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
        let column = self.column()?;
        let (place, operator) = self.next()?;
        let test = match operator {
            Token::Sign("==") => Test::Equals(self.text()?),
            Token::Sign("=~") => Test::EqualsFolded(self.text()?),
            Token::Sign("in~") => Test::InFolded(self.texts()?),
            Token::Sign(">") => {
                self.keyword("ago")?;
                self.sign("(")?;
                let days = match self.next()? {
                    (_, Token::Days(days)) => days,
                    (place, other) => {
                        return Err(SyntaxError::at(place, format!("days were expected, not {other:?}")));
                    }
                };
                self.sign(")")?;
                Test::NewerThanDays(days)
            }
            Token::Word(word) => match word.as_str() {
                "startswith" => Test::StartsWith(self.text()?),
                "has" => Test::Has(self.text()?),
                "in" => Test::In(self.texts()?),
                _ => return Err(SyntaxError::at(place, format!("the operator {word} is not understood"))),
            },
            other => return Err(SyntaxError::at(place, format!("an operator was expected, not {other:?}"))),
        };
        Ok(Predicate::Column(column, test))
    }

    fn texts(&mut self) -> Result<Vec<String>, SyntaxError> {
        self.sign("(")?;
        let texts = self.list(Self::text)?;
        self.sign(")")?;
        Ok(texts)
    }
}
