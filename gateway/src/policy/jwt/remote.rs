//! Keys that live at a URL: fetched at once, then again and again in the background, the last good set kept.
//!
//! ```text
//!   start ─► fetching ──(done, or failed)──► resting ──(time is up, or an unknown key, once in 30 s)──┐
//!               ▲                                                                                     │
//!               └─────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! One task fetches, so there is never more than one fetch under way; whoever needs its outcome waits for it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::algorithm::Algorithm;
use super::fetch::{Client, Location};
use super::keys::{KeySet, Verdict};
use super::token::Token;
use crate::policy::finding::{Finding, Problem};

/// A URL of keys, and the algorithms that they are taken for. Equal ones share their fetches, across reloads too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct KeysUrl {
    location: Location,
    algorithms: Vec<Algorithm>,
}

impl Hash for KeysUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.location.hash(state);
        self.algorithms.hash(state);
    }
}

impl KeysUrl {
    /// The URL without what may be secret in it.
    pub(in crate::policy) fn shown(&self) -> String {
        self.location.to_string()
    }

    pub(super) fn parse(url: &str, algorithms: &[Algorithm]) -> Result<Self, Problem> {
        Ok(Self { location: Location::parse(url)?, algorithms: algorithms.to_vec() })
    }
}

/// When keys are fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// From a success to the next fetch.
    pub(super) refresh: Duration,
    /// From a failure to the next; doubles up to `refresh`.
    pub(super) retry: Duration,
    /// The shortest time between two fetches that unknown keys ask for.
    pub(super) gap: Duration,
    /// How long one may take.
    pub(super) timeout: Duration,
}

const TIMES: Times = Times {
    refresh: Duration::from_secs(300),
    retry: Duration::from_secs(1),
    gap: Duration::from_secs(30),
    timeout: Duration::from_secs(5),
};

/// Fetched keys, running. Dropping the last handle ends the fetching.
#[derive(Debug)]
pub(in crate::policy) struct RemoteKeys {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Shared {
    keys: ArcSwapOption<KeySet>,
    progress: watch::Sender<Progress>,
    wanted: Notify,
    times: Times,
    /// Seconds since 1970 of the last success; 0 before the first.
    fetched: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Fetches that ended.
    ended: u64,
    /// Whether one is under way.
    fetching: bool,
    /// When the last one began that an unknown key asked for.
    asked: Option<Instant>,
}

impl RemoteKeys {
    /// Starts to fetch, on the tokio runtime within which it is called.
    pub(in crate::policy) fn start(url: KeysUrl) -> Self {
        Self::start_with(url, Client::new(TIMES.timeout), TIMES)
    }

    pub(super) fn start_with(url: KeysUrl, client: Client, times: Times) -> Self {
        let progress = Progress { ended: 0, fetching: true, asked: None };
        let shared = Arc::new(Shared {
            keys: ArcSwapOption::empty(),
            progress: watch::Sender::new(progress),
            wanted: Notify::new(),
            times,
            fetched: AtomicU64::new(0),
        });
        let task = tokio::spawn(keep_fetching(Arc::clone(&shared), url, client));
        Self { shared, _task: AbortOnDropHandle::new(task) }
    }

    /// When the keys were last fetched, in seconds since 1970; `None` before the first success.
    pub(in crate::policy) fn last_success(&self) -> Option<u64> {
        Some(self.shared.fetched.load(Relaxed)).filter(|seconds| *seconds > 0)
    }

    /// What the keys that are known now say of a token; `None` if none could be fetched so far.
    pub(super) fn judge(&self, token: &Token<'_>) -> Option<Verdict> {
        self.shared.keys.load().as_ref().map(|keys| keys.judge(token))
    }

    /// The same, but `None` as well if a newer set may say otherwise and [`RemoteKeys::refresh`] would get one.
    pub(super) fn judge_now(&self, token: &Token<'_>) -> Option<Verdict> {
        let verdict = self.judge(token)?;
        (!verdict.may_be_outdated() || self.is_fresh()).then_some(verdict)
    }

    /// Whether nothing newer is to be had yet: however many forged tokens come, they wait for nothing.
    fn is_fresh(&self) -> bool {
        let progress = *self.shared.progress.borrow();
        !progress.fetching && progress.asked_within(self.shared.times.gap)
    }

    /// Fetches again and waits for that, if it is long enough ago that this was asked for; waits for a fetch that is under
    /// way.
    pub(super) async fn refresh(&self) {
        let mut progress = self.shared.progress.subscribe();
        let seen = *progress.borrow();
        if !seen.fetching {
            if seen.asked_within(self.shared.times.gap) {
                return;
            }
            self.shared.wanted.notify_one();
        }
        let outcome = progress.wait_for(|now| now.ended > seen.ended);
        // The fetch has a timeout of its own; this is for the case that its runtime stands still.
        let _ = tokio::time::timeout(self.shared.times.timeout * 2, outcome).await;
    }
}

impl Progress {
    fn asked_within(&self, gap: Duration) -> bool {
        self.asked.is_some_and(|at| at.elapsed() < gap)
    }
}

async fn keep_fetching(shared: Arc<Shared>, url: KeysUrl, client: Client) {
    let times = shared.times;
    let mut retry = times.retry;
    let mut news = News::default();
    loop {
        let fetched = fetch(&client, &url).await;
        let pause = match fetched {
            Ok((keys, warnings)) => {
                news.fetched(&url, &warnings);
                shared.keys.store(Some(Arc::new(keys)));
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                shared.fetched.store(now.as_secs(), Relaxed);
                retry = times.retry;
                times.refresh
            }
            Err(error) => {
                let kept = shared.keys.load().is_some();
                news.failed(&url, error, kept);
                let pause = retry;
                retry = (retry * 2).min(times.refresh);
                pause
            }
        };
        shared.progress.send_modify(|progress| {
            progress.ended += 1;
            progress.fetching = false;
        });
        rest(&shared, pause).await;
        shared.progress.send_modify(|progress| progress.fetching = true);
    }
}

/// Until the time is up, or somebody asks and the gap is over.
async fn rest(shared: &Shared, pause: Duration) {
    let sleep = tokio::time::sleep(pause);
    let asked = async {
        loop {
            shared.wanted.notified().await;
            if !shared.progress.borrow().asked_within(shared.times.gap) {
                shared.progress.send_modify(|progress| progress.asked = Some(Instant::now()));
                return;
            }
        }
    };
    tokio::select! {
        () = sleep => {}
        () = asked => {}
    }
}

/// What the log has about a key set: a text is logged when it differs from the one before.
#[derive(Debug, Default)]
struct News {
    error: Option<String>,
    warnings: Vec<String>,
}

impl News {
    fn failed(&mut self, url: &KeysUrl, error: String, last_good_kept: bool) {
        if self.error.as_ref() != Some(&error) {
            tracing::warn!(url = %url.location, %error, last_good_kept, "key set not fetched");
            self.error = Some(error);
        }
    }

    fn fetched(&mut self, url: &KeysUrl, warnings: &[Finding]) {
        if self.error.take().is_some() {
            tracing::info!(url = %url.location, "key set fetched again");
        }
        let warnings: Vec<String> = warnings.iter().map(|warning| warning.problem.to_string()).collect();
        for warning in warnings.iter().filter(|warning| !self.warnings.contains(warning)) {
            tracing::warn!(url = %url.location, warning, "key set");
        }
        self.warnings = warnings;
    }
}

async fn fetch(client: &Client, url: &KeysUrl) -> Result<(KeySet, Vec<Finding>), String> {
    let body = client.get(&url.location).await.map_err(|error| error.to_string())?;
    KeySet::jwks(&body, &url.algorithms).map_err(|problem| {
        let notes = problem.notes().join("; ");
        if notes.is_empty() { problem.to_string() } else { format!("{problem}: {notes}") }
    })
}

#[cfg(test)]
mod tests;
