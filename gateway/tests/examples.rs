//! Keeps the worked example and everything in `examples/` loading without a single finding.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

#[test]
fn the_examples_load_without_findings() {
    let mut files = vec![root().join("routes.yaml"), root().join("examples/teams/gateway.yaml")];
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    assert!(files.len() >= 5, "{files:?}");
    for file in files {
        let loaded = gateway::config::load(&file, &|_| None);
        assert!(loaded.diagnostics.is_empty(), "{}:\n{}", file.display(), loaded.diagnostics.render(false));
        assert!(!loaded.config.unwrap().routes.is_empty(), "{}", file.display());
    }
}

#[test]
fn the_example_with_tls_loads_with_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(root().join("examples/tls/gateway.yaml")).unwrap();
    let descriptors = root().join("descriptors/shop.binpb");
    let text = text.replace("../../descriptors/shop.binpb", &descriptors.display().to_string());
    std::fs::write(folder.path().join("gateway.yaml"), text).unwrap();
    std::fs::create_dir(folder.path().join("certs")).unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    for (name, pem) in [
        ("edge.pem", made.cert.pem()),
        ("edge.key", made.signing_key.serialize_pem()),
        ("ca.pem", made.cert.pem()),
    ] {
        std::fs::write(folder.path().join("certs").join(name), pem).unwrap();
    }
    let loaded = gateway::config::load(&folder.path().join("gateway.yaml"), &|_| None);
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics.render(false));
    assert_eq!(loaded.config.unwrap().listeners.iter().filter(|listener| listener.tls.is_some()).count(), 2);
}
