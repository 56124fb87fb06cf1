//! The access log: one line a request, formatted by the worker, written by a thread of its own.
//!
//! The worker never waits for the terminal or the pipe: a line that finds the queue full is dropped and counted.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use super::logging::Format;

/// What one line says.
#[derive(Debug)]
pub struct Record<'a> {
    /// The client's address; port 0 when it is not known.
    pub peer: std::net::SocketAddr,
    /// As the client sent it.
    pub method: &'a str,
    /// As the client sent it, without the query, which may hold secrets.
    pub path: &'a str,
    /// The route's template, or empty when none matched.
    pub route: &'a str,
    /// The gRPC method that was called, `package.Service/Method`, or empty.
    pub grpc: &'a str,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The gRPC code behind it.
    pub code: &'a str,
    /// From the request's head to its answer.
    pub took: Duration,
    /// The share of it that the upstream took.
    pub upstream: Duration,
    /// Bytes of the request's body.
    pub received: usize,
    /// Bytes of the answer's body.
    pub sent: usize,
    /// Tries made upstream.
    pub attempts: u32,
    /// The endpoint that answered, or empty.
    pub endpoint: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// Who called, as the route's policies know it, or empty.
    pub caller: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<u128>,
    /// The reason of a failure that the gateway made, or empty.
    pub flag: &'a str,
}

/// The longest name of a caller that is written, in characters: tokens come from elsewhere.
const MAX_CALLER: usize = 128;

impl Record<'_> {
    /// The share of the time that the gateway took: all that the upstream did not.
    fn own(&self) -> Duration {
        self.took.saturating_sub(self.upstream)
    }
}

/// A client's address; the port only if it is known.
struct Address(std::net::SocketAddr);

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.port() == 0 { self.0.ip().fmt(f) } else { self.0.fmt(f) }
    }
}

/// Lines that wait for the writer.
const QUEUE: usize = 8192;

/// Takes access records.
#[derive(Debug, Clone)]
pub struct AccessLog {
    lines: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    /// Writes the lines to `out`. The writing thread ends when the last clone is dropped and all is written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (lines, queue) = sync_channel(QUEUE);
        let thread =
            std::thread::Builder::new().name("access-log".into()).spawn(move || write(&queue, out))?;
        Ok((Self { lines, dropped: Arc::default() }, thread))
    }

    /// Queues a record.
    pub fn log(&self, record: &Record<'_>, format: Format) {
        let now = SystemTime::now();
        let mut line = Vec::with_capacity(320);
        // Writing to a vector can't fail.
        let formatted = match format {
            Format::Text => text(&mut line, now, record),
            Format::Json => json(&mut line, now, record),
        };
        if formatted.is_err() || self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// How many lines found the queue full.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// Writes what is there in one go, and flushes before it waits.
fn write(queue: &Receiver<Vec<u8>>, out: impl Write) {
    let mut out = std::io::BufWriter::with_capacity(64 * 1024, out);
    while let Ok(line) = queue.recv() {
        let mut written = out.write_all(&line);
        while let Ok(line) = queue.try_recv() {
            written = written.and_then(|()| out.write_all(&line));
        }
        if written.and_then(|()| out.flush()).is_err() {
            return; // Nobody reads any more.
        }
    }
}

fn text(line: &mut Vec<u8>, now: SystemTime, record: &Record<'_>) -> std::io::Result<()> {
    timestamp(line, now)?;
    let Record { peer, method, path, status, code, request_id, .. } = record;
    write!(line, " {method} ")?;
    // A path can hold any visible character, but not a blank or a line end: hyper has refused those.
    write!(line, "{path} {status} {code} {:.1}ms", millis(record.took))?;
    if !record.route.is_empty() {
        write!(line, " route={:?}", record.route)?;
    }
    if !record.grpc.is_empty() {
        let (upstream, own) = (millis(record.upstream), millis(record.own()));
        write!(line, " grpc={} upstream={upstream:.1}ms own={own:.1}ms", record.grpc)?;
    }
    if !record.endpoint.is_empty() {
        write!(line, " endpoint={} attempts={}", record.endpoint, record.attempts)?;
    }
    if !record.flag.is_empty() {
        write!(line, " flag={}", record.flag)?;
    }
    if let Some(trace) = record.trace {
        write!(line, " trace={trace:032x}")?;
    }
    if !record.caller.is_empty() {
        write!(line, " caller=")?;
        word(line, record.caller)?;
    }
    writeln!(line, " in={} out={} peer={} id={request_id}", record.received, record.sent, Address(*peer))
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_CALLER).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// A text that somebody else chose, as one word: in quotes unless it is one, cut short.
fn word(line: &mut Vec<u8>, text: &str) -> std::io::Result<()> {
    let text = cut(text);
    match text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"') {
        true => write!(line, "{text}"),
        false => write!(line, "{text:?}"),
    }
}

fn json(line: &mut Vec<u8>, now: SystemTime, record: &Record<'_>) -> std::io::Result<()> {
    write!(line, "{{\"time\":\"")?;
    timestamp(line, now)?;
    write!(line, "\",\"peer\":\"{}\"", Address(record.peer))?;
    for (key, value) in [
        ("method", record.method),
        ("path", record.path),
        ("route", record.route),
        ("grpc", record.grpc),
        ("code", record.code),
        ("endpoint", record.endpoint),
        ("request_id", record.request_id),
        ("caller", cut(record.caller)),
        ("flag", record.flag),
    ] {
        if !value.is_empty() {
            write!(line, ",\"{key}\":")?;
            serde_json::to_writer(&mut *line, value)?;
        }
    }
    if let Some(trace) = record.trace {
        write!(line, ",\"trace_id\":\"{trace:032x}\"")?;
    }
    writeln!(
        line,
        ",\"status\":{},\"took_ms\":{:.3},\"upstream_ms\":{:.3},\"own_ms\":{:.3},\"received\":{},\"sent\":{},\"attempts\":{}}}",
        record.status,
        millis(record.took),
        millis(record.upstream),
        millis(record.own()),
        record.received,
        record.sent,
        record.attempts
    )
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// RFC 3339 in UTC with milliseconds.
fn timestamp(line: &mut Vec<u8>, now: SystemTime) -> std::io::Result<()> {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(i64::try_from(days).unwrap_or(0));
    let (hour, minute, second, milli) = (second / 3600, second / 60 % 60, second % 60, since.subsec_millis());
    write!(line, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Year, month and day of a day since 1970-01-01, in the Gregorian calendar (H. Hinnant's `civil_from_days`).
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record<'static> {
        Record {
            peer: "127.0.0.1:4711".parse().unwrap(),
            method: "GET",
            path: "/users/\"1\"",
            route: "GET /users/{user_id}",
            grpc: "shop.user.v1.UserService/GetUser",
            status: 200,
            code: "OK",
            took: Duration::from_micros(1500),
            upstream: Duration::from_micros(1200),
            received: 0,
            sent: 17,
            attempts: 1,
            endpoint: "127.0.0.1:50051",
            request_id: "abc",
            caller: "",
            trace: Some(0xa1),
            flag: "",
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7)
    }

    #[test]
    fn a_text_line_reads_from_left_to_right() {
        let mut line = Vec::new();
        text(&mut line, at(1_767_088_800), &record()).unwrap();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "2025-12-30T10:00:00.007Z GET /users/\"1\" 200 OK 1.5ms route=\"GET /users/{user_id}\" \
             grpc=shop.user.v1.UserService/GetUser upstream=1.2ms own=0.3ms endpoint=127.0.0.1:50051 attempts=1 \
             trace=000000000000000000000000000000a1 in=0 out=17 peer=127.0.0.1:4711 id=abc\n"
        );
    }

    #[test]
    fn nobody_writes_lines_by_the_name_in_a_token() {
        for (caller, written) in [
            ("u1", "caller=u1"),
            ("a b", "caller=\"a b\""),
            ("x\n2025 GET", "caller=\"x\\n2025 GET\""),
            (&"é".repeat(200), &format!("caller={:?}", "é".repeat(128))),
        ] {
            let mut line = Vec::new();
            text(&mut line, at(0), &Record { caller, ..record() }).unwrap();
            let line = String::from_utf8(line).unwrap();
            assert!(line.contains(&format!(" {written} in=")) && line.lines().count() == 1, "{line}");
        }
    }

    #[test]
    fn a_json_line_is_json() {
        let mut line = Vec::new();
        json(&mut line, at(951_782_400), &record()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["time"], "2000-02-29T00:00:00.007Z");
        assert_eq!(value["path"], "/users/\"1\"");
        assert_eq!(
            (&value["took_ms"], &value["upstream_ms"], &value["own_ms"]),
            (&1.5.into(), &1.2.into(), &0.3.into())
        );
        assert_eq!(value["trace_id"], "000000000000000000000000000000a1");
        assert_eq!(value.get("flag"), None);
    }

    #[test]
    fn all_that_was_logged_is_written_before_the_thread_ends() {
        let (reader, writer) = std::io::pipe().unwrap();
        let (log, thread) = AccessLog::start(writer).unwrap();
        for _ in 0..100 {
            log.log(&record(), Format::Text);
        }
        assert_eq!(log.dropped(), 0);
        drop(log);
        thread.join().unwrap();
        assert_eq!(std::io::read_to_string(reader).unwrap().lines().count(), 100);
    }
}
