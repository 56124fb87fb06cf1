//! Counts answers and their latencies.

use std::time::Duration;

use super::answer::Answer;

/// What came of the requests.
pub struct Tally {
    warm_up: usize,
    /// The body size that every answer must have, if one is known.
    size: Option<usize>,
    answered: usize,
    wrong: usize,
    /// Microseconds, of the answers after the warm-up.
    latencies: Vec<u64>,
}

impl Tally {
    /// Expects `total` answers; the first `warm_up` do not count as latencies.
    pub fn new(total: usize, warm_up: usize, size: Option<usize>) -> Self {
        let latencies = Vec::with_capacity(total.saturating_sub(warm_up));
        Self { warm_up, size, answered: 0, wrong: 0, latencies }
    }

    /// How many answers have come.
    pub fn answered(&self) -> usize {
        self.answered
    }

    /// Counts an answer; a wrong one has another status than 200 or another size than expected.
    pub fn count(&mut self, answer: Answer, latency: Duration) {
        self.answered += 1;
        if answer.status != 200 || self.size.is_some_and(|size| size != answer.body) {
            self.wrong += 1;
        }
        if self.answered > self.warm_up {
            self.latencies.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// The figures as one line.
    pub fn into_json(mut self, took: Duration) -> String {
        self.latencies.sort_unstable();
        format!(
            r#"{{"answered":{},"wrong":{},"seconds":{:.6},"p50":{},"p99":{}}}"#,
            self.answered,
            self.wrong,
            took.as_secs_f64(),
            self.percentile(50),
            self.percentile(99),
        )
    }

    fn percentile(&self, percent: usize) -> u64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (self.latencies.len() * percent / 100).min(last);
        self.latencies.get(index).copied().unwrap_or(0)
    }
}
