//! The query language, by a strict grammar: comparisons with `=`, `==`, `!=`, `IN` and `NOT IN`, joined by `AND` and
//! `OR`, with parentheses, or a bare value ([guide](https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/user-guide/223914)). No escape for
//! quotes is published, so a quote always ends a literal. The further operators are refused.

use std::net::IpAddr;

use serde_json::Value;

use super::network::Entity;

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// One of these holds.
    Any(Vec<Expression>),
    /// All of these hold.
    All(Vec<Expression>),
    /// A field has one of some values, or none of them.
    Clause(Clause),
}

/// A comparison of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    event_type: Option<String>,
    path: Vec<String>,
    equal: bool,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Literal(String),
    Symbol(&'static str),
}

/// Unprefixed fields that stand for all nested ones of their name.
const EVERYWHERE: [&str; 6] = ["ip", "domain", "md5", "sha1", "sha256", "uuid"];
/// The most characters of a query and values of a list. Guesses, so that a caller who packs without bound is caught.
const LONGEST: usize = 32_768;
const MOST_VALUES: usize = 1000;

impl Expression {
    /// Reads a query.
    ///
    /// # Errors
    /// It is none: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > LONGEST {
            return Err("it is too long".to_owned());
        }
        let tokens = tokens(text)?;
        if let [Token::Word(value) | Token::Literal(value)] = tokens.as_slice() {
            // A bare word is a name only with a dot; else it is a comparison cut short.
            let field = Entity::of(value)
                .map(|entity| entity.field())
                .filter(|field| *field != "domain" || value.contains('.'))
                .ok_or("a bare value must be an entity")?;
            return clause(field, true, vec![value.clone()]).map(Self::Clause);
        }
        let mut rest = tokens.as_slice();
        let expression = any(&mut rest)?;
        if rest.is_empty() { Ok(expression) } else { Err("AND or OR is expected".to_owned()) }
    }

    /// The values that it asks for: events without any of them need not be looked at.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::values).collect(),
            Self::Clause(clause) if clause.equal => clause.values.iter().map(String::as_str).collect(),
            Self::Clause(_) => Vec::new(),
        }
    }

    /// Whether it has lists of values.
    pub(super) fn has_lists(&self) -> bool {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().any(Self::has_lists),
            Self::Clause(clause) => clause.values.len() > 1,
        }
    }

    /// Whether an event is what it asks for.
    pub(super) fn fits(&self, event: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.fits(event)),
            Self::All(parts) => parts.iter().all(|part| part.fits(event)),
            Self::Clause(clause) => clause.fits(event),
        }
    }
}

/// Alternatives, joined by `OR`, which binds less than `AND`.
fn any(rest: &mut &[Token]) -> Result<Expression, String> {
    let mut parts = vec![all(rest)?];
    while let Some(after) = word(rest, "OR") {
        *rest = after;
        parts.push(all(rest)?);
    }
    Ok(Expression::Any(parts))
}

fn all(rest: &mut &[Token]) -> Result<Expression, String> {
    let mut parts = vec![part(rest)?];
    while let Some(after) = word(rest, "AND") {
        *rest = after;
        parts.push(part(rest)?);
    }
    Ok(Expression::All(parts))
}

/// A clause, or an expression in parentheses.
fn part(rest: &mut &[Token]) -> Result<Expression, String> {
    if let [Token::Symbol("("), after @ ..] = *rest {
        *rest = after;
        let inner = any(rest)?;
        let [Token::Symbol(")"), after @ ..] = *rest else { return Err("')' is expected".to_owned()) };
        *rest = after;
        return Ok(inner);
    }
    let [Token::Word(field), after @ ..] = *rest else { return Err("a comparison is expected".to_owned()) };
    if let [Token::Symbol(operator @ ("=" | "==" | "!=")), value, after @ ..] = after {
        *rest = after;
        return clause(field, *operator != "!=", vec![literal(value)?.1]).map(Expression::Clause);
    }
    let (equal, after) = match word(after, "NOT") {
        Some(after) => (false, after),
        None => (true, after),
    };
    let after = word(after, "IN").ok_or("an operator is expected")?;
    let [Token::Symbol("("), after @ ..] = after else { return Err("'(' is expected".to_owned()) };
    *rest = after;
    clause(field, equal, list(rest)?).map(Expression::Clause)
}

/// The literals of a list, of one type, up to its end.
fn list(rest: &mut &[Token]) -> Result<Vec<String>, String> {
    let mut values = Vec::new();
    let mut quoted = None;
    loop {
        let [value, separator, after @ ..] = *rest else { return Err("a list has no end".to_owned()) };
        let (is_quoted, value) = literal(value)?;
        if *quoted.get_or_insert(is_quoted) != is_quoted {
            return Err("the values of a list must be of one type".to_owned());
        }
        values.push(value);
        *rest = after;
        match separator {
            Token::Symbol(",") => {}
            Token::Symbol(")") if values.len() <= MOST_VALUES => return Ok(values),
            Token::Symbol(")") => return Err("a list is too long".to_owned()),
            _ => return Err("',' or ')' is expected".to_owned()),
        }
    }
}

fn word<'t>(rest: &'t [Token], wanted: &str) -> Option<&'t [Token]> {
    match rest {
        [Token::Word(word), after @ ..] if word == wanted => Some(after),
        _ => None,
    }
}

/// A literal, and whether it is quoted: only addresses and numbers may stand without quotes.
fn literal(token: &Token) -> Result<(bool, String), String> {
    match token {
        Token::Literal(text) => Ok((true, text.clone())),
        Token::Word(text) if text.parse::<IpAddr>().is_ok() || text.parse::<f64>().is_ok() => {
            Ok((false, text.clone()))
        }
        _ => Err("a literal is expected".to_owned()),
    }
}

impl Clause {
    fn fits(&self, event: &Value) -> bool {
        let of_type = self.event_type.as_ref().is_none_or(|wanted| event["event_type"] == **wanted);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let holds = self.values.iter().any(|value| match *path.as_slice() {
            [field] if self.event_type.is_none() && EVERYWHERE.contains(&field) => {
                everywhere(event, field, value)
            }
            _ => at(event, &path, value),
        });
        of_type && holds == self.equal
    }
}

/// Addresses are equal however they are spelled, the rest is compared as text.
fn same(one: &str, other: &str) -> bool {
    match (one.parse::<IpAddr>(), other.parse::<IpAddr>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn everywhere(value: &Value, field: &str, wanted: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| everywhere(item, field, wanted)),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            // The names in a certificate are domains too, and a feed may name any value.
            let of_field = name == field || name == "indicator" || (field == "domain" && name == "san_dns");
            (of_field && at(value, &[], wanted)) || everywhere(value, field, wanted)
        }),
        _ => false,
    }
}

fn at(value: &Value, path: &[&str], wanted: &str) -> bool {
    match (value, path) {
        (Value::Array(items), _) => items.iter().any(|item| at(item, path, wanted)),
        (Value::String(text), []) => same(text, wanted),
        (Value::Null | Value::Object(_), []) => false,
        (Value::Bool(truth), []) => wanted == if *truth { "true" } else { "false" },
        (Value::Number(number), []) => {
            wanted.parse().is_ok_and(|wanted: f64| number.as_f64() == Some(wanted))
        }
        (_, [name, rest @ ..]) => value.get(name).is_some_and(|value| at(value, rest, wanted)),
    }
}

fn clause(field: &str, equal: bool, values: Vec<String>) -> Result<Clause, String> {
    let (event_type, path) = match field.split_once(':') {
        Some((event_type, path)) => (Some(event_type.to_owned()), path),
        None => (None, field),
    };
    let name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if !path.iter().all(|part| name(part)) || !event_type.as_deref().is_none_or(name) {
        return Err(format!("'{field}' is not a field"));
    }
    let is_address = path.last().is_some_and(|last| last == "ip");
    if is_address && !values.iter().all(|value| value.parse::<IpAddr>().is_ok()) {
        return Err(format!("'{field}' takes addresses only"));
    }
    Ok(Clause { event_type, path, equal, values })
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SYMBOLS: [&str; 6] = ["==", "!=", "=", "(", ")", ","];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '\'' | '"') {
            let (literal, after) = rest[1..].split_once(first).ok_or("a literal has no end")?;
            tokens.push(Token::Literal(literal.to_owned()));
            if after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '\'' | '"')) {
                return Err("a literal is followed by neither space nor operator".to_owned());
            }
            rest = after;
        } else if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
            let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("'{first}' is not expected"));
            }
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    if tokens.is_empty() { Err("the query is empty".to_owned()) } else { Ok(tokens) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_are_read_strictly() {
        let long_list = format!("md5 IN ({})", vec!["''"; MOST_VALUES + 1].join(", "));
        let long_query = format!("domain = '{}'", "a".repeat(LONGEST));
        for good in [
            "ip = '8.8.8.8'",
            "ip=8.8.8.8",
            "domain == \"a.example\"",
            "dns:query.domain = 'a' AND src.ip != 10.0.0.1 OR md5 = ''",
            "8.8.8.8",
            "a.example",
            "ip IN ('8.8.8.8', '2001:db8::1') OR domain = 'a.example'",
            "ip IN (8.8.8.8)",
            "(domain NOT IN ('a', 'b') OR md5 = '') AND (qtype IN (1, 28))",
        ] {
            assert!(Expression::parse(good).is_ok(), "{good}: {:?}", Expression::parse(good));
        }
        for bad in [
            "",
            " ",
            "ip",
            "ip =",
            "ip = ",
            "ip = a.example",
            "= '8.8.8.8'",
            "md5 = 'a",
            "md5 = 'a''b'",
            "md5 = 'a'b",
            "md5 = 'a' or md5 = 'b'",
            "md5 = 'a' OR",
            "md5 = 'a'; DROP",
            "IP = 'a'",
            "ip LIKE '8.%'",
            "ip = 10.0.0.0/8",
            "domain = 'it's'",
            "ip IN ()",
            "ip IN ('8.8.8.8'",
            "ip IN ('8.8.8.8',)",
            "ip IN '8.8.8.8'",
            "ip IN ('8.8.8.8', 'a.example')",
            "ip = 'a.example'",
            "qtype IN (1, '28')",
            "domain IN ('a') OR",
            "domain NOT ('a')",
            "(domain = 'a'",
            "domain = 'a')",
            "domain IN ('a', 'it's')",
            &long_list,
            &long_query,
        ] {
            assert!(Expression::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_event_fits_by_any_field_of_the_name() {
        let event = json!({
            "event_type": "dns", "src": {"ip": "10.0.0.1"}, "answers": [{"domain": "b.example"}, {"ip": "2001:db8::1"}],
        });
        for (query, fits) in [
            ("ip = '2001:0db8::1'", true),
            ("src.ip = '10.0.0.1'", true),
            ("answers.ip = '10.0.0.1'", false),
            ("dns:answers.domain = 'b.example'", true),
            ("http:answers.domain = 'b.example'", false),
            ("domain = 'B.example'", false),
            ("domain = 'x' OR ip = '10.0.0.1'", true),
            ("domain = 'x' AND ip = '10.0.0.1'", false),
            ("ip != '10.0.0.1'", false),
            ("10.0.0.1", true),
            ("domain IN ('x', 'b.example')", true),
            ("domain NOT IN ('x', 'b.example')", false),
            ("domain NOT IN ('x')", true),
            ("(domain = 'x' OR ip = '10.0.0.1') AND dns:answers.domain = 'b.example'", true),
            ("domain = 'x' AND (ip = '10.0.0.1' OR ip = '10.0.0.2')", false),
        ] {
            assert_eq!(Expression::parse(query).unwrap().fits(&event), fits, "{query}");
        }
    }
}
