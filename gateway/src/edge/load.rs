//! How much the gateway holds just now: what is shed before memory grows is decided by it.

mod clients;
mod slot;
mod trim;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::announced::AnnouncedBody;
use super::cancels::Cancels;
use super::handshake::HandshakeFailures;
pub(super) use clients::{ClientId, FairShare};
use clients::{ClientTable, ClientUsage, is_scarce, is_short};
pub use slot::{RequestLimits, RequestSlot};
use trim::Trim;

/// The limit that leaves no room for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// All slots of `limits.requests` are taken.
    Requests,
    /// The client has its share of `limits.requests`.
    RequestShare,
    /// As many requests as `limits.requests` wait for their bodies.
    Pending,
    /// The client has its share of the requests that wait for their bodies.
    PendingShare,
    /// All of `limits.buffers` is in use.
    Buffers,
    /// The client has its share of `limits.buffers`.
    BufferShare,
}

/// Requests in flight and bytes held, over all workers.
#[derive(Debug)]
pub struct Totals {
    /// Requests that run.
    requests: AtomicUsize,
    /// Requests whose bodies have not arrived.
    pending: AtomicUsize,
    buffered: AtomicUsize,
    clients: ClientTable,
    trim: Trim,
    handshakes: HandshakeFailures,
    /// Who may compute beside the workers just now.
    aside: Arc<Semaphore>,
}

impl Default for Totals {
    fn default() -> Self {
        // More at once would be no sooner done, and would take the processors from the workers.
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Self {
            requests: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            buffered: AtomicUsize::new(0),
            clients: ClientTable::default(),
            trim: Trim::default(),
            handshakes: HandshakeFailures::default(),
            aside: Arc::new(Semaphore::new(at_once)),
        }
    }
}

impl Totals {
    /// Requests that run, from head to answer. Those that wait for their bodies are not counted.
    pub fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }

    /// Requests whose bodies have not arrived.
    pub fn pending(&self) -> usize {
        self.pending.load(Relaxed)
    }

    /// Bytes of bodies held: requests that are being read or made, and answers that are on their way or expected. Bodies of
    /// less than [`Charge::FREE`] are not counted: the number of requests bounds them.
    pub fn buffered(&self) -> usize {
        self.buffered.load(Relaxed)
    }

    /// TLS handshakes with clients that have failed.
    pub const fn handshakes(&self) -> &HandshakeFailures {
        &self.handshakes
    }

    /// Has memory that was freed returned to the system; for every second or so.
    pub(super) fn trim(&self, now: Instant) {
        self.trim.look(now, self.buffered());
    }

    /// The client that an address stands for.
    pub(super) fn client(&self, address: IpAddr) -> ClientId {
        self.clients.id(address)
    }

    /// Counts a connection of a client. Returns how many others it has; nothing for a client that is not counted.
    pub(super) fn connect(&self, client: ClientId) -> Option<usize> {
        self.clients.usage(client).map(|usage| usage.connections.fetch_add(1, Relaxed) as usize)
    }

    /// Counts a connection no more.
    pub(super) fn disconnect(&self, client: ClientId) {
        if let Some(usage) = self.clients.usage(client) {
            usage.connections.fetch_sub(1, Relaxed);
        }
    }
}

/// The use of one connection, or of one request behind a trusted proxy: what it counts in, and how much there may be.
#[derive(Debug, Default)]
pub struct Load {
    totals: Arc<Totals>,
    buffers: usize,
    /// What the chunked body on the connection has announced.
    announced: Arc<AnnouncedBody>,
    /// The value of `limits.share`, in percent.
    share: u8,
    /// The row of the client, once it is known.
    client: AtomicU32,
    /// What this connection uses itself.
    own: ClientUsage,
    /// Whether this is a request of a client that has no connection of its own.
    is_request: bool,
    cancels: Cancels,
}

/// A connection uses little of `limits.buffers` if it holds no more than this part of it.
const LITTLE: usize = 256;

impl Load {
    /// The use of a connection whose terms allow so many bytes, and its client so many percent of them.
    pub fn new(totals: Arc<Totals>, buffers: usize, share: u8) -> Self {
        Self {
            totals,
            buffers,
            announced: Arc::default(),
            share,
            client: AtomicU32::new(0),
            own: ClientUsage::new(),
            is_request: false,
            cancels: Cancels::default(),
        }
    }

    /// The client has cancelled a request.
    pub fn cancelled(&self, now: Instant) {
        self.cancels.add(now);
    }

    /// Whether the client cancels so often that its calls must not share a connection with those of others.
    pub fn cancels_often(&self) -> bool {
        self.cancels.are_many(Instant::now)
    }

    /// What the chunked body on the connection has announced.
    pub fn announced(&self) -> &AnnouncedBody {
        &self.announced
    }

    /// TLS handshakes with clients that have failed, over all connections.
    pub(super) fn handshakes(&self) -> &HandshakeFailures {
        &self.totals.handshakes
    }

    /// The use of a request that comes from this address, by way of a connection that others share.
    pub(super) fn of_request(&self, address: IpAddr) -> Self {
        let load = Self::new(Arc::clone(&self.totals), self.buffers, self.share);
        let load = Self { is_request: true, announced: Arc::clone(&self.announced), ..load };
        load.set_client(load.totals.client(address));
        load
    }

    /// Counts what is used from now on for this client. For the time before anything is used.
    pub(super) fn set_client(&self, client: ClientId) {
        self.client.store(client.0, Relaxed);
    }

    fn usage(&self) -> Option<&ClientUsage> {
        self.totals.clients.usage(ClientId(self.client.load(Relaxed)))
    }

    /// Whether so many more bytes may be held.
    ///
    /// # Errors
    /// Names the limit that is in the way.
    pub fn reserve(&self, bytes: usize) -> Result<(), Shortage> {
        let used = self.totals.buffered();
        if used.saturating_add(bytes) > self.buffers {
            return Err(Shortage::Buffers);
        }
        if !is_short(self.buffers, used) || self.has_share(used, bytes) {
            return Ok(());
        }
        Err(Shortage::BufferShare)
    }

    fn has_share(&self, used: usize, more: usize) -> bool {
        let Some(usage) = self.usage() else { return true };
        let own = usage.buffered.load(Relaxed);
        let held = self.own.buffered.load(Relaxed);
        let is_little = || !self.is_request && held.saturating_add(more) <= self.buffers / LITTLE;
        FairShare::percent(self.share).admits(self.buffers, used, own, more)
            || !is_scarce(self.buffers, used) && is_little()
    }

    /// Whether so many more bytes may be held.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.reserve(bytes).is_ok()
    }

    /// Whether more than half of what may be held is.
    pub fn is_pressed(&self) -> bool {
        self.totals.buffered().saturating_add(self.buffers / 2) > self.buffers
    }

    /// How short the room for bodies is: 0 until three quarters of it are in use, then one more for each sixteenth.
    pub fn pressure(&self) -> u32 {
        let used = self.totals.buffered();
        if !is_short(self.buffers, used) {
            return 0;
        }
        let beyond = used.saturating_sub(self.buffers - self.buffers / 4);
        let sixteenth = (self.buffers / 16).max(1);
        u32::try_from(beyond / sixteenth).map_or(4, |steps| steps.saturating_add(1).min(4))
    }

    /// Counts bytes, whether there is room or not.
    pub fn take(&self, bytes: usize) {
        let before = self.totals.buffered.fetch_add(bytes, Relaxed);
        self.totals.trim.note(before.saturating_add(bytes));
        self.own.buffered.fetch_add(bytes, Relaxed);
        if let Some(usage) = self.usage() {
            usage.buffered.fetch_add(bytes, Relaxed);
        }
    }

    /// Counts them no more.
    pub fn give_back(&self, bytes: usize) {
        self.totals.buffered.fetch_sub(bytes, Relaxed);
        self.own.buffered.fetch_sub(bytes, Relaxed);
        if let Some(usage) = self.usage() {
            usage.buffered.fetch_sub(bytes, Relaxed);
        }
    }

    /// The right to one computation beside the workers, once there are few enough of them. Who gives up waiting leaves nothing
    /// behind.
    pub async fn aside(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.totals.aside).acquire_owned().await.ok()
    }

    /// A request has begun to be served on the connection.
    pub(super) fn begin(&self) {
        self.announced.on_request();
    }
}

/// Bytes held by somebody, given back when dropped.
#[derive(Debug)]
pub struct Charge {
    load: Arc<Load>,
    bytes: usize,
}

impl Charge {
    /// Bodies smaller than this are not worth counting.
    pub const FREE: usize = 4 << 10;

    /// Counts so many bytes. Refuses nothing: see [`Load::reserve`].
    pub fn new(load: &Arc<Load>, bytes: usize) -> Self {
        load.take(bytes);
        Self { load: Arc::clone(load), bytes }
    }

    /// Counts so many more.
    pub fn grow(&mut self, bytes: usize) {
        self.load.take(bytes);
        self.bytes += bytes;
    }

    /// How many they are.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands so many of them to another holder.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { load: Arc::clone(&self.load), bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.load.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
