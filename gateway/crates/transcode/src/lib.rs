//! JSON to protobuf wire and back, by plans compiled from descriptors.
//!
//! A [`Schema`] is loaded from descriptor sets; it hands out [`Message`]s. A message *encodes* JSON
//! into its protobuf wire form and *decodes* the wire form into JSON, in one streaming pass each,
//! driven by a [`plan::MessagePlan`] that is compiled once, on first use, and shared.
//!
//! The crate does no I/O, spawns nothing, reads no clock and knows nothing of HTTP.

#![deny(unsafe_code)]

pub mod binding;
mod block;
mod decode;
mod encode;
mod error;
mod load;
mod options;
mod parse;
pub mod plan;
mod pool;
mod response;
mod room;
mod schema;
mod suggest;
#[cfg(test)]
mod test_wire;
mod utf8;

pub use decode::Status;
pub use encode::TextError;
pub use error::{
    DecodeError, DecodeErrorKind, EncodeError, Encoded, LoadError, LoadErrorKind, Reason, Violation,
};
pub use load::same_file;
pub use options::{
    DecodeOptions, EncodeOptions, Enums, IgnoredParameters, MaskPaths, Names, Unknown, UnknownAny, Unset,
};
pub use response::{Body, ResponsePlan};
pub use schema::{Message, Schema, SchemaBuilder};
