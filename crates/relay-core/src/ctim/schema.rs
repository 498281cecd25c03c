//! CTIM as JSON Schema: what the platform publishes, the stricter profile of what relays emit, and whole answers.

/// The schema (draft 2020-12). `$defs` holds each definition by its name.
pub const SCHEMA: &str = include_str!("ctim.schema.json");
