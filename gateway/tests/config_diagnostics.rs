//! Every broken configuration of `tests/config`, beside the exact text that `check` prints for it.
//!
//! `UPDATE_EXPECT=1 cargo test -p gateway --test config_diagnostics` writes the texts anew; read them before committing:
//! an operator sees nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gateway::config;
use gateway::config::diagnostic::Code;

/// The configurations by name. Paths stay relative to the crate, so that the texts are the same everywhere.
fn configurations() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir("tests/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

/// What the configurations may read.
fn environment(name: &str) -> Option<String> {
    match name {
        "HOST" => Some("users.example".to_owned()),
        "EMPTY" => Some(String::new()),
        "SECRET" => Some("correct horse battery staple, and so on".to_owned()),
        "TIMEOUT" => Some("soon".to_owned()),
        _ => None,
    }
}

#[test]
fn every_broken_configuration_is_explained() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for file in configurations() {
        let loaded = config::load(&file, &environment);
        let text = loaded.diagnostics.render(false);
        let expected_file = file.with_extension("txt");
        if update {
            std::fs::write(&expected_file, &text).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{}\n--- expected\n{expected}\n--- found\n{text}", file.display()));
        }
        assert_eq!(
            loaded.config.is_none(),
            loaded.diagnostics.has_errors(),
            "{}: a configuration is refused if and only if it has errors",
            file.display()
        );
        assert!(!loaded.diagnostics.is_empty(), "{} has nothing wrong with it", file.display());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn there_are_many_of_them() {
    assert!(configurations().len() >= 80, "only {}", configurations().len());
}

#[test]
fn every_code_is_provoked_by_one_of_them() {
    let texts =
        configurations().into_iter().map(|file| std::fs::read_to_string(file.with_extension("txt")).unwrap());
    let texts: Vec<String> = texts.collect();
    let provoked = |code: &Code| texts.iter().any(|text| text.contains(&format!("[{}]:", code.as_str())));
    let missing: Vec<&str> =
        Code::ALL.iter().filter(|code| !provoked(code)).map(|code| code.as_str()).collect();
    assert!(missing.is_empty(), "no configuration provokes {missing:?}");
}

#[test]
fn every_code_is_explained_in_the_reference() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/diagnostics.md"));
    let text = std::fs::read_to_string(path).unwrap();
    let headings: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).collect();
    let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(headings, codes, "the sections of docs/reference/diagnostics.md are not the codes");
}

#[test]
fn findings_are_the_same_for_machines() {
    let loaded = config::load(Path::new("tests/config/route-conflict.yaml"), &environment);
    let json = loaded.diagnostics.to_json();
    let finding = &json["findings"][0];
    assert_eq!(finding["code"], "route-conflict");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["file"], "tests/config/route-conflict.yaml");
    assert!(finding["line"].as_u64().unwrap() > 0);
    assert_eq!(finding["labels"].as_array().unwrap().len(), 2);
    assert_eq!(json["errors"], 1);
}

#[test]
fn no_finding_shows_a_secret() {
    for file in configurations() {
        let diagnostics = config::load(&file, &environment).diagnostics;
        let shown =
            [diagnostics.render(false), diagnostics.lines().join("\n"), diagnostics.to_json().to_string()];
        for secret in ["hunter2", "my-plain-key", "correct horse"] {
            assert!(shown.iter().all(|text| !text.contains(secret)), "{}: {}", file.display(), shown[0]);
        }
    }
}
