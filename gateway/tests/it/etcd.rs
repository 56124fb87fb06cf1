//! etcd behind the gateway: the program that Debian packages, and the routes.yaml that `init` writes for it.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gateway::commands::init::{self, NamedUpstream, Origin};
use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use transcode::Schema;

use crate::harness::{Gateway, routes};

const PROTO: &str = include_str!("etcd.proto");

/// How long etcd has to elect itself.
const START: Duration = Duration::from_secs(30);

/// A running etcd with a folder of its own, on a unix socket.
struct Etcd {
    child: Child,
    folder: TempDir,
}

impl Etcd {
    /// Starts etcd and waits until it serves; none where it is not installed.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // etcd makes sockets of these names in its working directory.
        let (client, peer) = ("unix://client.sock:0", "unix://peer.sock:0");
        let child = Command::new("etcd")
            .current_dir(folder.path())
            .args(["--data-dir", "data", "--name", "test", "--initial-cluster", &format!("test={peer}")])
            .args(["--listen-client-urls", client, "--advertise-client-urls", client])
            .args(["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer])
            // Releases before 3.5 start on this architecture only with consent.
            .env("ETCD_UNSUPPORTED_ARCH", "arm64")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            child => child.unwrap(),
        };
        let (ready, is_ready) = oneshot::channel();
        let log = BufReader::new(child.stderr.take().unwrap());
        let etcd = Self { child, folder };
        // Reads to the end, so that etcd never waits for a full pipe.
        std::thread::spawn(move || {
            let mut ready = Some(ready);
            let mut text = String::new();
            for line in log.lines().map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                if line.contains("ready to serve client requests")
                    && let Some(ready) = ready.take()
                {
                    drop(ready.send(Ok(())));
                }
            }
            if let Some(ready) = ready.take() {
                drop(ready.send(Err(text)));
            }
        });
        let state = tokio::time::timeout(START, is_ready).await.expect("etcd is ready in time").unwrap();
        state.unwrap_or_else(|log| panic!("etcd does not start:\n{log}"));
        Some(etcd)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("client.sock:0")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A gateway before this etcd, with the file that `init` writes.
async fn gateway_before(etcd: &Etcd) -> Gateway {
    let set = testkit::backend::compile(PROTO);
    let schema = Schema::load(&[&set]).unwrap();
    let origin = Origin::Path { path: "etcd.binpb".to_owned(), imports: Vec::new() };
    let upstream: NamedUpstream = format!("etcd=unix:{}", etcd.socket().display()).parse().unwrap();
    let written = init::write(&schema, &origin, "etcd.proto", &[upstream]).unwrap();
    assert_eq!(written.summary, Vec::<String>::new());
    let yaml = written.text.replace("0.0.0.0:3000", "127.0.0.1:0");
    routes(&yaml).file("etcd.binpb", set).start().await
}

fn base64(text: &str) -> String {
    base64_simd::STANDARD.encode_to_string(text)
}

/// Posts JSON; gives the status and the JSON of the response.
async fn post(gateway: &Gateway, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = gateway.send("POST", path, &body.to_string()).await;
    (answer.status, answer.json())
}

/// The same, for a call that succeeds; gives the response without its header, and the revision from the header.
#[track_caller]
fn succeeded((status, mut body): (StatusCode, Value)) -> (Value, i64) {
    assert_eq!(status, StatusCode::OK, "{body}");
    let header = body.as_object_mut().unwrap().remove("header").unwrap();
    let revision = header["revision"].as_str().map_or(0, |text| text.parse().unwrap());
    (body, revision)
}

#[tokio::test]
async fn etcd_is_called_with_the_file_that_init_writes() {
    let Some(etcd) = Etcd::start().await else {
        // Past the capture of the test harness.
        writeln!(std::io::stderr(), "skipped: etcd is not installed (Debian: etcd-server)").unwrap();
        return;
    };
    let gateway = gateway_before(&etcd).await;
    keys_are_put_read_and_deleted(&gateway).await;
    leases_end_with_their_keys(&gateway).await;
    transactions_take_one_of_two_branches(&gateway).await;
    errors_have_the_status_of_their_code(&gateway).await;
    gateway.stop().await;
}

async fn keys_are_put_read_and_deleted(gateway: &Gateway) {
    for (key, value) in [("k/1", "one"), ("k/2", "zwei ✓"), ("k/3", "")] {
        let put = post(gateway, "/v3/kv/put", json!({"key": base64(key), "value": base64(value)})).await;
        assert_eq!(succeeded(put).0, json!({}));
    }
    let put = json!({"key": base64("k/1"), "value": base64("uno"), "prevKv": true});
    let (put, _) = succeeded(post(gateway, "/v3/kv/put", put).await);
    assert_eq!(put["prevKv"]["value"], base64("one"));

    let range = json!({"key": base64("k/"), "rangeEnd": base64("k0"), "sortOrder": "DESCEND", "limit": "2"});
    let (range, revision) = succeeded(post(gateway, "/v3/kv/range", range).await);
    assert!(revision > 4, "{revision}");
    assert_eq!((&range["more"], &range["count"]), (&json!(true), &json!("3")));
    let kvs = range["kvs"].as_array().unwrap();
    assert_eq!(kvs.len(), 2);
    assert_eq!(kvs[0].get("value"), None, "an empty value is the default");
    assert_eq!((&kvs[1]["key"], &kvs[1]["value"]), (&json!(base64("k/2")), &json!(base64("zwei ✓"))));

    let delete = json!({"key": base64("k/"), "rangeEnd": base64("k0"), "prevKv": true});
    let (deleted, _) = succeeded(post(gateway, "/v3/kv/deleterange", delete).await);
    assert_eq!((&deleted["deleted"], deleted["prevKvs"].as_array().unwrap().len()), (&json!("3"), 3));
    let (range, _) = succeeded(post(gateway, "/v3/kv/range", json!({"key": base64("k/1")})).await);
    assert_eq!(range, json!({}));
}

async fn leases_end_with_their_keys(gateway: &Gateway) {
    let (granted, _) =
        succeeded(post(gateway, "/v3/lease/grant", json!({"TTL": "600", "ID": "4611686018427387905"})).await);
    let id = granted["ID"].as_str().unwrap().to_owned();
    assert_eq!(
        (id.as_str(), &granted["TTL"]),
        ("4611686018427387905", &json!("600")),
        "all digits of 64 bits"
    );
    let put = json!({"key": base64("leased"), "value": base64("v"), "lease": id});
    succeeded(post(gateway, "/v3/kv/put", put).await);

    let answer = gateway.get(&format!("/v3/leases/{id}?keys=true")).await;
    let (lease, _) = succeeded((answer.status, answer.json()));
    assert_eq!((&lease["grantedTTL"], &lease["keys"]), (&json!("600"), &json!([base64("leased")])));

    succeeded(post(gateway, "/v3/lease/revoke", json!({"ID": id})).await);
    let (range, _) = succeeded(post(gateway, "/v3/kv/range", json!({"key": base64("leased")})).await);
    assert_eq!(range, json!({}));
}

async fn transactions_take_one_of_two_branches(gateway: &Gateway) {
    let key = base64("t");
    let create = json!({
        "compare": [{"key": key, "target": "CREATE", "result": "EQUAL", "createRevision": "0"}],
        "success": [{"requestPut": {"key": key, "value": base64("new")}}],
        "failure": [{"requestRange": {"key": key}}],
    });
    let (first, _) = succeeded(post(gateway, "/v3/kv/txn", create.clone()).await);
    assert_eq!(first["succeeded"], true);
    assert!(first["responses"][0]["responsePut"].is_object(), "{first}");
    let (second, _) = succeeded(post(gateway, "/v3/kv/txn", create).await);
    assert_eq!(second.get("succeeded"), None, "{second}");
    assert_eq!(second["responses"][0]["responseRange"]["kvs"][0]["value"], base64("new"));
}

async fn errors_have_the_status_of_their_code(gateway: &Gateway) {
    let table = [
        (
            "/v3/kv/put",
            json!({"value": base64("v")}),
            400,
            "INVALID_ARGUMENT",
            "etcdserver: key is not provided",
        ),
        ("/v3/lease/revoke", json!({"ID": "1"}), 404, "NOT_FOUND", "etcdserver: requested lease not found"),
        (
            "/v3/kv/compaction",
            json!({"revision": "1000000"}),
            400,
            "OUT_OF_RANGE",
            "etcdserver: mvcc: required revision is a future revision",
        ),
        (
            "/v3/kv/put",
            json!({"key": base64("k"), "lease": "7"}),
            404,
            "NOT_FOUND",
            "etcdserver: requested lease not found",
        ),
    ];
    for (path, body, status, code, message) in table {
        let (found, error) = post(gateway, path, body).await;
        assert_eq!((found.as_u16(), &error["code"]), (status, &json!(code)), "{path}: {error}");
        assert_eq!(error["error"], message, "{path}");
    }
    // What etcd never gets to see.
    let (status, error) = post(gateway, "/v3/kv/put", json!({"key": base64("k"), "prev": true})).await;
    assert_eq!((status, &error["code"]), (StatusCode::BAD_REQUEST, &json!("INVALID_ARGUMENT")));
}
