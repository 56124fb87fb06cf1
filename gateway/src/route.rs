//! A route: which requests it takes, which gRPC method it calls, and how the one becomes the other; all compiled.
//!
//! Plans are built once, when the configuration loads, and shared by every request from then on.

mod host;
mod own;
mod plan;
mod table;

pub use host::{HostError, HostPattern, host_name};
pub use own::{DocsFile, DocsPath, DocsPathError, Own, OwnPaths, allowed};
pub use plan::{
    BodyType, ErrorFormat, GrpcMethod, Idempotency, Origin, OriginKind, RoutePlan, Target, Targets, identity,
};
pub use table::{
    ANY_METHOD, Candidate, CandidateOutcome, Lookup, Matcher, Matches, Problem, Table, TableBuilder, contest,
};
