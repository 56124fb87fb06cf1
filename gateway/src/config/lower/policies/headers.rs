//! `headers:` of a route.

use super::{all, parsed};
use crate::config::Context;
use crate::config::diagnostic::Code;
use crate::config::raw::{RawEdits, RawForward, RawHeaders};
use crate::policy::{Edits, HeaderPattern, HeadersSpec, Problem, Way};

pub(super) fn headers(raw: Option<&RawHeaders>, context: &mut Context) -> Option<HeadersSpec> {
    let Some(raw) = raw else { return Some(HeadersSpec::default()) };
    let forward = raw.forward.as_ref().map(|patterns| {
        all(patterns.iter().map(|entry| match entry {
            RawForward::Pattern(at) => {
                parsed(HeaderPattern::parse(&at.value), Code::BadValue, at.place, context)
            }
            RawForward::Rename(from, to) => {
                let pattern = HeaderPattern::parse_rename(&from.value, &to.value);
                // What is wrong with the metadata's name is wrong there.
                let place = match &pattern {
                    Err(Problem::HeaderReserved(name)) if *name == to.value.to_ascii_lowercase() => to.place,
                    _ => from.place,
                };
                parsed(pattern, Code::BadValue, place, context)
            }
        }))
    });
    let request = edits(&raw.request, Way::Request, context);
    let response = edits(&raw.response, Way::Response, context);
    let forward = match forward {
        Some(patterns) => Some(patterns?),
        None => None,
    };
    Some(HeadersSpec { forward, request: request?, response: response? })
}

fn edits(raw: &RawEdits, way: Way, context: &mut Context) -> Option<Edits> {
    let mut edits = Edits::default();
    let mut told = Vec::new();
    for (name, value) in &raw.set {
        let set = edits.set(way, &name.name, &value.value);
        let place = match &set {
            Err(Problem::HeaderValue(_)) => value.place,
            _ => name.place,
        };
        told.push(parsed(set, Code::BadValue, place, context));
    }
    for name in &raw.remove {
        told.push(parsed(edits.remove(way, &name.value), Code::BadValue, name.place, context));
    }
    all(told).map(|_| edits)
}
