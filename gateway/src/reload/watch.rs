//! Tells when a file of the configuration has changed.
//!
//! Directories are watched, never files: a watch on a file sees the first atomic rename, or swap of a Kubernetes
//! volume, and then nothing more. Every directory goes by one name, without links in it: the system has one watch for a
//! directory, however it was called, and would end it with the first of two names. Events say only that it is time to look:
//! whatever happens in a directory, but for somebody writing into another file, the files themselves are compared by
//! content, and folders by the names that count there. A slow poll covers file systems that report nothing (NFS).

#[cfg(test)]
mod tests;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::config::Watched;
use crate::descriptors::read_file;

use writers::Writers;

/// How long a directory has to be quiet: editors write, rename and touch in bursts.
const QUIET: Duration = Duration::from_millis(100);
/// A burst is over after this, even if it goes on.
const BURST: Duration = Duration::from_millis(500);
/// How often the files are looked at without any event.
const POLL: Duration = Duration::from_secs(5);
/// Links that lead to links are followed this far; those that lead in circles, too.
const MAX_LINKS: u32 = 40;

/// Watches the files of a configuration.
#[derive(Debug)]
pub struct Watcher {
    watched: Vec<Watched>,
    seen: Fingerprints,
    directories: BTreeSet<PathBuf>,
    /// Where the files are, without links on the way: read where events come in.
    files: Arc<Mutex<BTreeSet<PathBuf>>>,
    writers: Arc<Writers>,
    events: mpsc::Receiver<()>,
    watcher: Option<RecommendedWatcher>,
    poll: Duration,
}

impl Watcher {
    /// Watches these files and folders.
    pub fn new(watched: Vec<Watched>) -> Self {
        Self::polling(watched, POLL)
    }

    fn polling(watched: Vec<Watched>, poll: Duration) -> Self {
        // One place is enough: it says that something happened.
        let (sender, events) = mpsc::channel(1);
        let files = Arc::<Mutex<BTreeSet<PathBuf>>>::default();
        let known = Arc::clone(&files);
        let writers = Arc::<Writers>::default();
        let writing = Arc::clone(&writers);
        let on_event = move |event: notify::Result<Event>| {
            let matters = |event: &Event| {
                known.lock().map_or(true, |files| {
                    record_writers(&writing, &files, event, Instant::now());
                    !is_none_of(&files, event)
                })
            };
            if event.is_ok_and(|event| !matters(&event)) {
                return;
            }
            // A full channel says already what this would.
            sender.try_send(()).ok();
        };
        let watcher = notify::recommended_watcher(on_event)
            .inspect_err(|error| tracing::warn!(%error, "no file events; files are polled every 5 s"))
            .ok();
        let mut this = Self {
            watched: Vec::new(),
            seen: BTreeMap::new(),
            directories: BTreeSet::new(),
            files,
            writers,
            events,
            watcher,
            poll,
        };
        this.watch(watched);
        this
    }

    /// Remembers the files as they are now: what comes later is a change. To be called before they are read, so that a
    /// change between the reading and the next look is not lost.
    pub fn mark(&mut self) {
        self.seen = fingerprints(&self.watched);
    }

    /// The files as they were last looked at, to be given to [`Self::restore`].
    pub fn seen(&self) -> Fingerprints {
        self.seen.clone()
    }

    /// Takes the files for what they were then: what has changed since will be seen as a change.
    pub fn restore(&mut self, seen: &Fingerprints) {
        for (file, fingerprint) in &mut self.seen {
            if let Some(then) = seen.get(file) {
                *fingerprint = *then;
            }
        }
    }

    /// Waits until no file is open for writing, then until none of the files was written within the last 100 ms, or a burst has gone on for too long: a file
    /// that is just being written in place may be read empty, which would be a valid configuration of nothing.
    pub async fn settle(&self) {
        self.writers.finished().await;
        let settled = async {
            while let Some(rest) = youngest(&self.watched).and_then(|age| QUIET.checked_sub(age)) {
                tokio::time::sleep(rest).await;
            }
        };
        drop(tokio::time::timeout(BURST, settled).await);
    }

    /// Whether the files are still as they were when they were marked, and nobody was writing them even then.
    pub fn is_as_marked(&self) -> bool {
        let is_quiet = youngest(&self.watched).is_none_or(|age| age >= QUIET);
        is_quiet && self.writers.rest(Instant::now()).is_none() && fingerprints(&self.watched) == self.seen
    }

    /// Watches these files and folders from now on, instead of the ones before.
    pub fn watch(&mut self, watched: Vec<Watched>) {
        self.watched = watched;
        self.follow();
        let mut seen = fingerprints(&self.watched);
        // What was marked before the files were read stays.
        for (file, fingerprint) in &mut seen {
            if let Some(marked) = self.seen.get(file) {
                *fingerprint = *marked;
            }
        }
        self.seen = seen;
    }

    /// Waits until one of the files is another one than when it was last looked at.
    pub async fn changed(&mut self) {
        loop {
            // A closed channel means that there are no events at all: then only the poll speaks.
            match tokio::time::timeout(self.poll, self.events.recv()).await {
                Ok(Some(())) => self.wait_for_quiet().await,
                Ok(None) => tokio::time::sleep(self.poll).await,
                Err(_poll) => {}
            }
            // Links may lead elsewhere now, and a directory be another one of the same name: what comes in it later
            // has to be seen, whether it holds anything yet or not.
            self.follow();
            let now = fingerprints(&self.watched);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    async fn wait_for_quiet(&mut self) {
        let quiet =
            async { while let Ok(Some(())) = tokio::time::timeout(QUIET, self.events.recv()).await {} };
        // Whether it is quiet or not: the files are compared next, and a half-written one is refused and read again.
        drop(tokio::time::timeout(BURST, quiet).await);
    }

    /// Watches the directories that the files, and the links on the way to them, stand in.
    fn follow(&mut self) {
        let Places { directories: wanted, files } = places(&self.watched);
        if let Ok(mut known) = self.files.lock() {
            self.writers.retain(|file| files.contains(file));
            *known = files;
        }
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.directories.difference(&wanted) {
            drop(watcher.unwatch(gone)); // It may not exist any more.
        }
        // Those that are watched already, too: nobody says whether a directory is still the one that it was.
        self.directories = wanted;
        self.directories.retain(|directory| {
            let watched = watcher.watch(directory, RecursiveMode::NonRecursive);
            watched
                .inspect_err(|error| tracing::debug!(directory = %directory.display(), %error, "not watched"))
                .is_ok()
        });
    }
}

/// Keeps account of who writes into watched files. A file that is renamed or removed is written elsewhere, if at all.
fn record_writers(writers: &Writers, files: &BTreeSet<PathBuf>, event: &Event, now: Instant) {
    for path in event.paths.iter().filter(|path| files.contains(*path)) {
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => writers.wrote(path, now),
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Create(_)
            | EventKind::Remove(_) => writers.closed(path),
            _ => {}
        }
    }
}

/// Whether an event is about nothing that is watched: reading, and we read the files ourselves, or writing into a file that is
/// none of these, as a log beside them. What comes, goes or gets another name may be anything.
fn is_none_of(files: &BTreeSet<PathBuf>, event: &Event) -> bool {
    match event.kind {
        EventKind::Access(_) => true,
        EventKind::Modify(ModifyKind::Data(_)) => !event.paths.iter().any(|path| files.contains(path)),
        _ => false,
    }
}

/// Where something that is watched can change.
#[derive(Debug, Default)]
struct Places {
    directories: BTreeSet<PathBuf>,
    files: BTreeSet<PathBuf>,
}

fn places(watched: &[Watched]) -> Places {
    let mut places = Places::default();
    for watched in watched {
        let path = watched.path();
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let mut links = MAX_LINKS;
        let target = resolve(&absolute, &mut links, &mut places.directories);
        match watched {
            Watched::File(_) => places.files.extend(target),
            Watched::Names { .. } => places.directories.extend(target.filter(|folder| folder.is_dir())),
        }
    }
    places
}

/// What an absolute path leads to. Finds the directories on whose entries that depends: of the links on the way, and of
/// the end; where something is missing, the one in which it would appear.
fn resolve(path: &Path, links: &mut u32, found: &mut BTreeSet<PathBuf>) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    let mut components = path.components().peekable();
    while let Some(component) = components.next() {
        match component {
            Component::Prefix(_) | Component::RootDir => at.push(component),
            Component::CurDir => {}
            Component::ParentDir => drop(at.pop()),
            Component::Normal(name) => {
                let next = at.join(name);
                let target = std::fs::read_link(&next).ok();
                if target.is_some() || components.peek().is_none() || !next.exists() {
                    found.insert(at.clone());
                }
                at = match target {
                    Some(target) => {
                        *links = links.checked_sub(1)?;
                        resolve(&at.join(target), links, found)?
                    }
                    None if next.exists() => next,
                    None => return None,
                };
            }
        }
    }
    Some(at)
}

/// How long ago the last of the files was written; `None` when there are none. An empty file is taken for one whose
/// writer has only come so far, as those who write in place empty it first.
fn youngest(watched: &[Watched]) -> Option<Duration> {
    let age = |watched: &Watched| {
        let metadata = std::fs::metadata(watched.path()).ok()?;
        let age = metadata.modified().ok()?.elapsed().unwrap_or_default();
        Some(if metadata.is_file() && metadata.len() == 0 { Duration::ZERO } else { age })
    };
    watched.iter().filter_map(age).min()
}

/// What is watched, and a hash of how it is.
type Fingerprints = BTreeMap<Watched, u64>;

fn fingerprints(watched: &[Watched]) -> Fingerprints {
    watched.iter().map(|watched| (watched.clone(), fingerprint(watched))).collect()
}

fn fingerprint(watched: &Watched) -> u64 {
    let mut hasher = DefaultHasher::new();
    match watched {
        // A folder where a file is to be has no content, as a file that is not there.
        Watched::File(path) => (path.is_dir(), read_file(path).ok()).hash(&mut hasher),
        Watched::Names { .. } => watched.names().hash(&mut hasher),
    }
    hasher.finish()
}
