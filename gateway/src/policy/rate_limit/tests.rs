//! The algorithm against an exact model, and the table under floods.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::buckets::{Buckets, Name};
use super::gcra::Gcra;
use super::*;

const SECOND: u64 = 1_000_000_000;

fn gcra(rate: &str, burst: u32) -> Gcra {
    Gcra::new(Rate::parse(rate).unwrap(), NonZeroU32::new(burst).unwrap())
}

/// A leaky bucket in exact arithmetic: tokens as a fraction of `unit` nanoseconds.
struct Model {
    count: u128,
    unit: u128,
    burst: u128,
    /// Tokens, times `unit`.
    level: u128,
    at: u64,
}

impl Model {
    fn new(count: u32, unit: u64, burst: u32) -> Self {
        let (count, unit, burst) = (u128::from(count), u128::from(unit), u128::from(burst));
        Self { count, unit, burst, level: burst * unit, at: 0 }
    }

    fn take(&mut self, now: u64) -> bool {
        let gained = u128::from(now - self.at) * self.count;
        self.level = (self.level + gained).min(self.burst * self.unit);
        self.at = now;
        let passes = self.level >= self.unit;
        if passes {
            self.level -= self.unit;
        }
        passes
    }
}

proptest! {
    /// Rates that divide their unit have no rounding: the answers are those of the model, one by one.
    #[test]
    fn decisions_are_those_of_an_exact_bucket(
        count in prop::sample::select(vec![1_u32, 2, 4, 5, 8, 10, 100, 1000, 40_000]),
        burst in 1_u32..50,
        steps in prop::collection::vec(0_u64..300_000_000, 1..200),
    ) {
        let gcra = gcra(&format!("{count}/s"), burst);
        let mut model = Model::new(count, SECOND, burst);
        let (mut now, mut full) = (0, 0);
        for step in steps {
            now += step;
            let (next, standing) = gcra.take(full, now);
            full = next.unwrap_or(full);
            prop_assert_eq!(standing.passes(), model.take(now), "at {}", now);
            let remaining = model.level / model.unit;
            prop_assert_eq!(u128::from(standing.remaining), remaining);
        }
    }

    /// Whatever the rate, no window of time lets more through than the burst and what the rate gives for it, rounded up.
    #[test]
    fn no_window_lets_more_through(
        count in 1_u32..5000,
        burst in 1_u32..100,
        steps in prop::collection::vec(0_u64..100_000_000, 1..300),
    ) {
        let gcra = gcra(&format!("{count}/s"), burst);
        let (mut now, mut full, mut passed) = (0, 0, Vec::new());
        for step in steps {
            now += step;
            if let (Some(next), _) = gcra.take(full, now) {
                full = next;
                passed.push(now);
            }
        }
        for (first, from) in passed.iter().enumerate() {
            for (last, to) in passed.iter().enumerate().skip(first) {
                let through = (last - first + 1) as f64;
                // The interval is rounded down to whole nanoseconds.
                let allowed = f64::from(burst) + (to - from) as f64 / (SECOND / u64::from(count)) as f64 + 1e-6;
                prop_assert!(through <= allowed, "{through} > {allowed}");
            }
        }
    }

    /// Who comes back when told to is let through; who comes earlier is not.
    #[test]
    fn retry_after_is_exact(count in 1_u32..1000, burst in 1_u32..20, pause in 0_u64..SECOND) {
        let gcra = gcra(&format!("{count}/s"), burst);
        let (mut full, now) = (0, pause);
        let wait = loop {
            match gcra.take(full, now) {
                (Some(next), _) => full = next,
                (None, standing) => break u64::try_from(standing.retry.unwrap().as_nanos()).unwrap(),
            }
        };
        prop_assert!(gcra.take(full, now + wait).0.is_some());
        prop_assert!(gcra.take(full, now + wait - 1).0.is_none());
    }
}

#[test]
fn standings_tell_what_is_left_and_when_it_is_full() {
    let gcra = gcra("10/s", 3);
    let mut full = 0;
    let mut take = |now| {
        let (next, standing) = gcra.take(full, now);
        full = next.unwrap_or(full);
        (standing.remaining, standing.reset.as_millis(), standing.retry.map(|retry| retry.as_millis()))
    };
    assert_eq!(take(0), (2, 100, None));
    assert_eq!(take(0), (1, 200, None));
    assert_eq!(take(0), (0, 300, None));
    assert_eq!(take(0), (0, 300, Some(100)));
    assert_eq!(take(SECOND / 10), (0, 300, None));
    assert_eq!(take(10 * SECOND), (2, 100, None));
}

#[test]
fn rates_are_read_and_written() {
    for (text, written) in [
        ("100/s", "100/s"),
        ("600/min", "600/min"),
        (" 600 / min ", "600/min"),
        ("100/sec", "100/s"),
        ("100/second", "100/s"),
        ("600/m", "600/min"),
        ("600/minute", "600/min"),
        ("5/h", "5/h"),
        ("5/hour", "5/h"),
        ("1/d", "1/day"),
        ("1/day", "1/day"),
    ] {
        assert_eq!(Rate::parse(text).unwrap().to_string(), written);
    }
    assert_eq!(Rate::parse("0/s"), Err(Problem::RateZero));
    for bad in ["", "100", "100/", "/s", "-1/s", "1.5/s", "100/week", "99999999999/s", "+1/s", "600/M"] {
        assert_eq!(Rate::parse(bad), Err(Problem::Rate(bad.into())), "{bad}");
    }
    for (other, help) in [
        ("600/Minutes", "write `600/min`"),
        ("100/secs", "write `100/s`"),
        ("100 per second", "write `100/s`"),
        ("5/hours", "write `5/h`"),
        ("1.5/sec", "write a number per s, min, h or day: `100/s`, `600/min`"),
        ("100/week", "write a number per s, min, h or day: `100/s`, `600/min`"),
    ] {
        assert_eq!(Rate::parse(other).unwrap_err().help(), help, "{other}");
    }
    for key in ["ip", "route", "header:x-tenant", "jwt:sub"] {
        assert_eq!(LimitKey::parse(key).unwrap().to_string(), key);
    }
    assert_eq!(LimitKey::parse("const:x"), Err(Problem::LimitKey("const:x".into())));
    assert_eq!(LimitKey::parse("host"), Err(Problem::LimitKey("host".into())));
}

#[test]
fn one_client_has_one_bucket_however_it_writes_its_address() {
    let network = |text: &str| network(text.parse().unwrap());
    assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
    assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
    assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
}

/// Names of different keys under one limit, as good as random.
fn names(limit: u64) -> impl Iterator<Item = Name> {
    let next = |hash: &u64| {
        Some(hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(limit), next).map(move |key| Name::new(limit, key))
}

#[test]
fn keys_have_buckets_of_their_own_under_each_limit() {
    let buckets = Buckets::default();
    let (gcra, now) = (gcra("1/s", 2), Instant::now());
    let keys = [1 << 16, 2 << 16, u64::MAX, 1 << 40, 0x1234_5678_9abc_def0];
    for name in keys.into_iter().flat_map(|key| [Name::new(1, key), Name::new(2, key)]) {
        let passes: Vec<_> = (0..3).map(|_| buckets.take(name, &gcra, now).passes()).collect();
        assert_eq!(passes, [true, true, false], "{name:?}");
    }
}

#[test]
fn a_flood_of_keys_takes_no_memory_and_frees_nobody_who_is_held_back() {
    let buckets = Buckets::with_sets(64);
    let (gcra, start) = (gcra("1/s", 5), Instant::now());
    let held = Name::new(7, 0xdead_beef_0000_0000);
    while buckets.take(held, &gcra, start).passes() {}
    // Two hundred keys for each slot, all at once: each is new, and each passes.
    for name in names(7).take(100_000) {
        assert!(buckets.take(name, &gcra, start).passes());
    }
    assert!(!buckets.take(held, &gcra, start + Duration::from_millis(900)).passes());
    assert!(buckets.take(held, &gcra, start + Duration::from_millis(1100)).passes());
    assert_eq!(buckets.slots(), 64 * 8);
}

/// A request to a slow limit costs a day, which is more than anybody can owe a fast one.
#[test]
fn a_flood_under_a_slow_limit_frees_nobody_who_is_held_back_by_another() {
    let buckets = Buckets::with_sets(64);
    let (fast, slow, start) = (gcra("1/s", 5), gcra("1/day", 1), Instant::now());
    let held: Vec<Name> = names(7).take(32).collect();
    for name in &held {
        while buckets.take(*name, &fast, start).passes() {}
    }
    for name in names(9).take(100_000) {
        buckets.take(name, &slow, start);
    }
    let freed = held.iter().filter(|name| buckets.take(**name, &fast, start).passes()).count();
    assert_eq!(freed, 0, "of {}", held.len());
}

/// Who comes last finds the table full of another's debts, and is counted nevertheless.
#[test]
fn a_limit_whose_table_others_have_filled_still_holds() {
    let buckets = Buckets::with_sets(64);
    let (fast, slow, start) = (gcra("1/s", 5), gcra("1/day", 1), Instant::now());
    for name in names(9).take(100_000) {
        buckets.take(name, &slow, start);
    }
    for name in names(7).take(32) {
        let passed = (0..20).filter(|_| buckets.take(name, &fast, start).passes()).count();
        assert_eq!(passed, 5);
    }
}

#[test]
fn threads_share_a_bucket_without_letting_more_through() {
    let buckets = Arc::new(Buckets::default());
    let (gcra, now) = (gcra("1/h", 1000), Instant::now());
    let name = Name::new(1, 1 << 42);
    let passed: usize = std::thread::scope(|scope| {
        let take = || (0..1000).filter(|_| buckets.take(name, &gcra, now).passes()).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 1000);
}
