//! From tokens to a query.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::vec::IntoIter;

use jiff::SignedDuration;

use super::predicate::Predicate;
use super::query::{Aggregate, Query, Script, Step, Top};
use super::table::Table;
use super::token::{Placed, Token, tokens};
use crate::syntax::SyntaxError;

impl Script {
    /// Reads declarations and queries.
    ///
    /// # Errors
    /// It is not one of the understood shapes, or names a column that its table lacks.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser::new(text)?;
        while parser.took(&Token::Word("let".to_owned())) {
            parser.declaration()?;
        }
        let mut queries = Vec::new();
        if parser.took(&Token::Word("union".to_owned())) {
            queries = parser.list(|parser| {
                parser.sign("(")?;
                let query = parser.query()?;
                parser.sign(")")?;
                Ok(query)
            })?;
        } else {
            queries.push(parser.query()?);
        }
        match parser.tokens.next() {
            None => Ok(Self { queries, length: text.len() }),
            Some((place, rest)) => {
                Err(SyntaxError::at(place, format!("the query should end before {rest:?}")))
            }
        }
    }
}

impl Predicate {
    /// Reads a condition on rows of a table with these columns.
    ///
    /// # Errors
    /// It is not one of the understood shapes, or names another column.
    pub(super) fn parse(text: &str, columns: Vec<String>) -> Result<Self, SyntaxError> {
        let mut parser = Parser {
            tokens: tokens(text)?.into_iter().peekable(),
            end: text.len(),
            columns,
            lists: BTreeMap::new(),
        };
        let predicate = parser.alternatives()?;
        match parser.tokens.next() {
            None => Ok(predicate),
            Some((place, other)) => {
                Err(SyntaxError::at(place, format!("nothing was expected, not {other:?}")))
            }
        }
    }
}

impl Query {
    /// Reads one query without declarations.
    ///
    /// # Errors
    /// As [`Script::parse`], or there are several.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut queries = Script::parse(text)?.queries;
        match (queries.pop(), queries.is_empty()) {
            (Some(query), true) => Ok(query),
            _ => Err(SyntaxError::at(0, "one query was expected")),
        }
    }
}

pub(super) struct Parser {
    pub(super) tokens: Peekable<IntoIter<Placed>>,
    end: usize,
    /// The columns that rows have at this point of the query.
    pub(super) columns: Vec<String>,
    /// The lists that were declared.
    pub(super) lists: BTreeMap<String, Vec<String>>,
}

impl Parser {
    fn new(text: &str) -> Result<Self, SyntaxError> {
        let tokens = tokens(text)?.into_iter().peekable();
        Ok(Self { tokens, end: text.len(), columns: Vec::new(), lists: BTreeMap::new() })
    }

    pub(super) fn place(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |(place, _)| *place)
    }

    pub(super) fn next(&mut self) -> Result<Placed, SyntaxError> {
        self.tokens.next().ok_or_else(|| SyntaxError::at(self.end, "the query breaks off"))
    }

    pub(super) fn word(&mut self) -> Result<String, SyntaxError> {
        match self.next()? {
            (_, Token::Word(word)) => Ok(word),
            (place, other) => Err(SyntaxError::at(place, format!("a name was expected, not {other:?}"))),
        }
    }

    pub(super) fn keyword(&mut self, wanted: &str) -> Result<(), SyntaxError> {
        let place = self.place();
        let word = self.word()?;
        if word == wanted { Ok(()) } else { Err(SyntaxError::at(place, format!("`{wanted}` was expected"))) }
    }

    pub(super) fn sign(&mut self, wanted: &str) -> Result<(), SyntaxError> {
        match self.next()? {
            (_, Token::Sign(sign)) if sign == wanted => Ok(()),
            (place, other) => Err(SyntaxError::at(place, format!("`{wanted}` was expected, not {other:?}"))),
        }
    }

    /// Takes the next token where it is this one.
    pub(super) fn took(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if(|(_, token)| token == wanted).is_some()
    }

    pub(super) fn text(&mut self) -> Result<String, SyntaxError> {
        match self.next()? {
            (_, Token::Text(text)) => Ok(text),
            (place, other) => Err(SyntaxError::at(place, format!("a text was expected, not {other:?}"))),
        }
    }

    pub(super) fn span(&mut self) -> Result<SignedDuration, SyntaxError> {
        match self.next()? {
            (_, Token::Span(span)) => Ok(span),
            (place, other) => {
                Err(SyntaxError::at(place, format!("a length of time was expected, not {other:?}")))
            }
        }
    }

    fn number(&mut self) -> Result<usize, SyntaxError> {
        match self.next()? {
            (place, Token::Number(number)) => {
                usize::try_from(number).map_err(|_| SyntaxError::at(place, "a number that is too large"))
            }
            (place, other) => Err(SyntaxError::at(place, format!("a number was expected, not {other:?}"))),
        }
    }

    pub(super) fn column(&mut self) -> Result<String, SyntaxError> {
        let place = self.place();
        let name = self.word()?;
        if self.columns.contains(&name) {
            Ok(name)
        } else {
            Err(SyntaxError::at(place, format!("there is no column {name}")))
        }
    }

    /// One or more, with commas between.
    pub(super) fn list<T>(
        &mut self,
        one: fn(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        let mut all = vec![one(self)?];
        while self.took(&Token::Sign(",")) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// `A = dynamic(["x","y"]);` or `B = A;` after its `let`.
    fn declaration(&mut self) -> Result<(), SyntaxError> {
        let (place, name) = (self.place(), self.word()?);
        self.sign("=")?;
        let from = self.place();
        let word = self.word()?;
        let values = if word == "dynamic" {
            self.sign("(")?;
            self.sign("[")?;
            let values = self.list(Self::text)?;
            self.sign("]")?;
            self.sign(")")?;
            values
        } else {
            let known = self.lists.get(&word).cloned();
            known.ok_or_else(|| SyntaxError::at(from, format!("there is no list {word}")))?
        };
        self.sign(";")?;
        match self.lists.insert(name, values) {
            None => Ok(()),
            Some(_) => Err(SyntaxError::at(place, "the list is declared twice")),
        }
    }

    fn query(&mut self) -> Result<Query, SyntaxError> {
        let place = self.place();
        let name = self.word()?;
        let table =
            Table::named(&name).ok_or_else(|| SyntaxError::at(place, format!("there is no table {name}")))?;
        self.columns = table.columns().map(|(name, _)| name.to_owned()).collect();
        let mut steps = Vec::new();
        while self.took(&Token::Sign("|")) {
            steps.push(self.step()?);
        }
        Ok(Query { table, steps })
    }

    fn step(&mut self) -> Result<Step, SyntaxError> {
        if self.took(&Token::Sign("mv-expand")) {
            return self.expand();
        }
        let place = self.place();
        match self.word()?.as_str() {
            "where" => self.alternatives().map(Step::Where),
            "top" => self.top().map(Step::Top),
            "extend" => {
                let added = self.list(Self::assignment)?;
                self.columns.extend(added.iter().map(|(name, _)| name.clone()));
                Ok(Step::Extend(added))
            }
            "partition" => self.partition(),
            "project" => {
                let kept = self.list(Self::projection)?;
                self.columns = kept.iter().map(|(name, _)| name.clone()).collect();
                Ok(Step::Project(kept))
            }
            "summarize" => self.summarize(),
            other => Err(SyntaxError::at(place, format!("the operator {other} is not understood"))),
        }
    }

    fn top(&mut self) -> Result<Top, SyntaxError> {
        let count = self.number()?;
        self.keyword("by")?;
        let by = self.column()?;
        self.keyword("desc")?;
        Ok(Top { count, by })
    }

    /// `Key = pack_array(…) to typeof(string)` after its operator.
    fn expand(&mut self) -> Result<Step, SyntaxError> {
        let name = self.word()?;
        self.sign("=")?;
        self.keyword("pack_array")?;
        self.sign("(")?;
        let values = self.list(Self::expression)?;
        self.sign(")")?;
        self.keyword("to")?;
        self.keyword("typeof")?;
        self.sign("(")?;
        self.keyword("string")?;
        self.sign(")")?;
        self.columns.push(name.clone());
        Ok(Step::Expand { name, values })
    }

    /// `hint.strategy=native by Key (top 5 by Timestamp desc)` after its operator.
    fn partition(&mut self) -> Result<Step, SyntaxError> {
        let native = self.took(&Token::Word("hint".to_owned()));
        if native {
            self.sign(".")?;
            self.keyword("strategy")?;
            self.sign("=")?;
            self.keyword("native")?;
        }
        self.keyword("by")?;
        let by = self.column()?;
        self.sign("(")?;
        self.keyword("top")?;
        let top = self.top()?;
        self.sign(")")?;
        Ok(Step::Partition { by, top, native })
    }

    /// `Name = max(A), arg_max(B, C) by D, E = bin(F, 1d)` after its operator.
    fn summarize(&mut self) -> Result<Step, SyntaxError> {
        let aggregates = self.list(Self::aggregate)?;
        self.keyword("by")?;
        let by = self.list(Self::projection)?;
        self.columns = by.iter().map(|(name, _)| name.clone()).collect();
        for name in aggregates.iter().flat_map(Aggregate::columns) {
            if !self.columns.contains(name) {
                self.columns.push(name.clone());
            }
        }
        Ok(Step::Summarize { aggregates, by })
    }

    fn aggregate(&mut self) -> Result<Aggregate, SyntaxError> {
        let name = self.word()?;
        if name == "arg_max" {
            self.sign("(")?;
            let column = self.column()?;
            self.sign(",")?;
            let others = if self.took(&Token::Sign("*")) {
                self.columns.iter().filter(|other| **other != column).cloned().collect()
            } else {
                self.list(Self::column)?
            };
            self.sign(")")?;
            return Ok(Aggregate::ArgMax { column, others });
        }
        self.sign("=")?;
        let (place, function) = (self.place(), self.word()?);
        self.sign("(")?;
        let aggregate = match function.as_str() {
            "count" => Aggregate::Count { name },
            "max" => Aggregate::Max { name, column: self.column()? },
            "min" => Aggregate::Min { name, column: self.column()? },
            "dcount" => Aggregate::DistinctCount { name, column: self.column()? },
            _ => return Err(SyntaxError::at(place, format!("the function {function} is not understood"))),
        };
        self.sign(")")?;
        Ok(aggregate)
    }
}
