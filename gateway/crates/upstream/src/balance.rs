//! Which endpoint is asked: pure choice among those that are ready.
//!
//! Consistent hashing is rendezvous hashing: each endpoint scores with the key, the best one wins. It needs no table, and when
//! an endpoint comes or goes exactly the keys that it wins move. A call that is tried again goes to the next best.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::endpoint::Endpoint;
use crate::random::{Dice, mix};
use crate::spec::Balance;

/// What a worker keeps for choosing.
#[derive(Debug)]
pub(crate) struct Chooser {
    turn: AtomicUsize,
    dice: Dice,
}

impl Chooser {
    pub(crate) fn new(dice: Dice) -> Self {
        // Workers begin at different places, or the first endpoint would get every worker's first call.
        Self { turn: AtomicUsize::new(dice.next() as usize), dice }
    }

    /// One of `ready`, preferably none of `tried`.
    pub(crate) fn choose<'a>(
        &self,
        balance: Balance,
        ready: &'a [Arc<Endpoint>],
        hash: Option<u64>,
        tried: &[Arc<Endpoint>],
    ) -> Option<&'a Arc<Endpoint>> {
        if ready.len() < 2 {
            return ready.first();
        }
        let index = match (balance, hash) {
            (Balance::Hash, Some(key)) => return best(ready, key, tried),
            (Balance::RoundRobin, _) => self.turn.fetch_add(1, Relaxed) % ready.len(),
            (Balance::LeastRequest, _) => self.less_busy(ready),
            (Balance::Random | Balance::Hash, _) => self.dice.below(ready.len()),
        };
        untried(ready, index, tried)
    }

    /// The less busy of two different ones.
    fn less_busy(&self, ready: &[Arc<Endpoint>]) -> usize {
        let one = self.dice.below(ready.len());
        let other = (one + 1 + self.dice.below(ready.len() - 1)) % ready.len();
        let busy = |index: usize| ready.get(index).map_or(u32::MAX, |e| e.active.load(Relaxed));
        if busy(other) < busy(one) { other } else { one }
    }
}

/// The one at `index`, or the next that was not tried yet, or the one at `index` after all.
fn untried<'a>(
    ready: &'a [Arc<Endpoint>],
    index: usize,
    tried: &[Arc<Endpoint>],
) -> Option<&'a Arc<Endpoint>> {
    let (before, from) = ready.split_at_checked(index)?;
    from.iter().chain(before).find(|endpoint| !contains(tried, endpoint)).or_else(|| ready.get(index))
}

fn best<'a>(ready: &'a [Arc<Endpoint>], key: u64, tried: &[Arc<Endpoint>]) -> Option<&'a Arc<Endpoint>> {
    let score = |endpoint: &&Arc<Endpoint>| mix(key ^ endpoint.identity);
    let untried = ready.iter().filter(|endpoint| !contains(tried, endpoint)).max_by_key(score);
    untried.or_else(|| ready.iter().max_by_key(score))
}

fn contains(tried: &[Arc<Endpoint>], endpoint: &Arc<Endpoint>) -> bool {
    tried.iter().any(|t| Arc::ptr_eq(t, endpoint))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::endpoint::tests::endpoints;

    const CALLS: usize = 30_000;

    fn counts(balance: Balance, ready: &[Arc<Endpoint>]) -> Vec<usize> {
        let chooser = Chooser::new(Dice::seeded(3));
        let mut counts = vec![0; ready.len()];
        for key in 0..CALLS {
            let chosen = chooser.choose(balance, ready, Some(mix(key as u64)), &[]).unwrap();
            counts[ready.iter().position(|e| Arc::ptr_eq(e, chosen)).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn every_balance_spreads_calls_evenly_over_equal_endpoints() {
        for balance in [Balance::RoundRobin, Balance::LeastRequest, Balance::Random, Balance::Hash] {
            for n in [1, 2, 3, 7] {
                let counts = counts(balance, &endpoints(n));
                let fair = CALLS / usize::from(n);
                assert!(counts.iter().all(|c| c.abs_diff(fair) < fair / 10 + 2), "{balance:?} {counts:?}");
            }
        }
    }

    #[test]
    fn least_request_avoids_the_busy_one() {
        let ready = endpoints(3);
        ready[1].active.store(10, Relaxed);
        assert_eq!(counts(Balance::LeastRequest, &ready)[1], 0);
    }

    #[test]
    fn only_the_keys_of_an_endpoint_that_goes_move() {
        let all = endpoints(5);
        let fewer: Vec<_> = all.iter().filter(|e| e.name != all[2].name).cloned().collect();
        let chooser = Chooser::new(Dice::seeded(3));
        let of = |ready: &[Arc<Endpoint>], key| {
            chooser.choose(Balance::Hash, ready, Some(key), &[]).unwrap().name.clone()
        };
        let mut moved = HashMap::<_, usize>::new();
        for key in (0..CALLS as u64).map(mix) {
            let (before, after) = (of(&all, key), of(&fewer, key));
            if before == all[2].name {
                *moved.entry(after).or_default() += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        // And they are shared out among those that stay.
        assert_eq!(moved.len(), 4);
    }

    #[test]
    fn another_try_goes_elsewhere_where_there_is_another() {
        let ready = endpoints(3);
        let chooser = Chooser::new(Dice::seeded(3));
        for balance in [Balance::RoundRobin, Balance::LeastRequest, Balance::Random, Balance::Hash] {
            for key in 0..100 {
                let mut tried = Vec::new();
                for _ in 0..3 {
                    let next = chooser.choose(balance, &ready, Some(mix(key)), &tried).unwrap();
                    assert!(!contains(&tried, next), "{balance:?}");
                    tried.push(Arc::clone(next));
                }
                assert!(chooser.choose(balance, &ready, Some(mix(key)), &tried).is_some());
            }
        }
        assert!(chooser.choose(Balance::RoundRobin, &[], None, &[]).is_none());
    }
}
