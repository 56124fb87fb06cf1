//! What a gateway logs about the files that it watches, and where its own log is one of their neighbours.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use testkit::backend::Backend;
use tokio::net::TcpStream;

use crate::LIBRARY;
use crate::gateway::{Honest, PROGRAM};

/// What any step may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process whose log and access records go to one file.
struct Served {
    child: Child,
    log: PathBuf,
}

impl Served {
    fn start(config: &Path, log: PathBuf) -> Self {
        let out = File::create(&log).unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--workers", "2", "-c"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the log has this text so many times.
    async fn find(&self, what: &str, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.text().matches(what).count() < count {
            assert!(Instant::now() < until, "the log has `{what}` {count} times:\n{}", self.text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The address after this text.
    async fn address(&self, what: &str) -> SocketAddr {
        self.find(what, 1).await;
        let text = self.text();
        let rest = text.split_once(what).unwrap().1;
        let end = rest.find(|character: char| !character.is_ascii_digit() && !".:".contains(character));
        rest[..end.unwrap_or(rest.len())].parse().unwrap()
    }

    async fn listens(&self) -> SocketAddr {
        self.address("listening on http://").await
    }

    async fn admin(&self) -> SocketAddr {
        self.address("admin on http://").await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn send(address: SocketAddr, method: Method, path: &str, body: &str) -> (StatusCode, String) {
    let exchange = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("an answer comes in time")
}

fn yaml(backend: &Backend, descriptors: &str, rest: &str) -> String {
    format!(
        "listeners: [{{address: 127.0.0.1:0}}]\nadmin: {{address: 127.0.0.1:0}}\ndescriptors: [{descriptors}]\n\
         upstreams:\n  library: {{address: {}}}\nservices:\n  library.v1.Library: library\n\
         routes:\n  - get: /books/{{name}}\n    grpc: library.v1.Library/GetBook\n{rest}",
        backend.address()
    )
}

/// Writes files into a folder as kubelet does: below `..STAMP`, which `..data` leads to, and the names lead through that. The
/// folder of before is removed.
fn kubelet(folder: &Path, stamp: &str, files: &[(&str, &str)]) {
    let before = fs::read_link(folder.join("..data")).ok();
    let new = folder.join(stamp);
    fs::create_dir_all(&new).unwrap();
    for (name, content) in files {
        fs::write(new.join(name), content).unwrap();
    }
    symlink(stamp, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    for (name, _) in files.iter().filter(|(name, _)| !folder.join(name).exists()) {
        symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
    }
    if let Some(before) = before {
        fs::remove_dir_all(folder.join(before)).unwrap();
    }
}

/// Lines that would wake an operator, or that a library wrote.
fn alarming(log: &str) -> Vec<&str> {
    let is_alarming =
        |line: &&str| [" WARN ", " ERROR ", "inotify", "watch"].iter().any(|word| line.contains(word));
    log.lines().filter(is_alarming).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_maps_that_change_log_nothing_but_the_reload() {
    let backend = crate::library().await;
    let folder = tempfile::tempdir().unwrap();
    let (etc, protos) = (folder.path().join("etc"), folder.path().join("protos"));
    let routes = |path: &str| yaml(&backend, "../protos", "").replace("/books/", path);
    kubelet(&etc, "..2026_1", &[("routes.yaml", &routes("/books/"))]);
    kubelet(&protos, "..2026_1", &[("library.proto", LIBRARY)]);
    let served = Served::start(&etc.join("routes.yaml"), folder.path().join("log"));
    served.admin().await;
    for (round, path) in ["/a/", "/b/", "/c/"].into_iter().enumerate() {
        kubelet(&etc, &format!("..2026_2_{round}"), &[("routes.yaml", &routes(path))]);
        served.find(&format!("+ route GET {path}"), 1).await;
        let proto = LIBRARY.replace("string text = 2;", &format!("string text = 2; string more{round} = 3;"));
        kubelet(&protos, &format!("..2026_2_{round}"), &[("library.proto", &proto)]);
        served.find(&format!("`more{round}`"), 1).await;
    }
    let log = served.text();
    let unexpected: Vec<&str> =
        alarming(&log).into_iter().filter(|line| !line.contains("configuration live: ")).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_removed_is_no_alarm() {
    let backend = crate::library().await;
    let folder = tempfile::tempdir().unwrap();
    let (config, protos) = (folder.path().join("routes.yaml"), folder.path().join("protos"));
    fs::create_dir(&protos).unwrap();
    fs::write(protos.join("library.proto"), LIBRARY).unwrap();
    fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    fs::write(&config, yaml(&backend, "protos", "")).unwrap();
    let served = Served::start(&config, folder.path().join("log"));
    served.admin().await;
    // Whether it is still watched or not: once before the file stops to name it, once after.
    let moved = folder.path().join("moved");
    fs::rename(&protos, &moved).unwrap();
    fs::remove_dir_all(&moved).unwrap();
    served.find("configuration refused", 1).await;
    fs::write(&config, yaml(&backend, "library.binpb", "").replace("/books/", "/a/")).unwrap();
    served.find("+ route GET /a/", 1).await;
    let log = served.text();
    let library =
        log.lines().filter(|line| ["inotify", "from the watches"].iter().any(|word| line.contains(word)));
    assert_eq!(library.collect::<Vec<_>>(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_beside_the_file_feeds_nothing_whatever_its_level() {
    let backend = crate::library().await;
    let folder: TempDir = tempfile::tempdir().unwrap();
    let config = folder.path().join("routes.yaml");
    fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    fs::write(&config, yaml(&backend, "library.binpb", "log: {access: false}\n")).unwrap();
    let served = Served::start(&config, folder.path().join("gateway.log"));
    let (address, admin) = (served.listens().await, served.admin().await);
    let honest = Honest::start(address).await;
    for level in ["trace", "trace,notify=trace,notify::inotify=trace,h2=off,hyper=off"] {
        let (status, text) = send(admin, Method::PUT, "/log", level).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        for _ in 0..100 {
            assert_eq!(send(address, Method::GET, "/books/b1", "").await.0, StatusCode::OK);
        }
        assert_eq!(send(admin, Method::PUT, "/log", "info").await.0, StatusCode::OK, "under load, too");
        assert!(!served.text().contains("inotify"), "{level}");
        if level == "trace" {
            let size = fs::metadata(&served.log).unwrap().len();
            assert!(size < 256 << 10, "{size} bytes after {level}:\n{}", &served.text()[..2000]);
        }
    }
    honest.content().await;
    for bad in ["loud", "", "gateway=loud"] {
        assert_eq!(send(admin, Method::PUT, "/log", bad).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_records_in_json_share_their_time_and_name_their_kind() {
    let backend = crate::library().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("routes.yaml");
    fs::write(folder.path().join("library.binpb"), backend.descriptors()).unwrap();
    fs::write(&config, yaml(&backend, "library.binpb", "log: {format: json}\n")).unwrap();
    let served = Served::start(&config, folder.path().join("log"));
    let (address, _) = (served.listens().await, served.admin().await);
    assert_eq!(send(address, Method::GET, "/books/b1", "").await.0, StatusCode::OK);
    served.find("\"path\":\"/books/b1\"", 1).await;
    fs::write(&config, yaml(&backend, "library.binpb", "log: {format: json}\nexplain: true\n")).unwrap();
    served.find("configuration live", 1).await;
    let text = served.text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        let is_record = line.get("path").is_some();
        assert_eq!(line["kind"], if is_record { "access" } else { "log" }, "{line}");
        let time = line["time"].as_str().unwrap();
        assert!(time.len() >= 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
        assert!(line.get("timestamp").is_none() && (is_record || line["level"].is_string()), "{line}");
    }
    assert_eq!(lines.iter().filter(|line| line["kind"] == "access").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_proto_that_breaks_clients_is_a_warning_and_can_be_held_back() {
    let backend = crate::library().await;
    for (rest, line) in [
        (
            "",
            "WARN configuration live: descriptors: 1 change breaks clients: request field `name` of library.v1.GetBookRequest is gone",
        ),
        (
            "reload: {breaking: hold}\n",
            "WARN configuration held back: descriptors: 1 change breaks clients: request field `name` of library.v1.GetBookRequest is gone",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (config, proto) = (folder.path().join("routes.yaml"), folder.path().join("library.proto"));
        let rest = format!("  - get: /books\n    grpc: library.v1.Library/GetBook\n{rest}");
        // The path names no field that changes.
        let yaml = yaml(&backend, "library.proto", &rest)
            .replace("  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n", "");
        fs::write(&config, yaml).unwrap();
        fs::write(&proto, LIBRARY).unwrap();
        let served = Served::start(&config, folder.path().join("log"));
        let address = served.listens().await;
        served.admin().await;
        assert_eq!(send(address, Method::GET, "/books?name=x", "").await.0, StatusCode::OK);
        fs::write(
            &proto,
            LIBRARY.replace("GetBookRequest { string name = 1; }", "GetBookRequest { int32 nam = 1; }"),
        )
        .unwrap();
        served.find(line, 1).await;
        let held = rest.contains("hold");
        let expected = if held { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        assert_eq!(send(address, Method::GET, "/books?name=x", "").await.0, expected);
        if held {
            let pid = served.child.id().to_string();
            assert!(Command::new("kill").args(["-s", "HUP", &pid]).status().unwrap().success());
            served.find("WARN configuration live: descriptors: 1 change breaks clients", 1).await;
            assert_eq!(send(address, Method::GET, "/books?name=x", "").await.0, StatusCode::BAD_REQUEST);
        }
    }
}
