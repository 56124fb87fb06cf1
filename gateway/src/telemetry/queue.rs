//! Lines on their way to a reader that may be slow: gathered in bounded buffers, which a thread of its own writes.
//!
//! A line that finds its buffer full is dropped and counted; no other thread ever waits for the reader. Nor is the thread
//! woken for every line, which would cost more than the line: the first line since the last write wakes it.

use std::convert::Infallible;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes in a buffer do not wait any longer.
const BATCH: usize = 256 << 10;
/// How many bytes a buffer holds while the reader is slow: some 8,000 lines.
const MOST: usize = 2 << 20;

/// What gathers lines.
pub(super) trait Gather: Default + Send + 'static {
    /// The lines so far.
    fn text(&mut self) -> &mut Vec<u8>;
}

impl Gather for Vec<u8> {
    fn text(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Takes lines.
#[derive(Debug)]
pub(super) struct Queue<B> {
    shared: Arc<Shared<B>>,
    /// Wakes the thread: for the first line, and for a buffer that is full before the others have come.
    bell: SyncSender<()>,
}

// Derived, it would ask for buffers that can be cloned.
impl<B> Clone for Queue<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), bell: self.bell.clone() }
    }
}

/// The end of the writing thread, which says nothing, but hangs up.
#[derive(Debug)]
pub struct Written(Receiver<Infallible>);

impl Written {
    /// Waits until all is written, but no longer than this: the reader may have stopped. Returns whether all is written.
    pub fn wait(&self, patience: Duration) -> bool {
        matches!(self.0.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }
}

#[derive(Debug)]
struct Shared<B> {
    buffers: Box<[Buffer<B>]>,
    /// Whether the thread knows that there are lines.
    rung: AtomicBool,
    /// Whether the thread is to end once it has written what is there.
    closing: AtomicBool,
    dropped: AtomicU64,
}

/// Lines of one source. It alone locks them, but for the moment in which the thread takes what is there; aligned, so that
/// sources do not slow each other down by writing to neighbouring memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Buffer<B>(Mutex<B>);

/// How the thread goes about it.
pub(super) struct Pace<T> {
    /// The name of the thread.
    pub(super) name: &'static str,
    /// How long a line waits for others to be written with.
    pub(super) delay: Duration,
    /// Called between writes, with the time; returns how long it may take until the next call.
    pub(super) tick: T,
}

impl<B: Gather> Queue<B> {
    /// Writes the lines of so many sources to `out`. The thread ends when the last clone of the queue is dropped, or after
    /// [`Queue::close`], and all is written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start<T: FnMut(Instant) -> Option<Duration> + Send + 'static>(
        out: impl Write + Send + 'static,
        sources: usize,
        pace: Pace<T>,
    ) -> std::io::Result<(Self, Written)> {
        let buffers = (0..sources.max(1)).map(|_| Buffer::default()).collect();
        let shared = Arc::new(Shared {
            buffers,
            rung: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let (bell, rings) = sync_channel(2);
        let (alive, end) = sync_channel(1);
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name(pace.name.into()).spawn(move || {
            writer.write_until_silent(&rings, out, pace);
            drop(alive);
        })?;
        Ok((Self { shared, bell }, Written(end)))
    }

    /// Queues what `add` appends to a source's lines: one line. Drops and counts it if there is no room.
    pub(super) fn add(&self, source: usize, add: impl FnOnce(&mut B)) {
        let Some((before, after)) = self.shared.add(source, add) else {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        };
        let is_first = !self.shared.rung.load(Relaxed) && !self.shared.rung.swap(true, Relaxed);
        let is_full = before < BATCH && after >= BATCH;
        if is_first || is_full {
            self.wake();
        }
    }

    /// Wakes the thread, which then also calls `tick`.
    pub(super) fn wake(&self) {
        // When there is no room for it, the thread is about to look anyway.
        let _ = self.bell.try_send(());
    }

    /// Lets the thread write what is there, and end.
    pub(super) fn close(&self) {
        self.shared.closing.store(true, Relaxed);
        self.wake();
    }

    /// How many lines found the buffer full, or could not be written.
    pub(super) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }
}

impl<B: Gather> Shared<B> {
    /// Adds a line to the source's, if there is room. Gives their length before and after.
    fn add(&self, source: usize, add: impl FnOnce(&mut B)) -> Option<(usize, usize)> {
        let mut lines = self.buffers.get(source)?.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lines.text().len();
        (before < MOST).then(|| {
            add(&mut lines);
            (before, lines.text().len())
        })
    }

    fn write_until_silent<T: FnMut(Instant) -> Option<Duration>>(
        &self,
        rings: &Receiver<()>,
        mut out: impl Write,
        mut pace: Pace<T>,
    ) {
        let mut batch = Vec::new();
        let mut next = None;
        while !self.closing.load(Relaxed) {
            let rung = match next {
                None => rings.recv().map_err(RecvTimeoutError::from),
                Some(wait) => rings.recv_timeout(wait),
            };
            match rung {
                Ok(()) if !pace.delay.is_zero() => {
                    // Rung again or out of patience: it is time to write.
                    let _ = rings.recv_timeout(pace.delay);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            }
            self.write(&mut batch, &mut out);
            next = (pace.tick)(Instant::now());
        }
        self.write(&mut batch, &mut out);
    }

    /// Writes what is there, a source's lines in one go. `batch` is empty between the calls.
    fn write(&self, batch: &mut Vec<u8>, out: &mut impl Write) {
        // Before the buffers are emptied: a line that comes after that rings again.
        self.rung.store(false, Relaxed);
        for buffer in &self.buffers {
            let mut lines = buffer.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(batch, lines.text());
            drop(lines);
            if batch.is_empty() {
                continue;
            }
            if out.write_all(batch).and_then(|()| out.flush()).is_err() {
                let lines = memchr::memchr_iter(b'\n', batch).count();
                self.dropped.fetch_add(lines as u64, Relaxed);
            }
            batch.clear();
            batch.shrink_to(2 * BATCH);
        }
    }
}
