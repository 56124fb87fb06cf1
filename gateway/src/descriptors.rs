//! Descriptor sources → one schema: descriptor sets, .proto files that are compiled in process, and servers that are asked.
//!
//! Whatever the sources hold, `google.protobuf`, `google.rpc` and the annotations of `google.api` are there as well;
//! other common files are there when they are imported.

mod annotations;
pub mod changes;
mod comments;
mod compile;
mod file_set;
mod files;
mod leave_out;
mod origin;
mod reconcile;
mod reflection;
mod roots;
mod sources;
mod units;

/// The packages of the services that come with gRPC libraries: servers have them beside what they are for.
pub const INFRASTRUCTURE: &[&str] = &[
    "grpc.binarylog.v1",
    "grpc.channelz.v1",
    "grpc.health.v1",
    "grpc.lb.v1",
    "grpc.lookup.v1",
    "grpc.reflection.v1",
    "grpc.reflection.v1alpha",
];

pub use annotations::{HttpRule, RuleFlaw, RuleReader};
pub use comments::Comments;
pub use compile::{ProtoError, proto_text};
pub use files::{read_file, read_text};
pub use origin::Origins;
pub use reflection::{Question, ReflectError, Reflected, reflect, reflect_all};
pub use sources::{
    Content, Digest, Input, Loaded, Made, SourceError, SourceErrorKind, SourceWarning, SourceWarningKind,
    compile_set, load, load_after,
};
