//! What the next connection of a listener is held to. A reload makes them anew; connections keep those they began with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::activity::Limits;
use super::load::FairShare;
use super::spec::ListenerTls;
use super::tls::{ServerTls, TlsError};
use super::{LimitsSpec, ListenerSpec, TrustedProxies};

/// What a listener's connections are held to.
#[derive(Clone)]
pub struct Terms {
    /// The most bytes in a request's head.
    pub(super) max_head: usize,
    /// Connections open at a time, over all listeners and workers.
    pub(super) max_connections: usize,
    /// The part of them that one client may have once they are short.
    pub(super) share: FairShare,
    /// The times that the sweep holds a connection to.
    pub(super) limits: Limits,
    /// Whether a PROXY protocol header has to come first.
    pub(super) proxy_protocol: bool,
    /// Who may send one.
    pub(super) trusted: TrustedProxies,
    /// What TLS is served with.
    pub(super) tls: Option<Arc<ServerTls>>,
    tls_spec: Option<ListenerTls>,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms")
            .field("limits", &self.limits)
            .field("tls", &self.tls_spec)
            .finish_non_exhaustive()
    }
}

impl Terms {
    /// The terms of a listener. TLS that did not change goes on with the sessions that `previous` knows.
    ///
    /// # Errors
    /// When the listener's certificates or keys can't be used.
    pub fn new(
        listener: &ListenerSpec,
        limits: &LimitsSpec,
        trusted: &TrustedProxies,
        previous: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let tls = match &listener.tls {
            None => None,
            Some(spec) => match previous.filter(|previous| previous.tls_spec.as_ref() == Some(spec)) {
                Some(same) => same.tls.clone(),
                None => Some(Arc::new(ServerTls::new(spec)?)),
            },
        };
        Ok(Self {
            max_head: limits.headers,
            max_connections: limits.connections,
            share: FairShare::percent(limits.share),
            limits: Limits::from(limits),
            proxy_protocol: listener.proxy_protocol,
            trusted: trusted.clone(),
            tls,
            tls_spec: listener.tls.clone(),
        })
    }
}

impl From<&LimitsSpec> for Limits {
    fn from(limits: &LimitsSpec) -> Self {
        Self {
            head: limits.header_timeout,
            idle: limits.idle_timeout,
            write: limits.stream_idle.min(limits.idle_timeout),
            write_pressed: PRESSED.min(limits.stream_idle).min(limits.idle_timeout),
            buffers: limits.buffers,
            share: limits.share,
        }
    }
}

/// Without progress in sending an answer, while more than half of `limits.buffers` is in use.
const PRESSED: Duration = Duration::from_secs(5);
