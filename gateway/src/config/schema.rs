//! The JSON Schema of `routes.yaml`, which editors complete and check from.
//!
//! It is written by hand, in `gateway/routes.schema.json`, for its descriptions are made to be read while typing.
//! `gateway/tests/schema.rs` holds it and the reader of the file together, key by key.

/// The schema (JSON Schema 2020-12).
pub const SCHEMA: &str = include_str!("../../routes.schema.json");
