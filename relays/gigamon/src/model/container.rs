//! What an answer cannot do without: its container may be `null`, which means nothing, but neither missing nor
//! of another type. What is in it is read leniently.

use std::fmt;
use std::marker::PhantomData;

use relay_core::lenient::{self, LenientValue};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Reads a field that must be there: of the wanted kind, or `null` for an empty one.
///
/// # Errors
/// The value is of another type.
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

/// The items of a list that could be read, and how many it had.
#[derive(Clone, Debug)]
pub struct List<T> {
    /// Those that could be read.
    pub items: Vec<T>,
    /// How many the provider sent: what paging counts.
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
        while let Some(Slot(item)) = list.next_element()? {
            read.received += 1;
            read.items.extend(item);
        }
        Ok(Some(read))
    }
}

/// A place in a list, whatever stands there.
struct Slot<T>(Option<T>);

impl<'de, T: LenientValue<'de>> Deserialize<'de> for Slot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::field(deserializer).map(Self)
    }
}
