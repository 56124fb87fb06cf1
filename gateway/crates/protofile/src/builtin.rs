//! Files that need not be there: those that protoc brings, and those that are imported for their options or their common types.
//!
//! They are declarations: names, numbers and types, without comments and without what concerns code generators.

/// The text of a file that is built in.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What usually brings a file, by its name: a repository, and the folder of it that imports count from.
#[must_use]
pub fn package_of(name: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, package)| *package)
}

/// Longer prefixes first.
const PACKAGES: &[(&str, &str)] = &[
    ("google/protobuf/", "protobuf (github.com/protocolbuffers/protobuf, folder `src`)"),
    ("google/", "googleapis (github.com/googleapis/googleapis)"),
    ("grpc/", "grpc-proto (github.com/grpc/grpc-proto)"),
    ("protoc-gen-openapiv2/", "grpc-gateway (github.com/grpc-ecosystem/grpc-gateway)"),
    ("protoc-gen-swagger/", "grpc-gateway v1 (github.com/grpc-ecosystem/grpc-gateway, branch `v1`)"),
    ("gogoproto/", "gogoproto (github.com/cosmos/gogoproto)"),
    ("cosmos_proto/", "cosmos-proto (github.com/cosmos/cosmos-proto, folder `proto`)"),
    ("cosmos/", "cosmos-sdk (github.com/cosmos/cosmos-sdk, folder `proto`)"),
    ("amino/", "cosmos-sdk (github.com/cosmos/cosmos-sdk, folder `proto`)"),
    ("tendermint/", "cometbft (github.com/cometbft/cometbft, folder `proto`)"),
    ("buf/validate/", "protovalidate (github.com/bufbuild/protovalidate, folder `proto/protovalidate`)"),
    ("validate/", "protoc-gen-validate (github.com/bufbuild/protoc-gen-validate)"),
    ("envoy/", "the API of Envoy (github.com/envoyproxy/data-plane-api)"),
    ("udpa/", "xds (github.com/cncf/xds)"),
    ("xds/", "xds (github.com/cncf/xds)"),
    ("opencensus/", "opencensus-proto (github.com/census-instrumentation/opencensus-proto, folder `src`)"),
    ("opentelemetry/", "opentelemetry-proto (github.com/open-telemetry/opentelemetry-proto)"),
    ("k8s.io/", "the Kubernetes API (its Go modules, whose folder is named `k8s.io`)"),
    (
        "github.com/",
        "a Go module: the folder that it counts from is the one that holds `github.com`, such as a `vendor` folder",
    ),
];

/// Name and text; in the order of their names.
const FILES: &[(&str, &str)] = &[
    ("buf/validate/validate.proto", include_str!("../builtin/buf/validate/validate.proto")),
    ("gogoproto/gogo.proto", include_str!("../builtin/gogoproto/gogo.proto")),
    ("google/api/annotations.proto", include_str!("../builtin/google/api/annotations.proto")),
    ("google/api/client.proto", include_str!("../builtin/google/api/client.proto")),
    ("google/api/distribution.proto", include_str!("../builtin/google/api/distribution.proto")),
    ("google/api/error_reason.proto", include_str!("../builtin/google/api/error_reason.proto")),
    ("google/api/field_behavior.proto", include_str!("../builtin/google/api/field_behavior.proto")),
    ("google/api/field_info.proto", include_str!("../builtin/google/api/field_info.proto")),
    ("google/api/http.proto", include_str!("../builtin/google/api/http.proto")),
    ("google/api/httpbody.proto", include_str!("../builtin/google/api/httpbody.proto")),
    ("google/api/label.proto", include_str!("../builtin/google/api/label.proto")),
    ("google/api/launch_stage.proto", include_str!("../builtin/google/api/launch_stage.proto")),
    ("google/api/metric.proto", include_str!("../builtin/google/api/metric.proto")),
    ("google/api/monitored_resource.proto", include_str!("../builtin/google/api/monitored_resource.proto")),
    ("google/api/resource.proto", include_str!("../builtin/google/api/resource.proto")),
    ("google/api/routing.proto", include_str!("../builtin/google/api/routing.proto")),
    ("google/api/visibility.proto", include_str!("../builtin/google/api/visibility.proto")),
    ("google/cloud/common_resources.proto", include_str!("../builtin/google/cloud/common_resources.proto")),
    (
        "google/cloud/extended_operations.proto",
        include_str!("../builtin/google/cloud/extended_operations.proto"),
    ),
    ("google/longrunning/operations.proto", include_str!("../builtin/google/longrunning/operations.proto")),
    ("google/protobuf/any.proto", include_str!("../builtin/google/protobuf/any.proto")),
    ("google/protobuf/api.proto", include_str!("../builtin/google/protobuf/api.proto")),
    (
        "google/protobuf/compiler/plugin.proto",
        include_str!("../builtin/google/protobuf/compiler/plugin.proto"),
    ),
    ("google/protobuf/cpp_features.proto", include_str!("../builtin/google/protobuf/cpp_features.proto")),
    ("google/protobuf/descriptor.proto", include_str!("../builtin/google/protobuf/descriptor.proto")),
    ("google/protobuf/duration.proto", include_str!("../builtin/google/protobuf/duration.proto")),
    ("google/protobuf/empty.proto", include_str!("../builtin/google/protobuf/empty.proto")),
    ("google/protobuf/field_mask.proto", include_str!("../builtin/google/protobuf/field_mask.proto")),
    ("google/protobuf/go_features.proto", include_str!("../builtin/google/protobuf/go_features.proto")),
    ("google/protobuf/java_features.proto", include_str!("../builtin/google/protobuf/java_features.proto")),
    ("google/protobuf/source_context.proto", include_str!("../builtin/google/protobuf/source_context.proto")),
    ("google/protobuf/struct.proto", include_str!("../builtin/google/protobuf/struct.proto")),
    ("google/protobuf/timestamp.proto", include_str!("../builtin/google/protobuf/timestamp.proto")),
    ("google/protobuf/type.proto", include_str!("../builtin/google/protobuf/type.proto")),
    ("google/protobuf/wrappers.proto", include_str!("../builtin/google/protobuf/wrappers.proto")),
    ("google/rpc/code.proto", include_str!("../builtin/google/rpc/code.proto")),
    ("google/rpc/error_details.proto", include_str!("../builtin/google/rpc/error_details.proto")),
    ("google/rpc/http.proto", include_str!("../builtin/google/rpc/http.proto")),
    ("google/rpc/status.proto", include_str!("../builtin/google/rpc/status.proto")),
    ("google/type/calendar_period.proto", include_str!("../builtin/google/type/calendar_period.proto")),
    ("google/type/color.proto", include_str!("../builtin/google/type/color.proto")),
    ("google/type/date.proto", include_str!("../builtin/google/type/date.proto")),
    ("google/type/datetime.proto", include_str!("../builtin/google/type/datetime.proto")),
    ("google/type/dayofweek.proto", include_str!("../builtin/google/type/dayofweek.proto")),
    ("google/type/decimal.proto", include_str!("../builtin/google/type/decimal.proto")),
    ("google/type/expr.proto", include_str!("../builtin/google/type/expr.proto")),
    ("google/type/fraction.proto", include_str!("../builtin/google/type/fraction.proto")),
    ("google/type/interval.proto", include_str!("../builtin/google/type/interval.proto")),
    ("google/type/latlng.proto", include_str!("../builtin/google/type/latlng.proto")),
    ("google/type/localized_text.proto", include_str!("../builtin/google/type/localized_text.proto")),
    ("google/type/money.proto", include_str!("../builtin/google/type/money.proto")),
    ("google/type/month.proto", include_str!("../builtin/google/type/month.proto")),
    ("google/type/phone_number.proto", include_str!("../builtin/google/type/phone_number.proto")),
    ("google/type/postal_address.proto", include_str!("../builtin/google/type/postal_address.proto")),
    ("google/type/quaternion.proto", include_str!("../builtin/google/type/quaternion.proto")),
    ("google/type/timeofday.proto", include_str!("../builtin/google/type/timeofday.proto")),
    (
        "protoc-gen-openapiv2/options/annotations.proto",
        include_str!("../builtin/protoc-gen-openapiv2/options/annotations.proto"),
    ),
    (
        "protoc-gen-openapiv2/options/openapiv2.proto",
        include_str!("../builtin/protoc-gen-openapiv2/options/openapiv2.proto"),
    ),
    ("validate/validate.proto", include_str!("../builtin/validate/validate.proto")),
];
