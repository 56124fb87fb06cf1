//! The layer of the log that folds repeated events: see [`super::fold`].

use std::fmt::{self, Debug, Write};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::fold::{Folded, Folds, Verdict, grouped};
use super::{AUDIT, FILE_WATCHER, REPORT};

/// The fields that distinguish what lines from one place in the code are about. The address of a client is not among them:
/// a client can have any number of addresses.
const SUBJECT: [&str; 10] = [
    "upstream",
    "endpoint",
    "host",
    "url",
    "listener",
    "auth",
    "handshake",
    "certificate",
    "log.target",
    "log.line",
];

/// The most characters of a line that a summary repeats.
const MAX_SAMPLE: usize = 256;

/// What is folded. The layer fills it; the log's thread tells it.
#[derive(Debug, Clone)]
pub(super) struct Repeats(Arc<Mutex<Folds<Identifier, Sample>>>);

/// A line, for its summary.
#[derive(Debug)]
struct Sample {
    level: Level,
    text: String,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Folds::new())))
    }

    /// Logs the summaries that are due, and returns when the next one will be.
    pub(super) fn tell(&self, now: Instant) -> Option<Duration> {
        let (due, next) = self.lock().due(now);
        due.iter().for_each(|folded| summary(now, folded));
        next
    }

    /// Logs all summaries.
    pub(super) fn tell_all(&self, now: Instant) {
        let all = self.lock().take();
        all.iter().for_each(|folded| summary(now, folded));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Folds<Identifier, Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn summary(now: Instant, folded: &Folded<Sample>) {
    let lines = grouped(folded.lines);
    let seconds = now.saturating_duration_since(folded.since).as_secs().max(1);
    let text = &folded.sample.text;
    let text = format_args!("… {lines} more like this in {seconds} s: {text}");
    match folded.sample.level {
        Level::ERROR => tracing::error!(target: SUMMARY, "{text}"),
        Level::WARN => tracing::warn!(target: SUMMARY, "{text}"),
        _ => tracing::info!(target: SUMMARY, "{text}"),
    }
}

/// The target of summaries, which are not folded themselves.
const SUMMARY: &str = "gateway::summary";

/// Folds events from `info` on, and drops those of the file watcher. Those at `debug` and `trace` are written in full.
pub(super) struct FoldLayer<W> {
    repeats: Repeats,
    hasher: RandomState,
    /// Called when a summary will be due where none was.
    wake: W,
}

impl<W> FoldLayer<W> {
    pub(super) fn new(repeats: Repeats, wake: W) -> Self {
        Self { repeats, hasher: RandomState::new(), wake }
    }
}

impl<S: Subscriber, W: Fn() + Send + Sync + 'static> Layer<S> for FoldLayer<W> {
    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        let rest = metadata.target().strip_prefix(FILE_WATCHER);
        let is_watcher = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        !is_watcher || *metadata.level() == Level::ERROR
    }

    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO || matches!(metadata.target(), AUDIT | REPORT | SUMMARY) {
            return true;
        }
        let mut subject = Subject(self.hasher.build_hasher());
        event.record(&mut subject);
        let sample = || {
            let mut line = Line(String::new());
            event.record(&mut line);
            Sample { level: *metadata.level(), text: line.0 }
        };
        let verdict =
            self.repeats.lock().admit(Instant::now(), metadata.callsite(), subject.0.finish(), sample);
        if verdict == Verdict::FirstFolded {
            (self.wake)();
        }
        verdict == Verdict::Pass
    }
}

/// The hash of what an event is about.
struct Subject<H>(H);

impl<H: Hasher> Visit for Subject<H> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if SUBJECT.contains(&field.name()) {
            self.0.write(field.name().as_bytes());
            // Hashing can't fail.
            _ = write!(self, "{value:?}");
        }
    }
}

impl<H: Hasher> Write for Subject<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// An event's message and what it is about, as text.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let room = MAX_SAMPLE.saturating_sub(self.0.chars().count());
        let text = match field.name() {
            "message" => format!("{value:?}"),
            // Where a library's own log calls from says nothing to an operator.
            name if SUBJECT.contains(&name) && !name.starts_with("log.") => format!(" {name}={value:?}"),
            _ => return,
        };
        self.0.extend(text.chars().take(room));
    }
}
