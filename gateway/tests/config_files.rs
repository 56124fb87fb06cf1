//! What is no file is refused wherever a file is named, and nothing waits for what it may hold.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use gateway::config;

/// A folder with a pipe, a link to it, a socket and a link to a device, each under a name that ends as its place wants.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("protos")).unwrap();
    for end in ["yaml", "proto", "binpb"] {
        let at = |name: &str| folder.path().join(format!("{name}.{end}"));
        mkfifo(&at("pipe"));
        symlink(at("pipe"), at("link")).unwrap();
        drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
        symlink("/dev/null", at("device")).unwrap();
    }
    mkfifo(&folder.path().join("protos/a.proto"));
    folder
}

fn mkfifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What is wrong with a configuration, within a time.
fn told(path: PathBuf) -> String {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || done.send(config::load(&path, &|_| None).diagnostics.render(false)));
    wait.recv_timeout(Duration::from_secs(60)).expect("a load ends")
}

#[test]
fn the_configuration_itself_is_a_file() {
    let folder = folder();
    for name in ["pipe.yaml", "link.yaml", "socket.yaml", "device.yaml"] {
        let told = told(folder.path().join(name));
        let message = format!("{name}`: neither a file nor a folder");
        assert!(told.contains("error[file-unreadable]") && told.contains(&message), "{told}");
    }
}

#[test]
fn what_a_configuration_names_are_files() {
    let folder = folder();
    let path = folder.path().join("routes.yaml");
    for text in [
        "include: [@.yaml]",
        "descriptors: [@.binpb]",
        "descriptors: [@.proto]",
        "upstreams: {a: {address: \"a:1\", tls: {ca: @.yaml}}}",
        "upstreams: {a: {address: \"a:1\", tls: {certificate: @.yaml, key: none.pem}}}",
        "listeners: [{address: \"127.0.0.1:0\", tls: {certificate: none.pem, key: @.yaml}}]",
        "auth: {a: {jwt: {key: @.yaml, algorithms: [RS256], audience: a}}}",
        "auth: {a: {jwt: {jwks: @.yaml, algorithms: [RS256], audience: a}}}",
        "auth: {a: {api_key: {header: x-api-key, file: @.yaml}}}",
    ] {
        for name in ["pipe", "link", "socket", "device"] {
            std::fs::write(&path, text.replace('@', name)).unwrap();
            let told = told(path.clone());
            assert!(told.contains("error[file-unreadable]"), "{text}\n{told}");
            assert!(told.contains(": neither a file nor a folder\n"), "{text}\n{told}");
        }
    }
}

#[test]
fn a_pipe_in_a_folder_of_proto_files_is_named() {
    let folder = folder();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, "descriptors: [protos]").unwrap();
    let told = told(path);
    assert!(told.contains("protos/a.proto` is neither a file nor a folder"), "{told}");
}

#[test]
fn patterns_match_files_only() {
    let folder = folder();
    let path = folder.path().join("routes.yaml");
    std::fs::write(&path, "include: [\"pip?.yaml\"]").unwrap();
    let told = told(path);
    assert!(told.contains("no file matches"), "{told}");
}

/// Reading some of them never ends; reading others changes what the kernel does.
#[test]
fn files_of_the_kernel_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/proc/self/status", folder.path().join("link.yaml")).unwrap();
    let kernel = ["/proc/kmsg", "/proc/self/status", "/proc/../proc/self/status", "/sys/kernel/notes"];
    let paths = kernel.map(PathBuf::from).into_iter().chain([folder.path().join("link.yaml")]);
    for path in paths.filter(|path| path.exists()) {
        let text = told(path.clone());
        assert!(text.contains("a file of the kernel"), "{}: {text}", path.display());
    }
    std::fs::write(folder.path().join("routes.yaml"), "include: /proc/self/*\n").unwrap();
    let text = told(folder.path().join("routes.yaml"));
    assert!(text.contains("`/proc/self/status`: a file of the kernel"), "{text}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_keys_and_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let marked = [b"\xef\xbb\xbf", bytes].concat();
        std::fs::write(folder.path().join(name), marked).unwrap();
    };
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    write("shop.pem", made.cert.pem().as_bytes());
    write("shop.key", made.signing_key.serialize_pem().as_bytes());
    write("public.pem", made.signing_key.public_key_pem().as_bytes());
    write(
        "set.json",
        br#"{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "a",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
    );
    let path = folder.path().join("routes.yaml");
    std::fs::write(
        &path,
        "listeners: [{address: \"127.0.0.1:0\", tls: {certificate: shop.pem, key: shop.key}}]\n\
         upstreams: {a: {address: \"https://a:1\", tls: {ca: shop.pem}}}\n\
         auth:\n  set: {jwt: {jwks: set.json, algorithms: [ES256], audience: a}}\n  one: {jwt: {key: public.pem, algorithms: [ES256], audience: a}}\n",
    )
    .unwrap();
    let told = told(path);
    assert!(!told.contains("error"), "{told}");
}
