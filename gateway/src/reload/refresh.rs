//! Tells when an upstream that is a descriptor source describes itself differently than it did.
//!
//! It asks now and then, and says so once for each new answer: what is held back is not told again and again. A server
//! that does not answer is asked again later; what it said before serves on.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::config::GatewayConfig;
use crate::descriptors::{Question, ReflectError, Reflected, reflect};
use crate::snapshot::Current;

/// How long a server that has never answered is left alone: routes wait for it.
const RETRY: Duration = Duration::from_secs(2);
/// How long a server has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the servers of the running configuration, again and again.
#[derive(Debug)]
pub struct Refresher {
    every: Duration,
    next: Instant,
    /// What each server has said last, hashed, when that was told already.
    told: HashMap<Arc<str>, u64>,
    /// Servers that did not answer the last time.
    silent: HashSet<Arc<str>>,
}

impl Refresher {
    /// Asks every so often.
    pub fn new(every: Duration) -> Self {
        Self { every, next: Instant::now() + every, told: HashMap::new(), silent: HashSet::new() }
    }

    /// Waits until a server says what it has not said before. May be dropped and begun again at any time.
    pub async fn changed(&mut self, current: &Current) {
        loop {
            if !current.pin().config.undescribed.is_empty() {
                self.next = self.next.min(Instant::now() + RETRY);
            }
            tokio::time::sleep_until(self.next).await;
            let config = Arc::clone(&current.pin().config);
            let questions = questions(&config);
            let answers = join_all(questions.iter().map(reflect)).await;
            self.next = Instant::now() + self.every;
            let mut changed = false;
            for (question, answer) in questions.into_iter().zip(answers) {
                changed |= self.is_news(&config, question.upstream, answer);
            }
            if changed {
                return;
            }
        }
    }

    fn is_news(
        &mut self,
        config: &GatewayConfig,
        upstream: Arc<str>,
        answer: Result<Reflected, ReflectError>,
    ) -> bool {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // That it has never answered has been reported by the load.
                if self.silent.insert(Arc::clone(&upstream)) && config.reflected.contains_key(&upstream) {
                    tracing::warn!(%upstream, %error, "cannot ask for descriptors; those of before stay");
                }
                return false;
            }
        };
        if self.silent.remove(&upstream) {
            tracing::info!(%upstream, "answers again about its descriptors");
        }
        if config.reflected.get(&upstream) == Some(&answer) {
            self.told.remove(&upstream);
            return false;
        }
        let mut hasher = DefaultHasher::new();
        answer.set().hash(&mut hasher);
        let hash = hasher.finish();
        self.told.insert(upstream, hash) != Some(hash)
    }
}

fn questions(config: &GatewayConfig) -> Vec<Question> {
    let question = |upstream: &Arc<str>| {
        let spec = config.upstreams.get(upstream)?.clone();
        Some(Question { upstream: Arc::clone(upstream), spec, patience: PATIENCE })
    };
    config.reflected.keys().chain(&config.undescribed).filter_map(question).collect()
}
