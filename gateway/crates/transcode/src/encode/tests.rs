//! What goes in and what comes out: the JSON mapping, case by case.
//!
//! The wire is written as text: `1: 5` a varint, `1: "a"` bytes, `1: {…}` a nested message, `1! 1.5` a double, `1f …` a float,
//! `1x …` eight bytes, `1i …` four bytes, `1< … >` a group.

use std::{fmt::Write as _, sync::Arc};

use super::*;
use crate::{Reason, Unknown};

mod lists_maps;
mod mapping;
mod mistakes;
mod well_known_types;

const PROTO: &str = include_str!("tests/test.proto");
const PROTO2: &str = include_str!("tests/test2.proto");

/// The schema of the test files.
fn schema() -> Arc<Schema> {
    let compile = |name: &str, source: &str| {
        let mut resolver = protox::file::ChainFileResolver::new();
        resolver.add(Source(name.to_owned(), source.to_owned()));
        resolver.add(protox::file::GoogleFileResolver::new());
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).open_file(name).unwrap();
        compiler.encode_file_descriptor_set()
    };
    Schema::load(&[&compile("test.proto", PROTO), &compile("test2.proto", PROTO2)]).unwrap()
}

struct Source(String, String);

impl protox::file::FileResolver for Source {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        if name == self.0 {
            return protox::file::File::from_source(name, &self.1);
        }
        Err(protox::Error::file_not_found(name))
    }
}

fn encode(message: &str, json: &str) -> Result<Vec<u8>, EncodeError> {
    let mut out = b"before".to_vec();
    let message = schema().message(message).unwrap();
    let result = message.encode(json.as_bytes(), &EncodeOptions::default(), &mut out);
    assert_eq!(&out[..6], b"before");
    if result.is_err() {
        assert_eq!(out.len(), 6, "nothing is left behind");
    }
    result.map(|_| out[6..].to_vec())
}

/// Checks that the JSON of `test.All` becomes this wire.
#[track_caller]
fn check(json: &str, wire: &str) {
    check_in("test.All", json, wire);
}

#[track_caller]
fn check_in(message: &str, json: &str, wire: &str) {
    match encode(message, json) {
        Ok(bytes) => assert_eq!(show(&bytes), wire, "{json}"),
        Err(error) => panic!("{json}: {error}"),
    }
}

/// Checks that the JSON of `test.All` is refused with just these violations.
#[track_caller]
fn check_err(json: &str, violations: &[(&str, Reason, &str)]) {
    check_err_in("test.All", json, violations);
}

#[track_caller]
fn check_err_in(message: &str, json: &str, violations: &[(&str, Reason, &str)]) {
    let error = encode(message, json).expect_err(json);
    let found: Vec<_> =
        error.violations.iter().map(|found| (&*found.field, found.reason, &*found.description)).collect();
    assert_eq!(found, violations, "{json}");
}

/// The wire as text, by wire type alone; bytes that are a message are shown as one.
fn show(bytes: &[u8]) -> String {
    try_show(bytes).unwrap_or_else(|| format!("garbage {bytes:?}"))
}

fn try_show(mut bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    while !bytes.is_empty() {
        let tag = prost::encoding::decode_varint(&mut bytes).ok()?;
        let number = tag >> 3;
        if number == 0 {
            return None;
        }
        if !out.is_empty() && !out.ends_with("< ") {
            out.push(' ');
        }
        match tag & 7 {
            0 => {
                write!(out, "{number}: {}", prost::encoding::decode_varint(&mut bytes).ok()? as i64).unwrap()
            }
            1 => {
                let (value, rest) = bytes.split_first_chunk::<8>()?;
                bytes = rest;
                write!(out, "{number}! {:?}", f64::from_le_bytes(*value)).unwrap();
            }
            5 => {
                let (value, rest) = bytes.split_first_chunk::<4>()?;
                bytes = rest;
                write!(out, "{number}f {:?}", f32::from_le_bytes(*value)).unwrap();
            }
            3 => write!(out, "{number}< ").unwrap(),
            4 => write!(out, ">").unwrap(),
            2 => {
                let len = prost::encoding::decode_varint(&mut bytes).ok()? as usize;
                let (value, rest) = bytes.split_at_checked(len)?;
                bytes = rest;
                match str::from_utf8(value) {
                    Ok(text) if text.chars().all(|c| !c.is_control()) => write!(out, "{number}: {text:?}"),
                    _ => match try_show(value) {
                        Some(inner) => write!(out, "{number}: {{{inner}}}"),
                        None => write!(out, "{number}: {value:?}"),
                    },
                }
                .unwrap();
            }
            _ => return None,
        }
    }
    Some(out)
}
