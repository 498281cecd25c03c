//! CTIM entities as the relays emit them.
//!
//! CTIM (Cisco Threat Intelligence Model, <https://github.com/threatgrid/ctim>) is the JSON entity model of
//! the platform. These types only serialize: an invalid value cannot be built, so that whatever a mapping
//! puts together is an answer that the platform accepts.
//!
//! - A [`Sighting`] says that an observable was seen, an [`Indicator`] why that matters, a [`Judgement`] what
//!   a source thinks of the observable, a [`Verdict`] which disposition holds. A [`Relationship`] joins two of
//!   them, and a [`Bundle`] holds what one answer carries.
//! - Constructors take the required fields, chained setters the optional ones. A setter accepts a value or an
//!   `Option` of it; what is absent, blank or empty is left out of the JSON, never `null`.
//! - Text that is too long is cut, a link that is too long or no `http` URL is left out: neither is ever a
//!   reason to lose the entity.
//!
//! Fields of CTIM that no relay fills (`revision`, `composite_indicator_expression`, ...) do not exist here.

mod base;
mod bundle;
mod cut;
mod http_url;
mod id;
mod indicator;
mod interval;
mod judgement;
mod observable;
mod reference;
mod relation;
mod relationship;
mod schema;
mod setters;
mod sighting;
mod table;
mod target;
mod text;
mod time;
pub mod value;
mod verdict;
mod vocabulary;
mod vocabulary_macros;

#[cfg(test)]
mod tests;

pub use base::{Entity, Origin};
pub use bundle::{Bundle, Collection, Identity, Item};
pub use http_url::HttpUrl;
pub use id::{EntityId, Kind, Reference};
pub use indicator::Indicator;
pub use interval::{ObservedTime, ValidTime};
pub use judgement::Judgement;
pub use observable::{Observable, ObservableType};
pub use reference::ExternalReference;
pub use relation::{ObservedRelation, Relations};
pub use relationship::{
    BasedOn, DerivedFrom, DuplicateOf, Edge, ElementOf, MemberOf, RelatedTo, Relationship, SightingOf,
};
pub use schema::SCHEMA;
pub use sighting::Sighting;
pub use table::{Cell, IntoCell, Record, Table, TableRows};
pub use target::Target;
pub use text::{IntoText, LongText, MediumText, ShortText, Text};
pub use time::Timestamp;
pub use verdict::Verdict;
pub use vocabulary::{
    ColumnType, Confidence, Disposition, IndicatorType, RelationType, Resolution, Sensor, Severity, Tlp,
};

/// The version of CTIM against which all entities are meant to be valid.
pub const SCHEMA_VERSION: &str = "1.1.3";
