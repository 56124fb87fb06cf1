//! The log: set up once, its level changeable while the gateway runs.
//!
//! ```text
//!   event ─► level ─► repeats folded ─► formatted, hidden characters escaped ─► queue ─► the log's thread ─► stderr
//! ```
//! No thread waits for the reader of the log: a line that finds the queue full is dropped and counted.

mod fold;
mod repeats;

use std::fmt::Debug;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use tracing::Metadata;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use self::repeats::{FoldLayer, Repeats};
use super::hidden::{escape_json, escape_text};
use super::queue::{Pace, Queue, Written};

/// The target of events about the operator's own actions, such as warnings of a configuration: never folded.
pub const AUDIT: &str = "gateway::audit";

/// The target of results of reloads, which have several lines: never folded, and written with their line ends.
pub const REPORT: &str = "gateway::report";

/// How long the end of a log waits for its reader, unless [`Log::finish`] says otherwise.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How log lines and access records look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One readable line.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes the level of the log, and knows how many of its lines were lost.
#[derive(Debug, Clone)]
pub struct Level {
    filter: Option<reload::Handle<EnvFilter, Registry>>,
    queue: Option<Queue<Vec<u8>>>,
}

/// A level that the log does not have.
#[derive(Debug, thiserror::Error)]
#[error("unknown log level `{0}`: use error, warn, info, debug or trace")]
pub struct UnknownLevel(String);

impl Level {
    /// A log whose level is somebody else's affair: what a test has.
    pub const fn fixed() -> Self {
        Self { filter: None, queue: None }
    }

    /// Logs from this level on: `error`, `warn`, `info`, `debug`, `trace`, `off`. Libraries log from `warn` on whatever the
    /// level. A `tracing` filter with targets, as `info,h2=debug`, is used as it is.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn set(&self, level: &str) -> Result<(), UnknownLevel> {
        let filter = filter(level)?;
        let Some(handle) = &self.filter else { return Ok(()) };
        handle.reload(filter).map_err(|_| UnknownLevel(level.to_owned()))
    }

    /// Returns how many lines found the queue full, or could not be written.
    pub fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, Queue::dropped)
    }
}

/// The crates of the project. A level is theirs; libraries have their own.
const CRATES: [&str; 5] = ["gateway", "upstream", "transcode", "http_rule", "outbox"];

/// The library that watches files. Each line that it logs below `error` would be written into a file, perhaps one that it
/// watches, which it would log.
const FILE_WATCHER: &str = "notify";

fn filter(level: &str) -> Result<EnvFilter, UnknownLevel> {
    let text = match level {
        "error" | "warn" | "info" | "debug" | "trace" => of_the_project(level),
        _ if level == "off" || level.contains('=') => level.to_owned(),
        _ => return Err(UnknownLevel(level.to_owned())),
    };
    EnvFilter::try_new(text).map_err(|_| UnknownLevel(level.to_owned()))
}

/// Returns the filter that writes the lines of the project from this level on, and those of libraries from `warn` on.
fn of_the_project(level: &str) -> String {
    let libraries = if level == "error" { "error" } else { "warn" };
    let crates = CRATES.iter().map(|name| format!(",{name}={level}"));
    crates.fold(libraries.to_owned(), |filter, directive| filter + &directive)
}

/// The running log. Dropping it writes the last lines.
#[derive(Debug)]
pub struct Log {
    queue: Queue<Vec<u8>>,
    written: Written,
    repeats: Repeats,
    finished: bool,
}

impl Log {
    /// Writes what is left, summaries of repeated lines included, and takes no further lines. Waits no longer than this for
    /// the reader. Returns whether all is written.
    pub fn finish(mut self, patience: Duration) -> bool {
        self.end(patience)
    }

    fn end(&mut self, patience: Duration) -> bool {
        self.finished = true;
        self.repeats.tell_all(Instant::now());
        self.queue.close();
        self.written.wait(patience)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if !self.finished {
            self.end(LAST_LINES);
        }
    }
}

/// Sends the log to standard error, from level `info` on until [`Level::set`] says otherwise.
///
/// # Errors
/// When the system gives no thread.
pub fn init(format: Format) -> io::Result<(Level, Log)> {
    let repeats = Repeats::new();
    let told = repeats.clone();
    let pace = Pace { name: "log", delay: Duration::ZERO, tick: move |now| told.tell(now) };
    let (queue, written) = Queue::start(io::stderr(), 1, pace)?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = Lines { queue: queue.clone(), format, colour };
    let waking = queue.clone();

    let (filter, handle) = reload::Layer::new(EnvFilter::new(of_the_project("info")));
    let registry = tracing_subscriber::registry().with(filter);
    let registry = registry.with(FoldLayer::new(repeats.clone(), move || waking.wake()));
    let ready = match format {
        Format::Text => {
            let fields = debug_fn(field).delimited(" ");
            let lines = fmt::layer().with_writer(lines).with_ansi(colour).with_target(false);
            registry.with(lines.fmt_fields(fields).compact()).try_init()
        }
        Format::Json => registry.with(fmt::layer().with_writer(lines).json().flatten_event(true)).try_init(),
    };
    let level = Level { filter: ready.is_ok().then_some(handle), queue: Some(queue.clone()) };
    Ok((level, Log { queue, written, repeats, finished: false }))
}

/// Writes a field of a line of text, its value escaped: on a terminal an escape character must be the formatter's own.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let mut escaped = Vec::new();
    // Line ends are left to those who know whether the line may have several.
    escape_text(&mut escaped, &format!("{value:?}"), |character| character == '\n');
    let escaped = String::from_utf8_lossy(&escaped);
    match field.name() {
        "message" => write!(writer, "{escaped}"),
        // Where in its source a library logs; the path of a build machine among it.
        name if name.starts_with("log.") => Ok(()),
        name if writer.has_ansi_escapes() => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m{escaped}"),
        name => write!(writer, "{name}={escaped}"),
    }
}

/// Hands formatted lines to the queue.
struct Lines {
    queue: Queue<Vec<u8>>,
    format: Format,
    colour: bool,
}

/// One formatted line.
struct LineWriter<'l> {
    lines: &'l Lines,
    is_report: bool,
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = LineWriter<'l>;

    fn make_writer(&'l self) -> Self::Writer {
        LineWriter { lines: self, is_report: false }
    }

    fn make_writer_for(&'l self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter { lines: self, is_report: metadata.target() == REPORT }
    }
}

impl Write for LineWriter<'_> {
    /// Takes a whole line, which is how the formatter writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.lines
            .queue
            .add(0, |out| write_line(out, &text, self.lines.format, self.is_report, self.lines.colour));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends a line whose hidden characters are escaped, but for its end, the line ends of a report, and colours, which
/// [`field`] has left to the formatter alone.
fn write_line(out: &mut Vec<u8>, line: &str, format: Format, is_report: bool, colour: bool) {
    let content = line.strip_suffix('\n').unwrap_or(line);
    match format {
        // Fields that are left out leave the blanks before them.
        Format::Text => escape_text(out, content.trim_end_matches(' '), |character| match character {
            '\n' => is_report,
            '\u{1b}' => colour,
            _ => false,
        }),
        Format::Json => match content.strip_prefix("{\"timestamp\":").and_then(|rest| rest.split_once(',')) {
            // As access records name it. The time itself has no comma.
            Some((time, rest)) => {
                out.extend_from_slice(format!("{{\"time\":{time},\"kind\":\"log\",").as_bytes());
                escape_json(out, rest);
            }
            None => escape_json(out, content),
        },
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_of_the_known_words_or_a_filter() {
        for good in ["error", "info", "trace", "gateway=debug", "info,h2=warn"] {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["loud", "", "INFOO"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_level_is_that_of_the_project_and_libraries_warn() {
        for (level, filter) in [
            ("error", "error,gateway=error,upstream=error,transcode=error,http_rule=error,outbox=error"),
            ("info", "warn,gateway=info,upstream=info,transcode=info,http_rule=info,outbox=info"),
            ("trace", "warn,gateway=trace,upstream=trace,transcode=trace,http_rule=trace,outbox=trace"),
        ] {
            assert_eq!(of_the_project(level), filter);
        }
        let manifest = |name: &str| {
            let folder =
                std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(name.replace('_', "-"));
            folder.join("Cargo.toml").exists()
        };
        assert!(CRATES.iter().skip(1).all(|name| manifest(name)), "each is a crate of the project");
    }

    #[test]
    fn lines_of_json_have_the_time_and_the_kind_of_access_records() {
        let written = |line: &str| {
            let mut out = Vec::new();
            write_line(&mut out, line, Format::Json, false, false);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written("{\"timestamp\":\"2026-01-01T00:00:00.1Z\",\"level\":\"INFO\",\"message\":\"a,b\"}\n"),
            "{\"time\":\"2026-01-01T00:00:00.1Z\",\"kind\":\"log\",\"level\":\"INFO\",\"message\":\"a,b\"}\n"
        );
    }

    #[test]
    fn a_line_of_a_library_does_not_say_where_in_its_source_it_comes_from() {
        let text = logged(false, |_| {
            tracing::warn!(log.target = "h2", log.file = "/build/h2/src/lib.rs", log.line = 7, "broken");
        });
        assert_eq!(text, " WARN broken\n");
    }

    #[test]
    fn no_filter_has_the_file_watcher_write_lines() {
        let text = logged(false, |_| {
            tracing::trace!(target: "notify::inotify", "inotify event");
            tracing::warn!(target: "notify::inotify", "Unable to remove the path from the watches");
            tracing::error!(target: "notify::inotify", "broken");
            tracing::info!(target: "notifyd", "another library");
        });
        assert_eq!(text, "ERROR broken\n INFO another library\n");
    }

    #[test]
    fn only_a_report_has_several_lines_and_only_a_terminal_colours() {
        let written = |line: &str, format, is_report, colour| {
            let mut out = Vec::new();
            write_line(&mut out, line, format, is_report, colour);
            String::from_utf8(out).unwrap()
        };
        let line = "\u{1b}[33m WARN\u{1b}[0m a\nb\u{202e}\n";
        assert_eq!(
            written(line, Format::Text, false, false),
            "\\u{1b}[33m WARN\\u{1b}[0m a\\u{a}b\\u{202e}\n"
        );
        assert_eq!(written(line, Format::Text, true, true), "\u{1b}[33m WARN\u{1b}[0m a\nb\\u{202e}\n");
        assert_eq!(written("{\"a\":\"\u{202e}\"}\n", Format::Json, false, false), "{\"a\":\"\\u202e\"}\n");
    }

    /// What a subscriber like that of [`init`] writes while `log` runs.
    fn logged(colour: bool, log: impl FnOnce(&Repeats)) -> String {
        let (reader, writer) = io::pipe().unwrap();
        let read = std::thread::spawn(move || io::read_to_string(reader).unwrap());
        let pace = Pace { name: "log", delay: Duration::ZERO, tick: |_| None };
        let (queue, written) = Queue::start(writer, 1, pace).unwrap();
        let lines = Lines { queue: queue.clone(), format: Format::Text, colour };
        let repeats = Repeats::new();
        let lines = fmt::layer().with_writer(lines).with_ansi(colour).without_time().with_target(false);
        let lines = lines.fmt_fields(debug_fn(field).delimited(" ")).compact();
        let subscriber =
            tracing_subscriber::registry().with(FoldLayer::new(repeats.clone(), || {})).with(lines);
        tracing::subscriber::with_default(subscriber, || log(&repeats));
        queue.close();
        assert!(written.wait(Duration::from_secs(60)));
        read.join().unwrap()
    }

    #[test]
    fn repeated_lines_become_one() {
        let text = logged(false, |repeats| {
            for number in 0..5000 {
                let endpoint = if number % 2 == 0 { "a:1" } else { "b:1" };
                tracing::warn!(upstream = "library", %endpoint, number, "endpoint ejected");
                tracing::debug!("each of these");
            }
            for number in 0..50 {
                tracing::info!(target: REPORT, number, "configuration live:\n+ a route");
                tracing::warn!(target: AUDIT, number, "unused\nupstream");
            }
            repeats.tell_all(Instant::now() + Duration::from_secs(10));
        });
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        assert_eq!((count("endpoint=a:1 number="), count("endpoint=b:1 number=")), (10, 10), "{text}");
        assert_eq!(count("each of these"), 5000, "debug is written in full");
        assert_eq!((count("configuration live"), count("+ a route")), (50, 50));
        assert_eq!(count("unused\\u{a}upstream"), 50, "only reports have several lines");
        for endpoint in ["a:1", "b:1"] {
            let summary = format!(
                " WARN … 2,490 more like this in 10 s: endpoint ejected upstream=\"library\" endpoint={endpoint}"
            );
            assert_eq!(count(&summary), 1, "{text}");
        }
    }

    #[test]
    fn no_field_begins_a_line_of_its_own() {
        let forged = "x\n2026-01-01T00:00:00Z ERROR forged\u{202e}\u{200b}\u{1b}[31m\u{85}";
        let log = |_: &Repeats| tracing::info!(error = %forged, text = forged, "refused: {forged}");
        let text = logged(false, log);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(super::super::hidden::is_hidden), "{text:?}");
        let coloured = logged(true, log);
        assert!(
            coloured.contains("\u{1b}[3merror\u{1b}[0m") && !coloured.contains("\u{1b}[31m"),
            "{coloured:?}"
        );
    }
}
