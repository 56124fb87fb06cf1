//! The gateway as a process of its own: attacked, drained, restarted under load, its memory measured.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `causes` | why an endpoint cannot be reached, in the log, `/upstreams` and the metrics |
//! | `gateway` | the child process, and honest clients that must not notice what happens beside them |
//! | `frames` | HTTP/2 by hand: frames that no library would write |
//! | `http1` | slow heads and bodies, silence, smuggling, chunks, large answers that nobody reads |
//! | `http2` | floods of every kind, bombs, clients that grant no window |
//! | `vectors` | malformed frames, section by section of RFC 9113 |
//! | `fields` | malformed requests and field sections, played by `vectors` |
//! | `shares` | clients that take more than their part |
//! | `openings` | TLS that stalls or is none, PROXY headers that are none |
//! | `probes` | probes for orchestrators, and the `gateway health` command |
//! | `log` | a log whose reader has stopped |
//! | `watched` | files that change, the lines about them, and a log that is their neighbour |
//! | `reports` | what the log reports of certificates, key sets and handshakes while the gateway runs |
//! | `drain` | an orderly end, and a renewed certificate, under load |
//!
//! An attack passes when honest clients were answered all the while, and the process did not grow.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod causes;
mod drain;
mod fields;
mod frames;
mod gateway;
mod http1;
mod http2;
mod log;
mod openings;
mod probes;
mod reports;
mod shares;
mod vectors;
mod watched;

use testkit::backend::{Backend, BackendBuilder, reply};

/// Shelves of books, some of them large.
const LIBRARY: &str = r#"
    syntax = "proto3";
    package library.v1;
    service Library {
      rpc GetBook(GetBookRequest) returns (Book);
      rpc CreateBook(Book) returns (Book);
    }
    message GetBookRequest { string name = 1; }
    message Book { string name = 1; string text = 2; }
"#;

/// How long the text of the book named `large` is.
const LARGE: usize = 512 << 10;

/// The service behind the gateway: fast, and large where it is asked for it.
async fn library() -> Backend {
    service().start().await
}

/// The same at this address, where another one has been before.
async fn library_on(address: std::net::SocketAddr) -> Backend {
    service().start_on(address).await
}

fn service() -> BackendBuilder {
    let large = "x".repeat(LARGE);
    Backend::of(LIBRARY)
        .on("library.v1.Library/GetBook", move |call| {
            let name = call.json()["name"].as_str().unwrap_or_default().to_owned();
            let text = if name == "large" { large.as_str() } else { "short" };
            reply(serde_json::json!({ "name": name, "text": text }))
        })
        .on("library.v1.Library/CreateBook", |_| reply(serde_json::json!({})))
}
