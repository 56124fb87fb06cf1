//! The access log: one line a request, written by the worker into a buffer of its own, which a thread empties.
//!
//! A worker waits neither for the terminal nor for the pipe: a line that finds its buffer full is dropped and counted. Nor
//! does it wake the thread for every line, which would cost more than the line: the first one since the thread was here
//! wakes it, and then it waits for others to come.

mod clock;
mod line;

use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::line::Lines;
pub use self::line::Route;
use super::logging::Format;

/// What one line says.
#[derive(Debug)]
pub struct Record<'a> {
    /// The client's address; port 0 when it is not known.
    pub peer: SocketAddr,
    /// As the client sent it.
    pub method: &'a str,
    /// As the client sent it, without the query, which may hold secrets.
    pub path: &'a str,
    /// The route, if one matched.
    pub route: Option<&'a Route>,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The gRPC code behind it.
    pub code: &'a str,
    /// When it was answered, or its client left.
    pub ended: Instant,
    /// From the request's head to its answer.
    pub took: Duration,
    /// The share of it that the upstream took.
    pub upstream: Duration,
    /// Bytes of the request's body.
    pub received: usize,
    /// Bytes of the answer's body.
    pub sent: usize,
    /// Tries made upstream.
    pub attempts: u32,
    /// The endpoint that answered, or empty.
    pub endpoint: &'a str,
    /// The request's id, which needs no quotes.
    pub request_id: &'a [u8],
    /// Who called, as the route's policies know it, or empty.
    pub caller: &'a str,
    /// The trace that it belongs to.
    pub trace: Option<u128>,
    /// The reason of a failure that the gateway made, or empty.
    pub flag: &'a str,
}

impl Record<'_> {
    /// The share of the time that the gateway took: all that the upstream did not.
    fn own(&self) -> Duration {
        self.took.saturating_sub(self.upstream)
    }
}

/// How long a line waits for others to be written with.
const PATIENCE: Duration = Duration::from_millis(50);
/// How many bytes of a worker's lines do not wait any longer.
const BATCH: usize = 256 << 10;
/// How many bytes of a worker's lines wait when the reader is slow: some 8,000 lines.
const MOST: usize = 2 << 20;

/// Takes access records.
#[derive(Debug, Clone)]
pub struct AccessLog {
    shared: Arc<Shared>,
    /// Wakes the thread: for the first line, and for a buffer that is full before the others have come.
    bell: SyncSender<()>,
}

/// The end of the writing thread, which says nothing, but hangs up.
#[derive(Debug)]
pub struct Written(Receiver<Infallible>);

impl Written {
    /// Waits until all is written, but no longer than this: nobody may be reading. Tells whether it is.
    pub fn wait(&self, patience: Duration) -> bool {
        matches!(self.0.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }
}

#[derive(Debug)]
struct Shared {
    buffers: Box<[Buffer]>,
    /// Whether the thread knows that there are lines.
    rung: AtomicBool,
    dropped: AtomicU64,
}

/// The lines of one worker. It alone locks it, but for the moment in which the thread takes what is there; aligned, so that
/// workers do not slow each other down by writing to neighbouring memory.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Buffer(Mutex<Lines>);

impl AccessLog {
    /// Writes the lines of so many workers to `out`. The writing thread ends when the last clone is dropped and all is
    /// written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static, workers: usize) -> std::io::Result<(Self, Written)> {
        let buffers = (0..workers.max(1)).map(|_| Buffer::default()).collect();
        let shared = Arc::new(Shared { buffers, rung: AtomicBool::new(false), dropped: AtomicU64::new(0) });
        let (bell, rings) = sync_channel(2);
        let (alive, end) = sync_channel(1);
        let writer = Arc::clone(&shared);
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            writer.write_until_silent(&rings, out);
            drop(alive);
        })?;
        Ok((Self { shared, bell }, Written(end)))
    }

    /// Queues a record of a worker.
    pub fn log(&self, worker: usize, record: &Record<'_>, format: Format) {
        let Some((before, after)) = self.shared.add(worker, record, format) else {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        };
        let is_first = !self.shared.rung.load(Relaxed) && !self.shared.rung.swap(true, Relaxed);
        let is_full = before < BATCH && after >= BATCH;
        if is_first || is_full {
            // When there is no room for it, the thread is about to look anyway.
            let _ = self.bell.try_send(());
        }
    }

    /// How many lines found the buffer full, or could not be written.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Relaxed)
    }
}

impl Shared {
    /// Adds a line to the worker's, if there is room. Gives their length before and after.
    fn add(&self, worker: usize, record: &Record<'_>, format: Format) -> Option<(usize, usize)> {
        let mut lines = self.buffers.get(worker)?.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = lines.text.len();
        (before < MOST).then(|| {
            lines.add(record, format);
            (before, lines.text.len())
        })
    }

    fn write_until_silent(&self, rings: &Receiver<()>, mut out: impl Write) {
        let mut batch = Vec::new();
        while rings.recv().is_ok() {
            // Rung again or out of patience: it is time to write.
            let _ = rings.recv_timeout(PATIENCE);
            self.write(&mut batch, &mut out);
        }
        self.write(&mut batch, &mut out);
    }

    /// Writes what is there, a worker's lines in one go. `batch` is empty between the calls.
    fn write(&self, batch: &mut Vec<u8>, out: &mut impl Write) {
        // Before the buffers are emptied: a line that comes after that rings again.
        self.rung.store(false, Relaxed);
        for buffer in &self.buffers {
            std::mem::swap(batch, &mut buffer.0.lock().unwrap_or_else(PoisonError::into_inner).text);
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

#[cfg(test)]
mod tests;
