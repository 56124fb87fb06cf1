//! Folds repeated lines: a burst passes, the rest of the window is counted, and one line tells the count.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// How long lines are counted before a summary.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// How many lines of a kind pass in a window.
pub(super) const BURST: u32 = 10;
/// How many kinds are told apart. Further ones share the budget of their origin.
pub(super) const KINDS: usize = 256;

/// Which lines are alike: those from one place in the code, about one subject. `C` names the place.
type Kind<C> = (C, Option<u64>);

/// The lines of late, by kind.
#[derive(Debug)]
pub(super) struct Folds<C, S> {
    kinds: HashMap<Kind<C>, Count<S>>,
}

#[derive(Debug)]
struct Count<S> {
    /// The start of the window.
    window: Instant,
    /// Lines that passed in this window.
    passed: u32,
    folded: Option<Folded<S>>,
}

/// Lines that were folded since the last summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folded<S> {
    /// The first of them.
    pub(super) sample: S,
    /// When it came.
    pub(super) since: Instant,
    /// How many there were.
    pub(super) lines: u64,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// The first that is folded: a summary will be due.
    FirstFolded,
    Folded,
}

impl<C: Clone + Eq + Hash, S> Folds<C, S> {
    pub(super) fn new() -> Self {
        Self { kinds: HashMap::new() }
    }

    /// Decides about a line from this place in the code, about this subject. `sample` is called for the first line that is
    /// folded.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        place: C,
        subject: u64,
        sample: impl FnOnce() -> S,
    ) -> Verdict {
        let kind = self.kind(now, place, subject);
        let count = self.kinds.entry(kind).or_insert(Count { window: now, passed: 0, folded: None });
        if now.saturating_duration_since(count.window) >= WINDOW {
            (count.window, count.passed) = (now, 0);
        }
        if count.passed < BURST {
            count.passed += 1;
            return Verdict::Pass;
        }
        if let Some(folded) = &mut count.folded {
            folded.lines += 1;
            return Verdict::Folded;
        }
        count.folded = Some(Folded { sample: sample(), since: now, lines: 1 });
        Verdict::FirstFolded
    }

    /// The kind of a line; without its subject when there are too many.
    fn kind(&mut self, now: Instant, place: C, subject: u64) -> Kind<C> {
        let kind = (place.clone(), Some(subject));
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
            let is_over = |count: &Count<S>| now.saturating_duration_since(count.window) >= WINDOW;
            self.kinds.retain(|_, count| count.folded.is_some() || !is_over(count));
            if self.kinds.len() >= KINDS {
                return (place, None); // As many as there are such places.
            }
        }
        kind
    }

    /// Takes the counts whose window is over, and returns when the next one will be.
    pub(super) fn due(&mut self, now: Instant) -> (Vec<Folded<S>>, Option<Duration>) {
        let (mut due, mut next) = (Vec::new(), None);
        for count in self.kinds.values_mut() {
            let Some(folded) = &count.folded else { continue };
            let left = WINDOW.saturating_sub(now.saturating_duration_since(folded.since));
            if left.is_zero() {
                due.extend(count.folded.take());
            } else {
                next = Some(next.map_or(left, |next: Duration| next.min(left)));
            }
        }
        (due, next)
    }

    /// Takes all counts, whatever is left of their windows.
    pub(super) fn take(&mut self) -> Vec<Folded<S>> {
        self.kinds.values_mut().filter_map(|count| count.folded.take()).collect()
    }
}

/// A number with a comma for each thousand.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.char_indices() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn admit(
        folds: &mut Folds<&'static str, u64>,
        now: Instant,
        place: &'static str,
        subject: u64,
    ) -> Verdict {
        folds.admit(now, place, subject, || subject)
    }

    #[test]
    fn a_burst_passes_and_the_rest_of_the_window_is_told_in_one_line() {
        let (mut folds, start) = (Folds::new(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(admit(&mut folds, start, "ejected", 1), Verdict::Pass);
        }
        let second = start + SECOND;
        assert_eq!(admit(&mut folds, second, "ejected", 1), Verdict::FirstFolded);
        for _ in 0..4811 {
            assert_eq!(admit(&mut folds, second, "ejected", 1), Verdict::Folded);
        }
        assert_eq!(admit(&mut folds, second, "ejected", 2), Verdict::Pass, "another subject");
        assert_eq!(admit(&mut folds, second, "back", 1), Verdict::Pass, "another place");
        assert_eq!(folds.due(start + WINDOW), (Vec::new(), Some(SECOND)));
        let folded = Folded { sample: 1, since: second, lines: 4812 };
        assert_eq!(folds.due(second + WINDOW), (vec![folded], None));
        assert_eq!(folds.due(second + WINDOW), (Vec::new(), None), "told once");
        assert_eq!(admit(&mut folds, second + WINDOW, "ejected", 1), Verdict::Pass, "a new window");
    }

    #[test]
    fn a_storm_costs_a_burst_and_a_line_each_window() {
        let (mut folds, start) = (Folds::new(), Instant::now());
        let (mut lines, mut told) = (0, 0);
        for tick in 0..60_000 {
            let now = start + tick * Duration::from_millis(1);
            lines += u64::from(admit(&mut folds, now, "flips", 1) == Verdict::Pass);
            told += folds.due(now).0.iter().map(|folded| folded.lines).sum::<u64>();
        }
        told += folds.take().iter().map(|folded| folded.lines).sum::<u64>();
        assert_eq!(lines, 60);
        assert_eq!(lines + told, 60_000, "no line is lost from the count");
    }

    #[test]
    fn lines_that_come_now_and_then_are_never_folded() {
        let (mut folds, start) = (Folds::new(), Instant::now());
        for number in 0..1000 {
            let verdict = admit(&mut folds, start + number * Duration::from_millis(1001), "reload", 0);
            assert_eq!(verdict, Verdict::Pass);
        }
    }

    #[test]
    fn subjects_without_end_take_no_memory_without_end() {
        let (mut folds, start) = (Folds::new(), Instant::now());
        let passed =
            (0..100_000).filter(|subject| admit(&mut folds, start, "found", *subject) == Verdict::Pass);
        assert_eq!(passed.count(), KINDS + BURST as usize);
        assert_eq!(folds.kinds.len(), KINDS + 1);
        let later = start + 2 * WINDOW;
        assert_eq!(admit(&mut folds, later, "found", 100_001), Verdict::Pass, "old ones make room");
        assert!(folds.kinds.len() <= 3, "{}", folds.kinds.len());
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        let all = [(0, "0"), (999, "999"), (1000, "1,000"), (4812, "4,812"), (1_234_567, "1,234,567")];
        for (number, text) in all {
            assert_eq!(grouped(number), text);
        }
    }
}
