//! Keys and whole files of other systems (nginx, Envoy, Kong, Traefik, OpenAPI, Kubernetes, …): what is written here instead.

use super::node::{Kind, Node};
use crate::config::diagnostic::{Code, Diagnostic, FileId, Place};

/// Names that other systems use in one place, and the help for all of them.
type Meanings = &'static [(&'static [&'static str], &'static str)];

const LISTENERS: &str = "write where clients connect as `listeners: [{address: 0.0.0.0:3000}]`";
const NO_PLUGINS: &str = "there are no plugins: authentication (`auth`), limits (`rate_limit`), headers (`headers`) and CORS (`cors`) are keys of their own";
const NO_REWRITING: &str = "paths are not rewritten: write the path that clients use; its variables fill fields of the request message";
const FROM_COMMENTS: &str = "the OpenAPI document is made from the descriptors: write comments in the .proto files, and see `gateway openapi`";
const REQUEST_HEADERS: &str = "write `headers: {request: {set: {x-name: value}}}`";
const RESPONSE_HEADERS: &str = "write `headers: {response: {set: {x-name: value}}}`";

const TOP_LEVEL: Meanings = &[
    (
        &["server", "port", "listen", "bind", "address", "host", "entrypoints", "http_port", "https_port"],
        LISTENERS,
    ),
    (
        &["backends", "backend", "clusters", "cluster", "targets", "proxy_pass", "servers"],
        "write the servers as `upstreams`, by name: `upstreams: {users: {address: localhost:50051}}`",
    ),
    (
        &["paths", "endpoints", "location", "locations", "routers", "ingress", "handlers"],
        "write the paths as `routes`: `- get: /users/{id}`",
    ),
    (
        &["proto", "protos", "proto_path", "protoset", "descriptor_set", "proto_descriptor"],
        "write the descriptor sets or .proto files as `descriptors: [proto/]`",
    ),
    (&["plugins", "plugin", "middlewares", "middleware", "filters", "http_filters"], NO_PLUGINS),
    (
        &["authentication", "authorization", "jwt", "security", "providers", "consumers"],
        "write named ways to authenticate callers as `auth: {shop: {jwt: {…}}}`",
    ),
    (
        &["tls", "ssl", "certificates", "certificate"],
        "`tls` is a key of a listener, for clients, and of an upstream, for services",
    ),
    (
        &["logging", "access_log", "accesslog", "log_level", "loglevel"],
        "write `log: {level: info, format: text, access: true}`",
    ),
    (
        &["metrics", "prometheus", "monitoring", "dashboard", "api"],
        "metrics are served by the admin address: `admin: {address: 127.0.0.1:9901}`",
    ),
    (
        &["telemetry", "otel", "opentelemetry", "zipkin", "jaeger"],
        "write `tracing: {otlp: http://localhost:4317}`",
    ),
    (
        &["workers", "worker_processes", "worker_connections", "threads", "concurrency"],
        "the number of workers is an option of the program: `gateway serve --workers N`",
    ),
    (&["gzip", "compress", "encode", "brotli"], "write `compression: [gzip, br]`"),
    (
        &["client_max_body_size", "max_body_size", "body_limit", "max_request_size"],
        "write `limits: {body: 4MiB}`",
    ),
    (&["shutdown_timeout", "grace_period", "graceful_shutdown", "drain_timeout"], "write `drain: 10s`"),
    (
        &["version", "apiversion", "kind", "metadata", "spec"],
        "the file has no version and no header: remove the key",
    ),
    (
        &["env", "environment", "variables", "vars"],
        "write a value of the environment as `${NAME}` or `${NAME:-default}`, where it is used",
    ),
];

const ROUTE: Meanings = &[
    (
        &["regex", "regexp", "pattern", "path_regex", "path_regexp", "safe_regex"],
        "paths are templates, not regular expressions: `*` matches one segment, `**` any number of them",
    ),
    (
        &["upstream_path", "backend_path", "proxy_path", "target_path"],
        "paths are not rewritten: write the path that clients use; its variables fill fields of the request message",
    ),
    (
        &["cors_enabled", "enable_cors", "cors_policy", "allow_origin"],
        "write at the top level `cors: {origins: [https://example.com]}`",
    ),
    (
        &[
            "rewrite",
            "strip_prefix",
            "strip_path",
            "stripprefix",
            "prefix_rewrite",
            "regex_rewrite",
            "path_rewrite",
            "url_rewrite",
            "replace_path",
            "preserve_host",
        ],
        NO_REWRITING,
    ),
    (
        &["redirect", "return", "redirect_to"],
        "redirects are not supported: a route calls a gRPC method, `grpc: package.Service/Method`",
    ),
    (&["plugins", "plugin", "middlewares", "middleware", "filters", "handle", "handlers"], NO_PLUGINS),
    (
        &[
            "backend",
            "backends",
            "cluster",
            "proxy_pass",
            "grpc_pass",
            "target",
            "to",
            "destination",
            "rpc",
            "service",
            "handler",
        ],
        "write the gRPC method as `grpc: package.Service/Method`; `services` says which upstream serves it",
    ),
    (
        &["query", "params", "parameters", "query_params", "query_string", "querystring"],
        "query parameters need no declaration: fields that are neither in the path nor in the body are read from the query",
    ),
    (
        &[
            "request_body",
            "requestbody",
            "responses",
            "operationid",
            "operation_id",
            "summary",
            "description",
            "tags",
            "deprecated",
        ],
        FROM_COMMENTS,
    ),
    (&["name", "id", "route_id"], "routes have no name: logs and metrics use the method and the path"),
    (
        &["priority", "order", "rank", "weight"],
        "the order of routes does not matter: a literal segment wins over `*`, and `*` over `**`",
    ),
    (
        &["prefix", "path_prefix", "match"],
        "write the path as the value of its method; `/files/**` matches everything below /files",
    ),
    (
        &["jwt", "security", "authentication", "authorization", "auth_request", "permissions"],
        "write `auth: NAME`, with an entry of `auth` at the top level",
    ),
    (
        &["proxy_set_header", "request_headers", "request_headers_to_add", "set_headers", "add_headers"],
        REQUEST_HEADERS,
    ),
    (&["add_header", "response_headers", "response_headers_to_add"], RESPONSE_HEADERS),
    (&["proxy_read_timeout", "request_timeout", "timeout_ms", "deadline"], "write `timeout: 3s`"),
    (
        &["cache", "caching", "proxy_cache"],
        "responses are not cached; `headers: {response: {set: {cache-control: …}}}` lets clients cache them",
    ),
    (&["limit_req", "throttle", "quota", "quotas"], "write `rate_limit: {rate: 100/s}`"),
];

const UPSTREAM: Meanings = &[
    (
        &[
            "lb_policy",
            "load_balancing",
            "load_balancer",
            "loadbalancer",
            "lb",
            "algorithm",
            "strategy",
            "policy",
        ],
        "write `balance: round_robin`, `least_request`, `random` or `{hash: header:x-user-id}`",
    ),
    (
        &["protocol", "scheme", "http2", "http2_protocol_options", "h2c", "grpc", "type"],
        "upstreams always use gRPC over HTTP/2: remove the key; `tls: true` switches on TLS",
    ),
    (
        &["max_fails", "fail_timeout", "passive", "consecutive_5xx", "base_ejection_time"],
        "write `outlier_detection: {consecutive_errors: 5, ejection: 30s}`",
    ),
    (&["weight", "weights"], "shares belong to routes: `upstream: {orders: 90%, ordersNext: 10%}`"),
    (
        &["dns", "discovery", "service_discovery", "resolver", "dns_lookup_family"],
        "all addresses of a DNS name are used and resolved again every few seconds: write the name as `address`",
    ),
    (
        &[
            "ssl",
            "transport_socket",
            "secure",
            "insecure",
            "insecure_skip_verify",
            "verify",
            "skip_verify",
            "plaintext",
            "credentials",
        ],
        "write `tls: true`, or `tls: {ca: ca.pem}` for a certificate authority of your own; certificates are always verified, and without `tls` connections are in plain text",
    ),
    (
        &["retries", "num_retries", "retry_on", "retry_policy", "max_retries"],
        "write `retry: {attempts: 3, on: [UNAVAILABLE]}`",
    ),
    (
        &["max_requests", "max_pending", "max_connections", "max_conns", "circuit_breakers", "thresholds"],
        "write `circuit_breaker: {max_requests: 1024}`",
    ),
];

const RETRY: Meanings = &[
    (
        &["retries", "max_retries", "num_retries", "max_attempts", "max", "tries", "count", "limit"],
        "write `attempts: 3`: the number of attempts, the first one included",
    ),
    (
        &["retry_on", "codes", "status_codes", "conditions", "retryable_status_codes", "statuses", "errors"],
        "write the gRPC codes as `on: [UNAVAILABLE]`",
    ),
    (&["timeout", "per_retry_timeout"], "write `per_try_timeout: 1s`"),
    (
        &["interval", "delay", "wait", "retry_back_off", "initial_backoff"],
        "write `backoff: {base: 25ms, max: 1s}`",
    ),
];

/// The places by the words that findings use for them.
const PLACES: &[(&str, Meanings)] = &[
    ("the top level", TOP_LEVEL),
    ("a route", ROUTE),
    ("`defaults`", ROUTE),
    ("an upstream", UPSTREAM),
    ("`retry`", RETRY),
];

/// What is written here instead of a key of another system. `place` is the finding's words for the mapping.
pub(super) fn help(place: &str, key: &str) -> Option<&'static str> {
    let (_, meanings) = PLACES.iter().find(|(known, _)| *known == place)?;
    let key = key.to_ascii_lowercase().replace('-', "_");
    let (_, help) = meanings.iter().find(|(names, _)| names.contains(&key.as_str()))?;
    Some(help)
}

/// A kind of file, the keys of its top level that give it away (all of them), and what to do with it.
struct ForeignFile {
    what: &'static str,
    keys: &'static [&'static str],
    help: &'static str,
}

const WRITE_OWN: &str = "write a routes.yaml of its own: `gateway init --proto DIR` makes a first one";

const FILES: &[ForeignFile] = &[
    ForeignFile {
        what: "an OpenAPI document",
        keys: &["openapi", "paths"],
        help: "routes map paths to gRPC methods: `gateway init --proto DIR` makes a first routes.yaml, and `gateway openapi` prints the document of what it serves",
    },
    ForeignFile {
        what: "a Swagger document",
        keys: &["swagger", "paths"],
        help: "routes map paths to gRPC methods: `gateway init --proto DIR` makes a first routes.yaml, and `gateway openapi` prints the document of what it serves",
    },
    ForeignFile { what: "an Envoy configuration", keys: &["static_resources"], help: WRITE_OWN },
    ForeignFile { what: "an Envoy configuration", keys: &["dynamic_resources"], help: WRITE_OWN },
    ForeignFile { what: "a Kong configuration", keys: &["_format_version"], help: WRITE_OWN },
    ForeignFile { what: "a Traefik configuration", keys: &["entryPoints"], help: WRITE_OWN },
    ForeignFile { what: "a KrakenD configuration", keys: &["endpoints", "version"], help: WRITE_OWN },
    ForeignFile {
        what: "a Kubernetes manifest",
        keys: &["apiVersion", "kind"],
        help: "put routes.yaml into a ConfigMap and name the mounted file: `gateway serve -c /etc/gateway/routes.yaml`",
    },
    ForeignFile { what: "a buf configuration", keys: &["version", "breaking"], help: WRITE_OWN },
    ForeignFile { what: "a buf configuration", keys: &["version", "lint"], help: WRITE_OWN },
    ForeignFile { what: "a buf configuration", keys: &["version", "modules"], help: WRITE_OWN },
];

/// A finding if a file is that of another system: one, in place of one for each of its keys.
pub(in crate::config) fn file(node: &Node) -> Option<Diagnostic> {
    let Kind::Map(entries) = &node.kind else { return None };
    let entry = |name: &str| entries.iter().find(|(key, _)| key.name == name);
    if let Some(found) = FILES.iter().find(|file| file.keys.iter().all(|name| entry(name).is_some())) {
        let place = entry(found.keys.first()?)?.0.place;
        return Some(finding(found.what, place, found.help));
    }
    // Compose has `services`, too: a service there has an image, or is built.
    let (key, services) = entry("services")?;
    let Kind::Map(services) = &services.kind else { return None };
    let is_container = services.iter().any(|(_, service)| match &service.kind {
        Kind::Map(keys) => keys.iter().any(|(key, _)| matches!(key.name.as_str(), "image" | "build")),
        _ => false,
    });
    // Traefik's dynamic configuration has everything below `http`.
    let traefik = entry("http").and_then(|(key, http)| match &http.kind {
        Kind::Map(keys) if keys.iter().any(|(key, _)| key.name == "routers") => Some(key),
        _ => None,
    });
    match traefik {
        Some(key) => Some(finding("a Traefik configuration", key.place, WRITE_OWN)),
        None if is_container => Some(finding("a Compose file", key.place, WRITE_OWN)),
        None => None,
    }
}

/// A finding if a text that is not YAML is in the notation of another system.
pub(in crate::config) fn text(text: &str, file: FileId) -> Option<Diagnostic> {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let opens = |word: &str| lines().any(|line| line.starts_with(word) && line.ends_with('{'));
    let statement = |word: &str| lines().any(|line| line.starts_with(word) && line.ends_with(';'));
    let what = if (opens("server") || opens("location") || opens("upstream"))
        && (statement("listen") || statement("proxy_pass") || statement("grpc_pass") || statement("server"))
    {
        "an nginx configuration"
    } else if opens("") && lines().any(|line| line.starts_with("reverse_proxy ")) {
        "a Caddyfile"
    } else if lines().any(|line| line.starts_with("syntax = \"proto") || line.starts_with("edition = \"")) {
        let help = "name the .proto file in a routes.yaml, as `descriptors: [FILE.proto]`: `gateway init --proto FILE` makes a first one";
        return Some(finding("a .proto file", start(file), help));
    } else {
        return None;
    };
    Some(finding(what, start(file), WRITE_OWN))
}

fn start(file: FileId) -> Place {
    Place::of(file, 0..1)
}

fn finding(what: &str, place: Place, help: &str) -> Diagnostic {
    Diagnostic::error(Code::ForeignFile, format!("this is {what}, not a configuration of the gateway"))
        .at(place, "")
        .with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_key_of_the_gateway_or_told_twice() {
        use super::super::{file, route, upstream};
        let own: &[(&str, Vec<&str>)] = &[
            ("the top level", file::KEYS.to_vec()),
            ("a route", route::SETTINGS.to_vec()),
            ("an upstream", upstream::KEYS.to_vec()),
        ];
        for (place, keys) in own {
            for key in keys {
                assert_eq!(help(place, key), None, "{place}: {key}");
            }
        }
        for (place, meanings) in PLACES {
            let mut names: Vec<&str> = meanings.iter().flat_map(|(names, _)| names.iter().copied()).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{place}");
        }
    }
}
