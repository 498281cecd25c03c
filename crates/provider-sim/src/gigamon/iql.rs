//! The query language, by a strict grammar: comparisons with `=`, `==` and `!=`, joined by `AND` and `OR`, or a bare
//! value ([guide](https://docs.fortinet.com/document/fortindr-cloud/2024.10.0/user-guide/223914)). No escape for
//! quotes is published, so a quote always ends a literal. The further operators are refused.

use std::net::IpAddr;

use serde_json::Value;

use super::network::Entity;

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expression {
    /// Alternatives, each of comparisons that all hold.
    any: Vec<Vec<Comparison>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    event_type: Option<String>,
    path: Vec<String>,
    equal: bool,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Literal(String),
    Operator(&'static str),
}

/// Unprefixed fields that stand for all nested ones of their name.
const EVERYWHERE: [&str; 6] = ["ip", "domain", "md5", "sha1", "sha256", "uuid"];

impl Expression {
    /// Reads a query.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let tokens = tokens(text)?;
        if let [Token::Word(value) | Token::Literal(value)] = tokens.as_slice() {
            // A bare word is a name only with a dot; else it is a comparison cut short.
            let field = Entity::of(value)
                .map(|entity| entity.field())
                .filter(|field| *field != "domain" || value.contains('.'))
                .ok_or("a bare value must be an entity")?;
            let comparison = Comparison {
                event_type: None,
                path: vec![field.to_owned()],
                equal: true,
                value: value.clone(),
            };
            return Ok(Self { any: vec![vec![comparison]] });
        }
        let mut any = vec![Vec::new()];
        let mut rest = tokens.as_slice();
        loop {
            let [Token::Word(field), Token::Operator(operator), value, further @ ..] = rest else {
                return Err("a comparison is expected".to_owned());
            };
            let comparison = comparison(field, *operator != "!=", value)?;
            any.last_mut().ok_or("no alternative")?.push(comparison);
            rest = match further {
                [] => return Ok(Self { any }),
                [Token::Word(word), further @ ..] if word == "AND" => further,
                [Token::Word(word), further @ ..] if word == "OR" => {
                    any.push(Vec::new());
                    further
                }
                _ => return Err("AND or OR is expected".to_owned()),
            };
        }
    }

    /// The values that it asks for: events without any of them need not be looked at.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().filter(|comparison| comparison.equal).map(|one| one.value.as_str())
    }

    /// Whether an event is what it asks for.
    pub(super) fn fits(&self, event: &Value) -> bool {
        self.any.iter().any(|all| all.iter().all(|comparison| comparison.fits(event)))
    }
}

impl Comparison {
    fn fits(&self, event: &Value) -> bool {
        let of_type = self.event_type.as_ref().is_none_or(|wanted| event["event_type"] == **wanted);
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let holds = match *path.as_slice() {
            [field] if self.event_type.is_none() && EVERYWHERE.contains(&field) => {
                everywhere(event, field, &self.value)
            }
            _ => at(event, &path, &self.value),
        };
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
            // The names in a certificate are domains too.
            let of_field = name == field || (field == "domain" && name == "san_dns");
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

fn comparison(field: &str, equal: bool, value: &Token) -> Result<Comparison, String> {
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
    let value = match value {
        Token::Literal(text) => text.clone(),
        // Only addresses and numbers may stand without quotes.
        Token::Word(text) if text.parse::<IpAddr>().is_ok() || text.parse::<f64>().is_ok() => text.clone(),
        _ => return Err("a literal is expected".to_owned()),
    };
    Ok(Comparison { event_type, path, equal, value })
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const OPERATORS: [&str; 3] = ["==", "!=", "="];
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
        } else if let Some(operator) = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)) {
            tokens.push(Token::Operator(operator));
            rest = &rest[operator.len()..];
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
        for good in [
            "ip = '8.8.8.8'",
            "ip=8.8.8.8",
            "domain == \"a.example\"",
            "dns:query.domain = 'a' AND src.ip != 10.0.0.1 OR md5 = ''",
            "8.8.8.8",
            "a.example",
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
            "ip = 'a",
            "ip = 'a''b'",
            "ip = 'a'b",
            "ip = 'a' or ip = 'b'",
            "ip = 'a' OR",
            "ip = 'a'; DROP",
            "IP = 'a'",
            "ip LIKE '8.%'",
            "ip = 10.0.0.0/8",
            "domain = 'it's'",
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
        ] {
            assert_eq!(Expression::parse(query).unwrap().fits(&event), fits, "{query}");
        }
    }
}
