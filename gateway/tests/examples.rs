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
