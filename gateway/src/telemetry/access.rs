//! The access log: one line a request, written by the worker into a buffer of its own, which a thread empties.

mod clock;
mod line;

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::line::Lines;
pub use self::line::{MAX_DETAIL, Route};
use super::logging::Format;
pub use super::queue::Written;
use super::queue::{Gather, Pace, Queue};

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
    pub upstream_time: Duration,
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
    /// What went wrong, in words, or empty. [`MAX_DETAIL`] characters are written.
    pub detail: &'a str,
}

impl Record<'_> {
    /// The share of the time that the gateway took: all that the upstream did not.
    fn own(&self) -> Duration {
        self.took.saturating_sub(self.upstream_time)
    }
}

/// How long a line waits for others to be written with.
const DELAY: Duration = Duration::from_millis(50);

/// Takes access records: a queue with a buffer for each worker.
#[derive(Debug, Clone)]
pub struct AccessLog(Queue<Lines>);

impl Gather for Lines {
    fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }
}

impl AccessLog {
    /// Writes the lines of so many workers to `out`. The writing thread ends when the last clone is dropped and all is
    /// written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static, workers: usize) -> std::io::Result<(Self, Written)> {
        let pace = Pace { name: "access-log", delay: DELAY, tick: |_| None };
        let (queue, written) = Queue::start(out, workers, pace)?;
        Ok((Self(queue), written))
    }

    /// Queues a record of a worker.
    pub fn log(&self, worker: usize, record: &Record<'_>, format: Format) {
        self.0.add(worker, |lines| lines.add(record, format));
    }

    /// How many lines found the buffer full, or could not be written.
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

#[cfg(test)]
mod tests;
