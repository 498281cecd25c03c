//! Reading what providers send when they do not keep to their own documentation.
//!
//! A field that is missing, `null` or of another type counts as absent; an item of a list that is not of the
//! expected kind is passed over. So one odd value never costs the rest of an answer. Only a text that is not
//! JSON at all fails.
//!
//! ```
//! use relay_core::lenient;
//! #[derive(serde::Deserialize)]
//! struct Report {
//!     #[serde(default, deserialize_with = "lenient::field")]
//!     score: Option<f64>,
//!     #[serde(default, deserialize_with = "lenient::list")]
//!     names: Vec<String>,
//!     #[serde(default, deserialize_with = "lenient::list")]
//!     records: Vec<Record>,
//! }
//! #[derive(serde::Deserialize)]
//! struct Record {
//!     #[serde(default, deserialize_with = "lenient::field")]
//!     value: Option<String>,
//! }
//! lenient::object!(Record);
//!
//! let report: Report =
//!     serde_json::from_str(r#"{"score": "high", "names": ["a", 1], "records": [null, {"value": "x"}]}"#)?;
//! assert_eq!(report.score, None);
//! assert_eq!(report.names, ["a"]);
//! assert_eq!(report.records[0].value.as_deref(), Some("x"));
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use compact_str::CompactString;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A type that takes the kinds of JSON values that suit it. Every method's default takes none.
pub trait LenientValue<'de>: Sized {
    /// `null`.
    fn from_null() -> Option<Self> {
        None
    }

    /// A boolean.
    fn from_bool(_: bool) -> Option<Self> {
        None
    }

    /// A whole number.
    fn from_integer(_: i64) -> Option<Self> {
        None
    }

    /// Any other number.
    fn from_number(_: f64) -> Option<Self> {
        None
    }

    /// A text.
    fn from_text(_: &str) -> Option<Self> {
        None
    }

    /// A list.
    ///
    /// # Errors
    /// The text is not JSON.
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    /// An object.
    ///
    /// # Errors
    /// The text is not JSON.
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// Reads a field: the wanted value, or nothing.
///
/// # Errors
/// The text is not JSON.
pub fn field<'de, D: Deserializer<'de>, T: LenientValue<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(Lenient(PhantomData))
}

/// Reads a list: the items that are of the wanted kind; nothing where there is no list.
///
/// # Errors
/// The text is not JSON.
pub fn list<'de, D: Deserializer<'de>, T: LenientValue<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    field(deserializer).map(Option::unwrap_or_default)
}

/// Reads an object as a map, sorted by key: the values that are of the wanted kind; empty where there is none.
///
/// # Errors
/// The text is not JSON.
pub fn map<'de, D: Deserializer<'de>, T: LenientValue<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    field(deserializer).map(Option::unwrap_or_default)
}

thread_local! {
    /// Items of lists that were left out by the reading that is going on in this thread.
    static DROPPED: Cell<usize> = const { Cell::new(0) };
}

thread_local! {
    /// Memory that lists and maps of the reading that is going on in this thread may still take.
    static MEMORY: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Memory that what is read of a text may take for each of its bytes. A provider's answers become at most a few times
/// as large as they are; `[{},{},…]` would become a hundred times as large.
const MEMORY_TIMES: usize = 16;
/// Of any text, however short.
const MEMORY_LEAST: usize = 256 * 1024;

/// Runs a reading of a text of `bytes` bytes, and says whether it failed because what the text becomes would take too
/// much memory.
pub(crate) fn bounded<T>(bytes: usize, read: impl FnOnce() -> T) -> (T, bool) {
    let before = MEMORY.replace(bytes.saturating_mul(MEMORY_TIMES).max(MEMORY_LEAST));
    let outcome = read();
    (outcome, MEMORY.replace(before) == 0)
}

/// Counts memory that an item takes besides the texts and lists in it, which count themselves.
fn count_memory<E: Error>(bytes: usize) -> Result<(), E> {
    let left = MEMORY.get().saturating_sub(bytes.max(1));
    MEMORY.set(left);
    if left == 0 { Err(E::custom("more items than there is memory for")) } else { Ok(()) }
}

/// Runs a reading, and says how many items of lists it left out because they were not of the wanted kind. A field
/// of another type is not counted: many fields of many providers are of several types.
pub fn counting_dropped<T>(read: impl FnOnce() -> T) -> (T, usize) {
    let before = DROPPED.get();
    let outcome = read();
    (outcome, DROPPED.get().wrapping_sub(before))
}

/// The default of a field that the provider always sends: that it is missing costs nothing but is counted with the
/// items that could not be read, since it shows that the API has changed.
///
/// ```
/// use relay_core::lenient;
/// #[derive(serde::Deserialize)]
/// struct Report {
///     #[serde(default = "lenient::missing", deserialize_with = "lenient::list")]
///     names: Vec<String>,
/// }
/// let read = |json| lenient::counting_dropped(|| serde_json::from_str::<Report>(json).map(|report| report.names));
/// assert_eq!(read(r#"{"names": ["a", 1]}"#).1, 1);
/// assert_eq!(read(r#"{"renamed": ["a", 1]}"#).1, 1);
/// assert_eq!(read(r#"{"names": ["a"]}"#).1, 0);
/// ```
pub fn missing<T: Default>() -> T {
    DROPPED.set(DROPPED.get().wrapping_add(1));
    T::default()
}

/// The items of a list that could be read, and how many it had, for a relay that pages by that number or reports
/// to its user what was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// Those that could be read.
    pub items: Vec<T>,
    /// How many the provider sent.
    pub received: usize,
}

impl<T> List<T> {
    /// How many could not be read.
    pub fn dropped(&self) -> usize {
        self.received.saturating_sub(self.items.len())
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), received: 0 }
    }
}

impl<'de, T: LenientValue<'de>> LenientValue<'de> for List<T> {
    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut read = Self::default();
        while let Some(Item(item)) = list.next_element()? {
            read.received += 1;
            if let Some(item) = item {
                count_memory(size_of::<T>())?;
                read.items.push(item);
            }
        }
        DROPPED.set(DROPPED.get().wrapping_add(read.dropped()));
        Ok(Some(read))
    }
}

/// Reads a field that an answer cannot do without: of the wanted kind, or `null` for an empty one.
///
/// # Errors
/// The value is of another type, or the text is not JSON. That the field is missing is serde's own error.
pub fn required<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: LenientValue<'de> + Default,
{
    deserializer.deserialize_any(Required(PhantomData))
}

struct Required<T>(PhantomData<T>);

impl<'de, T: LenientValue<'de> + Default> Visitor<'de> for Required<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the documented container or null")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::from_list(list)?.ok_or_else(|| A::Error::custom("a list where none is expected"))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::from_object(object)?.ok_or_else(|| A::Error::custom("an object where none is expected"))
    }
}

struct Lenient<T>(PhantomData<T>);

impl<'de, T: LenientValue<'de>> Visitor<'de> for Lenient<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(T::from_bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(T::from_integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => T::from_integer(value),
            Err(_) => T::from_number(value as f64),
        })
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(T::from_number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(T::from_null())
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(T::from_null())
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        field(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        T::from_list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object)
    }
}

/// An element or value read leniently, for use inside lists and maps.
struct Item<T>(Option<T>);

impl<'de, T: LenientValue<'de>> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        field(deserializer).map(Self)
    }
}

impl LenientValue<'_> for bool {
    fn from_bool(value: bool) -> Option<Self> {
        Some(value)
    }
}

impl LenientValue<'_> for f64 {
    fn from_integer(value: i64) -> Option<Self> {
        Some(value as f64)
    }

    fn from_number(value: f64) -> Option<Self> {
        Some(value)
    }
}

impl LenientValue<'_> for i64 {
    fn from_integer(value: i64) -> Option<Self> {
        Some(value)
    }
}

/// Texts only; numbers are not turned into texts.
impl LenientValue<'_> for String {
    fn from_text(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }
}

/// A text that needs no memory of its own while it is short, for what an answer has hundreds of.
impl LenientValue<'_> for CompactString {
    fn from_text(value: &str) -> Option<Self> {
        Some(value.into())
    }
}

impl<'de, T: LenientValue<'de>> LenientValue<'de> for Vec<T> {
    fn from_list<A: SeqAccess<'de>>(list: A) -> Result<Option<Self>, A::Error> {
        List::from_list(list).map(|list| list.map(|list| list.items))
    }
}

/// An object of many fields, which is moved several times while it is read.
impl<'de, T: LenientValue<'de>> LenientValue<'de> for Box<T> {
    fn from_object<A: MapAccess<'de>>(object: A) -> Result<Option<Self>, A::Error> {
        Ok(T::from_object(object)?.map(Self::new))
    }
}

impl<'de, T: LenientValue<'de>> LenientValue<'de> for BTreeMap<String, T> {
    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Option<Self>, A::Error> {
        let mut map = Self::new();
        while let Some((key, Item(value))) = object.next_entry::<String, _>()? {
            if let Some(value) = value {
                count_memory(size_of::<(String, T)>() + key.len())?;
                map.insert(key, value);
            }
        }
        Ok(Some(map))
    }
}

/// Lets structures stand in lenient fields and lists: an object is read as the structure, anything else is
/// nothing. The structure's own fields must be lenient and optional, so that reading it cannot fail.
#[macro_export]
macro_rules! lenient_object {
    ($($structure:ty),+ $(,)?) => {$(
        impl<'de> $crate::lenient::LenientValue<'de> for $structure {
            fn from_object<A: ::serde::de::MapAccess<'de>>(object: A) -> ::std::result::Result<Option<Self>, A::Error> {
                let object = ::serde::de::value::MapAccessDeserializer::new(object);
                <Self as ::serde::Deserialize<'de>>::deserialize(object).map(Some)
            }
        }
    )+};
}

pub use lenient_object as object;

#[cfg(test)]
mod tests;
