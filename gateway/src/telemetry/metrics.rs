//! Counters and histograms, and their text for Prometheus.
//!
//! Each component holds its instruments itself; a record is one relaxed addition, and never looks up a label.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The upper bounds of the duration buckets, in microseconds.
const BOUNDS: [u64; 14] = [
    500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(micros, Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, labels: &str) {
        let mut count = 0;
        for (index, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Relaxed);
            // Formatting to a string can't fail, here and below.
            let _ = match BOUNDS.get(index) {
                Some(bound) => writeln!(out, "{name}_bucket{{{labels},le=\"{}\"}} {count}", seconds(*bound)),
                None => writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}"),
            };
        }
        let _ = writeln!(out, "{name}_sum{{{labels}}} {}", seconds(self.sum.load(Relaxed)));
        let _ = writeln!(out, "{name}_count{{{labels}}} {count}");
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// gRPC codes that a counter tells apart.
const CODES: usize = 17;

/// What one route counts.
#[derive(Debug, Default)]
pub struct RouteMetrics {
    codes: [AtomicU64; CODES],
    took: Histogram,
    unknown: AtomicU64,
    undecided: AtomicU64,
    /// How large answers tend to be: the largest of late, slowly forgotten.
    answer: AtomicUsize,
    /// Bytes of JSON to sixteen of a message, in large answers: the most of late, slowly forgotten.
    growth: AtomicUsize,
}

/// Messages from this size on are worth knowing beforehand how much JSON they will make.
const LARGE: usize = 4 << 10;
/// Bytes of JSON to sixteen of a message, where nothing is known yet, and at most.
const USUAL_GROWTH: usize = 40;
const MOST_GROWTH: usize = 128;

impl RouteMetrics {
    /// Counts an answered request: its gRPC code, and how long it took in all.
    pub fn record(&self, code: u8, took: Duration) {
        if let Some(counter) = self.codes.get(usize::from(code)) {
            counter.fetch_add(1, Relaxed);
        }
        self.took.record(took);
    }

    /// Counts fields and parameters that a request named, that the message has not, and that were left out.
    pub fn record_unknown(&self, fields: usize) {
        self.unknown.fetch_add(fields as u64, Relaxed);
    }

    /// Fields and parameters left out so far.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }

    /// Counts a request that was let through because a service that decides could not be asked.
    pub fn record_undecided(&self) {
        self.undecided.fetch_add(1, Relaxed);
    }

    /// Requests so let through so far.
    pub fn undecided(&self) -> u64 {
        self.undecided.load(Relaxed)
    }

    /// Remembers how large an answer was.
    pub fn record_answer(&self, bytes: usize) {
        let expected = self.answer.load(Relaxed);
        let new = bytes.max(expected - expected / 16);
        // Two at once may lose one of the two: it is a guess, and the next answer corrects it.
        if new != expected {
            self.answer.store(new, Relaxed);
        }
    }

    /// How large the next answer may well be.
    pub fn expected_answer(&self) -> usize {
        self.answer.load(Relaxed)
    }

    /// Remembers how much JSON a message of so many bytes made.
    pub fn record_growth(&self, message: usize, json: usize) {
        if message < LARGE {
            return;
        }
        let known = self.growth.load(Relaxed);
        let seen = (json.saturating_mul(16) / message + 1).min(MOST_GROWTH);
        let new = seen.max(known - known / 16);
        if new != known {
            self.growth.store(new, Relaxed);
        }
    }

    /// Room for the JSON of a message of so many bytes, most likely enough: growing in the middle would copy. What is known of
    /// others adds no more than a MiB to what is usual.
    pub fn room_for(&self, message: usize) -> usize {
        const BESIDE: usize = 256;
        const MOST_MORE: usize = 1 << 20;
        let grown = |growth: usize| (message / 16 + 1).saturating_mul(growth).saturating_add(BESIDE);
        let usual = grown(USUAL_GROWTH);
        match self.growth.load(Relaxed) {
            known if known > 0 && message >= LARGE => grown(known).min(usual.saturating_add(MOST_MORE)),
            _ => usual,
        }
    }

    /// Requests answered so far.
    pub fn requests(&self) -> u64 {
        self.codes.iter().map(|counter| counter.load(Relaxed)).sum()
    }
}

/// The text that Prometheus reads (exposition format 0.0.4).
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Starts a metric: its help and type.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One value; `labels` as [`labels`] makes them, or empty.
    pub fn value(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = match labels {
            "" => writeln!(self.text, "{name} {value}"),
            labels => writeln!(self.text, "{name}{{{labels}}} {value}"),
        };
    }

    /// A route's requests by gRPC code; codes that never came are left out.
    pub fn route_requests(
        &mut self,
        labels: &str,
        metrics: &RouteMetrics,
        code_name: impl Fn(usize) -> &'static str,
    ) {
        for (code, counter) in metrics.codes.iter().enumerate() {
            let count = counter.load(Relaxed);
            if count > 0 {
                let labels = format!("{labels},code=\"{}\"", code_name(code));
                self.value("gateway_requests_total", &labels, count);
            }
        }
    }

    /// A route's durations.
    pub fn route_durations(&mut self, labels: &str, metrics: &RouteMetrics) {
        if metrics.requests() > 0 {
            metrics.took.write(&mut self.text, "gateway_request_duration_seconds", labels);
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Labels as `name="value"` pairs, their values escaped.
pub fn labels(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push(',');
        }
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{name}=\"{value}\"");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let histogram = Histogram::default();
        for micros in [1, 500, 501, 1_000_000, 60_000_000] {
            histogram.record(Duration::from_micros(micros));
        }
        let mut out = String::new();
        histogram.write(&mut out, "took", "route=\"r\"");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.first(), Some(&"took_bucket{route=\"r\",le=\"0.0005\"} 2"));
        assert!(lines.contains(&"took_bucket{route=\"r\",le=\"0.001\"} 3"));
        assert!(lines.contains(&"took_bucket{route=\"r\",le=\"1\"} 4"));
        assert!(lines.contains(&"took_bucket{route=\"r\",le=\"+Inf\"} 5"));
        assert!(lines.contains(&"took_sum{route=\"r\"} 61.001002"));
        assert!(lines.contains(&"took_count{route=\"r\"} 5"));
    }

    #[test]
    fn the_expected_answer_is_the_largest_of_late() {
        let metrics = RouteMetrics::default();
        metrics.record_answer(1000);
        assert_eq!(metrics.expected_answer(), 1000);
        metrics.record_answer(3200);
        assert_eq!(metrics.expected_answer(), 3200);
        metrics.record_answer(100);
        assert_eq!(metrics.expected_answer(), 3000);
        for _ in 0..100 {
            metrics.record_answer(100);
        }
        assert_eq!(metrics.expected_answer(), 100);
    }

    #[test]
    fn room_for_answers_is_what_large_ones_took_of_late() {
        let metrics = RouteMetrics::default();
        let usual = metrics.room_for(16_000);
        assert!((40_000..41_000).contains(&usual), "{usual}");
        metrics.record_growth(100, 100_000);
        assert_eq!(metrics.room_for(16_000), usual, "a small one says nothing");
        for (json, from, to) in
            [(48_000, 48_000, 50_000), (16_000, 46_000, 48_000), (1 << 40, 128_000, 130_000)]
        {
            metrics.record_growth(16_000, json);
            let room = metrics.room_for(16_000);
            assert!((from..to).contains(&room), "{json}: {room}");
        }
        let (most, usual) = (metrics.room_for(64 << 20), RouteMetrics::default().room_for(64 << 20));
        assert_eq!(most, usual + (1 << 20), "a small answer says little about a huge one");
        for _ in 0..100 {
            metrics.record_growth(16_000, 16_000);
        }
        assert!((16_000..18_000).contains(&metrics.room_for(16_000)));
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(labels(&[("a", "x\"y\\z\n"), ("b", "1")]), "a=\"x\\\"y\\\\z\\n\",b=\"1\"");
    }
}
