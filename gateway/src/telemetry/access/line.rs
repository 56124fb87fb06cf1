//! What an access record looks like as a line, of text or JSON.
//!
//! Every request pays for this, so that common values are written byte by byte; `core::fmt` and serde have the rare ones.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use super::Record;
use super::clock::{Clock, Time, Wall, three_digits};
use crate::telemetry::hex;
use crate::telemetry::hidden::{escape_json, escape_text, escape_word, is_plain};
use crate::telemetry::logging::Format;

/// The longest name of a caller that is written, in characters: tokens come from elsewhere.
const MAX_CALLER: usize = 128;
/// The longest detail that is written, in characters: services choose their messages.
pub const MAX_DETAIL: usize = 200;

/// What all lines of a route say of it.
#[derive(Debug)]
pub struct Route {
    text: Box<str>,
    json: Box<str>,
}

impl Route {
    /// Renders the name of a route, the gRPC method that it calls, `package.Service/Method`, and the upstream of the call.
    /// `upstream` is `None` where no upstream has been chosen.
    pub fn new(name: &str, grpc: &str, upstream: Option<&str>) -> Self {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        let written = |escape: &dyn Fn(&mut Vec<u8>)| {
            let mut line = Vec::new();
            escape(&mut line);
            String::from_utf8(line).unwrap_or_default().into()
        };
        let mut text = format!(" route={name:?} grpc={grpc}");
        let mut json_text = format!(",\"route\":{},\"grpc\":{}", json(name), json(grpc));
        if let Some(upstream) = upstream {
            let written = if is_word(upstream) { upstream.to_owned() } else { format!("{upstream:?}") };
            text.push_str(&format!(" upstream={written}"));
            json_text.push_str(&format!(",\"upstream\":{}", json(upstream)));
        }
        Self {
            text: written(&|line| escape_text(line, &text, |_| false)),
            json: written(&|line| escape_json(line, &json_text)),
        }
    }
}

/// Lines, and what it takes to write the next one.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    wall: Wall,
    clock: Clock,
}

impl Lines {
    /// Adds a record's line.
    pub(super) fn add(&mut self, record: &Record<'_>, format: Format) {
        let time = self.wall.at(record.ended, || (Instant::now(), SystemTime::now()));
        self.write(time, record, format);
    }

    fn write(&mut self, time: SystemTime, record: &Record<'_>, format: Format) {
        let time = self.clock.read(time);
        match format {
            Format::Text => text(&mut self.text, time, record),
            Format::Json => json(&mut self.text, time, record),
        }
    }
}

fn text(line: &mut Vec<u8>, time: Time<'_>, record: &Record<'_>) {
    time.write(line);
    line.push(b' ');
    put(line, record.method);
    line.push(b' ');
    // A path has no blank or control of ASCII, which hyper has refused, but may have any other character.
    escape_word(line, record.path);
    line.push(b' ');
    number(line, record.status);
    line.push(b' ');
    put(line, record.code);
    line.push(b' ');
    tenths(line, record.took);
    if let Some(route) = record.route {
        put(line, &route.text);
        put(line, " upstream_time=");
        tenths(line, record.upstream_time);
        put(line, " own=");
        tenths(line, record.own());
    }
    if !record.endpoint.is_empty() {
        put(line, " endpoint=");
        escape_word(line, record.endpoint);
        put(line, " attempts=");
        number(line, record.attempts);
    }
    if !record.flag.is_empty() {
        put(line, " flag=");
        put(line, record.flag);
    }
    if let Some(trace) = record.trace {
        put(line, " trace=");
        line.extend_from_slice(hex::digits(trace.to_be_bytes()).as_flattened());
    }
    if !record.caller.is_empty() {
        put(line, " caller=");
        word(line, cut(record.caller, MAX_CALLER));
    }
    if !record.detail.is_empty() {
        put(line, " detail=");
        escape_text(line, &format!("{:?}", cut(record.detail, MAX_DETAIL)), |_| false);
    }
    put(line, " in=");
    number(line, record.received);
    put(line, " out=");
    number(line, record.sent);
    put(line, " peer=");
    address(line, record.peer);
    put(line, " id=");
    line.extend_from_slice(record.request_id);
    line.push(b'\n');
}

fn json(line: &mut Vec<u8>, time: Time<'_>, record: &Record<'_>) {
    put(line, "{\"time\":\"");
    time.write(line);
    put(line, "\",\"kind\":\"access\",\"peer\":\"");
    address(line, record.peer);
    put(line, "\",\"method\":\"");
    put(line, record.method);
    line.push(b'"');
    if !record.path.is_empty() {
        put(line, ",\"path\":");
        json_string(line, record.path);
    }
    if let Some(route) = record.route {
        put(line, &route.json);
    }
    put(line, ",\"code\":\"");
    put(line, record.code);
    line.push(b'"');
    if !record.endpoint.is_empty() {
        put(line, ",\"endpoint\":");
        json_string(line, record.endpoint);
    }
    put(line, ",\"request_id\":\"");
    line.extend_from_slice(record.request_id);
    line.push(b'"');
    if !record.caller.is_empty() {
        put(line, ",\"caller\":");
        json_string(line, cut(record.caller, MAX_CALLER));
    }
    if !record.flag.is_empty() {
        put(line, ",\"flag\":\"");
        put(line, record.flag);
        line.push(b'"');
    }
    if !record.detail.is_empty() {
        put(line, ",\"detail\":");
        json_string(line, cut(record.detail, MAX_DETAIL));
    }
    if let Some(trace) = record.trace {
        put(line, ",\"trace_id\":\"");
        line.extend_from_slice(hex::digits(trace.to_be_bytes()).as_flattened());
        line.push(b'"');
    }
    put(line, ",\"status\":");
    number(line, record.status);
    put(line, ",\"took_ms\":");
    thousandths(line, record.took);
    put(line, ",\"upstream_ms\":");
    thousandths(line, record.upstream_time);
    put(line, ",\"own_ms\":");
    thousandths(line, record.own());
    put(line, ",\"received\":");
    number(line, record.received);
    put(line, ",\"sent\":");
    number(line, record.sent);
    put(line, ",\"attempts\":");
    number(line, record.attempts);
    put(line, "}\n");
}

fn put(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

fn number(line: &mut Vec<u8>, number: impl itoa::Integer) {
    put(line, itoa::Buffer::new().format(number));
}

/// Milliseconds with one decimal.
fn tenths(line: &mut Vec<u8>, duration: Duration) {
    let tenths =
        duration.as_secs().saturating_mul(10_000) + u64::from((duration.subsec_nanos() + 50_000) / 100_000);
    number(line, tenths / 10);
    line.extend_from_slice(&[b'.', b'0' + (tenths % 10) as u8, b'm', b's']);
}

/// Milliseconds with three decimals.
fn thousandths(line: &mut Vec<u8>, duration: Duration) {
    let micros =
        duration.as_secs().saturating_mul(1_000_000) + u64::from((duration.subsec_nanos() + 500) / 1000);
    number(line, micros / 1000);
    line.push(b'.');
    line.extend_from_slice(&three_digits((micros % 1000) as u32));
}

/// A client's address; the port only if it is known.
fn address(line: &mut Vec<u8>, address: SocketAddr) {
    let (ip, port) = (address.ip(), address.port());
    let mapped = match ip {
        IpAddr::V4(ip) => Some(ip),
        // What IPv4 clients of a dual-stack listener have.
        IpAddr::V6(ip) => ip.to_ipv4_mapped(),
    };
    match mapped {
        Some(v4) => {
            let (before, after) = match (ip.is_ipv4(), port) {
                (true, _) => ("", ":"),
                (false, 0) => ("::ffff:", ""),
                (false, _) => ("[::ffff:", "]:"),
            };
            put(line, before);
            ipv4(line, v4);
            if port != 0 {
                put(line, after);
                number(line, port);
            }
        }
        // Writing to a vector can't fail, here and below.
        None if port == 0 => drop(write!(line, "{ip}")),
        None => drop(write!(line, "{address}")),
    }
}

fn ipv4(line: &mut Vec<u8>, ip: Ipv4Addr) {
    let [a, b, c, d] = ip.octets();
    number(line, a);
    for octet in [b, c, d] {
        line.push(b'.');
        number(line, octet);
    }
}

/// The first `most` characters of a text.
fn cut(text: &str, most: usize) -> &str {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// A text that somebody else chose, as one word: in quotes, as Rust writes strings, unless it is one.
fn word(line: &mut Vec<u8>, text: &str) {
    match is_word(text) {
        true => put(line, text),
        false => escape_text(line, &format!("{text:?}"), |_| false),
    }
}

/// Whether a text reads as one word without quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

fn json_string(line: &mut Vec<u8>, text: &str) {
    // Hardly any text needs escapes.
    if !is_plain(text.as_bytes()) || memchr::memchr2(b'"', b'\\', text.as_bytes()).is_some() {
        escape_json(line, &serde_json::to_string(text).unwrap_or_default());
        return;
    }
    line.push(b'"');
    put(line, text);
    line.push(b'"');
}

#[cfg(test)]
mod tests;
