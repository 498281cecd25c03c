//! A filter as a tree.

use jiff::Timestamp;

/// A condition on an entity.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// At least one of these.
    Or(Vec<Filter>),
    /// All of these.
    And(Vec<Filter>),
    /// `path eq 'x'` and its like.
    Compare(Path, Operator, Literal),
    /// `path in ('x', 'y')`.
    In(Path, Vec<Literal>),
    /// `contains(path,'x')`.
    Contains(Path, String),
    /// `startswith(path,'x')`.
    StartsWith(Path, String),
    /// `path/any(x: …)`: an item of the collection fits. The condition's paths are relative to the item.
    Any(Path, Box<Filter>),
}

/// The way from an entity to a value. A segment with dots in it is a type: it leads on where the entity is of
/// that type, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<String>);

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `eq`
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `ge`
    GreaterOrEqual,
    /// `lt`
    Less,
    /// `le`
    LessOrEqual,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A text in quotes, decoded.
    Text(String),
    /// A number.
    Number(f64),
    /// A time, without quotes.
    Time(Timestamp),
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
}

impl Filter {
    /// The decoded text literals, in the order in which they stand.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().flat_map(Self::texts).collect(),
            Self::Compare(_, _, literal) => literal.text().into_iter().collect(),
            Self::In(_, literals) => literals.iter().filter_map(Literal::text).collect(),
            Self::Contains(_, text) | Self::StartsWith(_, text) => vec![text],
            Self::Any(_, condition) => condition.texts(),
        }
    }

    /// What is compared, in the order in which it stands, with the path of the collection before that of its
    /// items.
    pub fn paths(&self) -> Vec<String> {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().flat_map(Self::paths).collect(),
            Self::Compare(path, ..)
            | Self::In(path, _)
            | Self::Contains(path, _)
            | Self::StartsWith(path, _) => vec![path.0.join("/")],
            Self::Any(collection, condition) => {
                let collection = collection.0.join("/");
                condition.paths().into_iter().map(|path| format!("{collection}/{path}")).collect()
            }
        }
    }
}

impl Literal {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Time(_) | Self::Bool(_) | Self::Null => None,
        }
    }
}
