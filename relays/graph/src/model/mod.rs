//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

pub mod hunting;
pub mod legacy;
pub mod v2;

use relay_core::lenient::{self, LenientValue};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

/// An alert of either API.
pub trait Alert: for<'de> LenientValue<'de> + Send {
    /// Its id, where it has one that is not blank.
    fn id(&self) -> Option<&str>;
}

/// A page of a list of alerts.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "A: LenientValue<'de>"))]
pub struct AlertPage<A> {
    /// The alerts; nothing where there is no list.
    #[serde(default, deserialize_with = "lenient::field")]
    pub value: Option<Vec<Item<A>>>,
    /// Where the list goes on.
    #[serde(default, rename = "@odata.nextLink", deserialize_with = "lenient::field")]
    pub next_link: Option<String>,
}

/// An item of a list: an alert, or something else, which is counted.
#[derive(Debug)]
pub struct Item<A>(pub Option<A>);

impl<'de, A: LenientValue<'de>> LenientValue<'de> for Item<A> {
    fn from_bool(_: bool) -> Option<Self> {
        Some(Self(None))
    }

    fn from_integer(_: i64) -> Option<Self> {
        Some(Self(None))
    }

    fn from_number(_: f64) -> Option<Self> {
        Some(Self(None))
    }

    fn from_text(_: &str) -> Option<Self> {
        Some(Self(None))
    }

    fn from_list<S: SeqAccess<'de>>(mut list: S) -> Result<Option<Self>, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Self(None)))
    }

    fn from_object<M: MapAccess<'de>>(object: M) -> Result<Option<Self>, M::Error> {
        A::from_object(object).map(|alert| Some(Self(alert)))
    }
}

/// A text with more than white space.
pub(crate) fn told(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}
