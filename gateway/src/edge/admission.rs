//! The places of connections: who has one, and why a connection gets none.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::load::ClientId;
use super::{Terms, Totals};

/// Why a connection was closed as soon as it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusedBy {
    /// As many connections are open as `limits.connections` allows, or a worker takes no more.
    Limit,
    /// The client has its share of `limits.connections`.
    Share,
    /// Only the file descriptors are left that are kept for the gateway's own use.
    Descriptors,
}

impl RefusedBy {
    /// The reason as the log has it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Limit => "as many connections are open as limits.connections allows",
            Self::Share => "its client has its share (limits.share) of limits.connections",
            Self::Descriptors => {
                "the remaining file descriptors are kept for upstream connections, the admin address and files"
            }
        }
    }
}

/// Connections closed as soon as they were accepted, by the reason.
#[derive(Debug, Default)]
pub struct RefusedConnections {
    limit: AtomicU64,
    share: AtomicU64,
    descriptors: AtomicU64,
}

impl RefusedConnections {
    pub(super) fn count(&self, by: RefusedBy) {
        let counter = match by {
            RefusedBy::Limit => &self.limit,
            RefusedBy::Share => &self.share,
            RefusedBy::Descriptors => &self.descriptors,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Returns the counts so far, each with the label that metrics give its reason.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [("limit", &self.limit), ("share", &self.share), ("descriptors", &self.descriptors)]
            .map(|(reason, counter)| (reason, counter.load(Relaxed)))
    }
}

/// The open connections of all workers.
#[derive(Debug)]
pub(super) struct Places {
    open: AtomicUsize,
    totals: Arc<Totals>,
    refused: RefusedConnections,
}

impl Places {
    pub(super) fn new(totals: Arc<Totals>) -> Self {
        Self { open: AtomicUsize::new(0), totals, refused: RefusedConnections::default() }
    }

    /// Connections open now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Connections that got no place.
    pub(super) const fn refused(&self) -> &RefusedConnections {
        &self.refused
    }
}

/// A place among the open connections, given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    places: Arc<Places>,
    /// The connections of the worker that serves this one.
    worker: Arc<AtomicUsize>,
    client: ClientId,
}

impl Permit {
    /// Takes a place for a connection from this address.
    ///
    /// # Errors
    /// When there is none, or the client has its share of them.
    pub(super) fn take(
        places: &Arc<Places>,
        worker: &Arc<AtomicUsize>,
        address: IpAddr,
        terms: &Terms,
    ) -> Result<Self, RefusedBy> {
        if places.open() >= terms.max_connections {
            return Err(RefusedBy::Limit);
        }
        places.open.fetch_add(1, Relaxed);
        worker.fetch_add(1, Relaxed);
        let client = ClientId::EXEMPT;
        let mut permit = Self { places: Arc::clone(places), worker: Arc::clone(worker), client };
        permit.assign(address, terms)?;
        Ok(permit)
    }

    /// The client that the connection is counted for.
    pub(super) const fn client(&self) -> ClientId {
        self.client
    }

    /// Counts the connection for the client that a PROXY protocol header names.
    ///
    /// # Errors
    /// When that client has its share of connections, which is counted as a refusal.
    pub(super) fn settle(&mut self, address: IpAddr, terms: &Terms) -> io::Result<()> {
        self.assign(address, terms).map_err(|by| {
            self.places.refused.count(by);
            io::Error::other(by.text())
        })
    }

    /// Counts the connection for the client with this address. A trusted proxy is not a client.
    ///
    /// # Errors
    /// When the client has its share of connections.
    fn assign(&mut self, address: IpAddr, terms: &Terms) -> Result<(), RefusedBy> {
        let totals = &self.places.totals;
        totals.disconnect(self.client);
        self.client = if terms.trusted.contains(address) { ClientId::EXEMPT } else { totals.client(address) };
        let Some(others) = totals.connect(self.client) else { return Ok(()) };
        let used = self.places.open().saturating_sub(1);
        if terms.share.admits(terms.max_connections, used, others, 1) {
            return Ok(());
        }
        Err(RefusedBy::Share)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.places.totals.disconnect(self.client);
        self.places.open.fetch_sub(1, Relaxed);
        self.worker.fetch_sub(1, Relaxed);
    }
}
