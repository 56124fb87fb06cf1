//! Descriptor sources → one schema: descriptor sets, .proto files that are compiled in process, and servers that are asked.
//!
//! Whatever the sources hold, `google.protobuf`, `google.rpc` and the annotations of `google.api` are there as well;
//! other common files are there when they are imported.

mod annotations;
pub mod changes;
mod comments;
mod compile;
mod files;
mod origin;
mod reflection;
mod roots;
mod sources;

pub use annotations::{HttpRule, RuleFlaw, RuleReader};
pub use comments::Comments;
pub use compile::{ProtoError, proto_text};
pub use files::{read_file, read_text};
pub use origin::Origins;
pub use reflection::{Question, ReflectError, Reflected, reflect, reflect_all};
pub use sources::{
    Content, Digest, Input, Loaded, Made, SourceError, SourceErrorKind, compile_set, load, load_after,
};
