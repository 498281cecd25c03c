//! Answers of the API, as far as they are read. Every field may be missing or of another type than documented.

pub mod account;
pub mod batch;
pub mod evidence;
pub mod hunting;
pub mod intelligence;
pub mod legacy;
pub mod listing;
pub mod v2;

use std::ops::Deref;

use relay_core::lenient::{self, LenientValue, List};
use serde::{Deserialize, Deserializer};

/// An alert of either API.
pub trait Alert: for<'de> LenientValue<'de> + Send {
    /// Its id, where it has one.
    fn id(&self) -> Option<&str>;

    /// When it was made, in the words of the API.
    fn created(&self) -> Option<&str>;
}

/// A page of a list of alerts.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "A: LenientValue<'de>"))]
pub struct AlertPage<A> {
    /// The alerts; nothing where there is no list.
    #[serde(default, deserialize_with = "lenient::field")]
    pub value: Option<List<A>>,
    /// Where the list goes on.
    #[serde(default, rename = "@odata.nextLink", deserialize_with = "text")]
    pub next_link: Option<String>,
}

/// Reads a text. The API writes a blank one for none.
pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: LenientValue<'de> + Deref<Target = str>,
{
    let text: Option<T> = lenient::field(deserializer)?;
    Ok(text.filter(|text| !text.trim().is_empty()))
}
