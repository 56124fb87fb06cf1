//! Holds the order of the layers, and that every file says its duty.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the gateway, lowest first (`ARCHITECTURE.md`). A module uses only what stands before it.
const LAYERS: [&str; 15] = [
    "telemetry",
    "edge",
    "descriptors",
    "policy",
    "route",
    "proxy",
    "config",
    "diff",
    "openapi",
    "snapshot",
    "reload",
    "commands",
    "admin",
    "app",
    "cli",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The layer that a file of `gateway/src` belongs to; `lib.rs` and `main.rs` belong to none.
fn layer(file: &Path, src: &Path) -> Option<usize> {
    let first = file.strip_prefix(src).unwrap().components().next().unwrap();
    let name = first.as_os_str().to_string_lossy();
    let module = name.trim_end_matches(".rs");
    if module == "lib" || module == "main" {
        return None;
    }
    let position = LAYERS.iter().position(|layer| *layer == module);
    Some(position.unwrap_or_else(|| panic!("`{module}` has no place among the layers")))
}

/// The modules of this crate that a file names, tests apart: they may reach up.
fn used(text: &str) -> BTreeSet<&str> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn a_module_uses_only_modules_below_it() {
    let src = root().join("gateway/src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let Some(own) = layer(&file, &src) else { continue };
        for name in used(&fs::read_to_string(&file).unwrap()) {
            let Some(other) = LAYERS.iter().position(|layer| *layer == name) else { continue };
            if other > own {
                wrong.push(format!("{}: uses {name}, which is above it", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_libraries_that_do_no_io_have_no_runtime() {
    for name in ["http-rule", "transcode"] {
        let manifest = root().join("gateway/crates").join(name).join("Cargo.toml");
        let text = fs::read_to_string(manifest).unwrap();
        let dependencies = text.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
        for runtime in ["tokio", "hyper", "h2", "futures"] {
            assert!(!dependencies.contains(runtime), "{name} depends on {runtime}");
        }
    }
}

#[test]
fn every_file_opens_with_its_duty() {
    let mut files = Vec::new();
    for folder in ["gateway", "services"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "the walk found the sources");
    let silent: Vec<String> = files
        .iter()
        .filter(|file| !fs::read_to_string(file).unwrap().starts_with("//!"))
        .map(|file| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no `//!` on the first line:\n{}", silent.join("\n"));
}
