//! Pieces of `OpenAPI` schemas for the types that are strings in JSON.

use utoipa::openapi::schema::{ObjectBuilder, Type};

/// A string, to be narrowed.
pub(super) fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A string out of a closed list.
pub(super) fn one_of(names: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    string().enum_values(Some(names))
}
