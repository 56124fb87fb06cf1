//! The gateway as its clients and operators meet it: over real sockets, from files.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `admin` | the admin address: hosts, orders, connections |
//! | `auth` | who may call: tokens, API keys, a service that decides |
//! | `calls` | the main job: REST in, gRPC behind, JSON back |
//! | `cancels` | requests that clients cancel in great numbers, and those of others beside them |
//! | `certificates` | client certificates as services learn them, and handshakes that fail |
//! | `compression` | bodies in gzip, deflate, brotli and zstd, both ways |
//! | `docs` | the page of the API and what it is made of |
//! | `errors` | every refusal, in the shapes of the contract |
//! | `etcd` | etcd as a real backend, where it is installed |
//! | `edge` | connections: HTTP/1.1, HTTP/2, silence, limits, drain |
//! | `metrics` | what Prometheus gets, read by a parser of somebody else's |
//! | `redacted` | what is marked as not for logs does not get there |
//! | `lenient` | what other APIs and clients need beyond the JSON mapping |
//! | `limits` | how often callers may call |
//! | `openapi` | the OpenAPI document, held against what the gateway takes and answers |
//! | `neighbours` | clients that ask for more than a service takes, and those beside them |
//! | `openapi_examples` | the examples of the document: bodies that are accepted as they are, and errors |
//! | `policies` | header rules, and pages of other origins |
//! | `proxies` | who the client is behind trusted proxies and the PROXY protocol |
//! | `records` | what an access record says: the upstream, and what went wrong |
//! | `reflection` | servers as the source of their own descriptors |
//! | `tracing` | one request followed by its trace: log, metadata, exported spans |
//! | `refusals` | what the edge refuses, over both protocols |
//! | `reload` | the file edited while requests run |
//! | `semantics` | what the suites of other transcoders ask of one |
//! | `set` | fields that the gateway fills |
//! | `shares` | what one client may use of the limits |
//! | `tls` | certificates, names, client certificates, renewal |
//! | `vouched` | headers that policies set, and clients that send them in any spelling |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod admin;
mod auth;
mod calls;
mod cancels;
mod certificates;
mod compression;
mod docs;
mod edge;
mod errors;
mod etcd;
mod harness;
mod lenient;
mod limits;
mod metrics;
mod neighbours;
mod openapi;
mod openapi_examples;
mod policies;
mod proxies;
mod records;
mod redacted;
mod reflection;
mod refusals;
mod reload;
mod semantics;
mod set;
mod shares;
mod tls;
mod tokens;
mod tracing;
mod vouched;

use bytes::Bytes;
use testkit::backend::{Backend, BackendBuilder, reply};
use testkit::peer::{Peer, Reaction};

/// A library: what most tests have behind the gateway.
const LIBRARY: &str = r#"
    syntax = "proto3";
    package library.v1;
    import "google/api/annotations.proto";
    import "google/api/httpbody.proto";
    import "google/protobuf/empty.proto";
    import "google/protobuf/field_mask.proto";

    service Library {
      rpc GetBook(GetBookRequest) returns (Book) {
        option (google.api.http) = { get: "/annotated/{name=shelves/*/books/*}" };
      }
      rpc CreateBook(CreateBookRequest) returns (Book);
      rpc UpdateBook(UpdateBookRequest) returns (Book);
      rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);
      rpc DeleteBook(GetBookRequest) returns (google.protobuf.Empty);
      rpc Upload(UploadRequest) returns (google.api.HttpBody);
    }
    enum Format { FORMAT_UNSPECIFIED = 0; PAPER = 1; EBOOK = 2; }
    message Author { string name = 1; string country = 2; }
    message Book {
      string name = 1;
      string title = 2;
      Author author = 3;
      repeated string tags = 4;
      int64 copies = 5;
      Format format = 6;
      optional string note = 7;
    }
    message GetBookRequest { string name = 1; bool full = 2; }
    message CreateBookRequest { string shelf = 1; Book book = 2; string request_token = 3; }
    message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
    message ListBooksRequest {
      string shelf = 1; int32 page_size = 2; repeated Format formats = 3; Author author = 4;
    }
    message ListBooksResponse { repeated Book books = 1; string next_page_token = 2; }
    message UploadRequest { string name = 1; google.api.HttpBody content = 2; }
"#;

/// A library whose methods all answer with an empty message.
fn library() -> BackendBuilder {
    let methods = ["GetBook", "CreateBook", "UpdateBook", "ListBooks", "DeleteBook", "Upload"];
    methods.into_iter().fold(Backend::of(LIBRARY), |library, method| {
        library.on(&format!("library.v1.Library/{method}"), |_| reply(serde_json::json!({})))
    })
}

/// The head of a routes.yaml for a library at this address; the routes come after it.
fn head(backend: &Backend) -> String {
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         admin: {{address: 127.0.0.1:0, hosts: [shop.example]}}\n\
         descriptors: [library.binpb]\n\
         upstreams:\n  library: {{address: {}}}\n\
         services:\n  library.v1.Library: library\n",
        backend.address()
    )
}

/// A gateway before this library, with these routes.
async fn gateway(backend: &Backend, rest: &str) -> harness::Gateway {
    let yaml = format!("{}{rest}", head(backend));
    harness::routes(&yaml).file("library.binpb", backend.descriptors()).start().await
}

/// A gateway before a service that takes every call and never answers.
async fn silent(routes: &str) -> (Peer, harness::Gateway) {
    let peer = Peer::start(|_| Reaction::Held(Box::new(Reaction::Answer(Bytes::new())))).await;
    let descriptors = testkit::backend::compile(LIBRARY);
    let yaml = format!(
        "listeners: [{{address: 127.0.0.1:0}}]\n\
         descriptors: [library.binpb]\n\
         upstreams:\n  library: {{address: {}}}\n\
         services:\n  library.v1.Library: library\n{routes}",
        peer.address()
    );
    let gateway = harness::routes(&yaml).file("library.binpb", descriptors).start().await;
    (peer, gateway)
}
