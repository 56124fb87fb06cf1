//! Descriptor sources → one schema: descriptor sets, and .proto files that are compiled in process.
//!
//! Whatever the sources hold, `google.protobuf`, `google.rpc` and the annotations of `google.api` are there as well.

mod annotations;
mod compile;
mod origin;
mod sources;

pub use annotations::{HttpRule, RuleReader};
pub use compile::ProtoError;
pub use origin::Origins;
pub use sources::{Input, Loaded, SourceError, SourceErrorKind, compile_set, load};
