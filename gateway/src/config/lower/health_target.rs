//! Where a process on the same machine finds the health response of a gateway that runs by these files.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::{admin, listeners, settings};
use crate::config::files::File;
use crate::config::{Context, HealthTarget};
use crate::edge::ListenerSpec;

/// The first listener that a plain client can use, else the admin address. `None` if there is neither, or if `health` is
/// off and there is no admin address.
pub(in crate::config) fn health_target(files: &[File], context: &mut Context) -> Option<HealthTarget> {
    let trusted = listeners::trusted_proxies(files, context);
    let listeners = listeners::listeners(files, &trusted, context);
    let admin = admin::admin(files, &listeners, context);
    let by_listener = settings::settings(files, context).own.health.and_then(|path| {
        let listener = listeners.iter().find(|listener| takes_plain_clients(listener))?;
        let certificates = listener.tls.iter().flat_map(|tls| &tls.certificates);
        Some(HealthTarget {
            address: on_this_machine(listener.address),
            tls: listener.tls.is_some(),
            certificates: certificates.map(|pem| Arc::clone(&pem.chain)).collect(),
            path,
        })
    });
    by_listener.or_else(|| {
        Some(HealthTarget {
            address: on_this_machine(admin?.address),
            tls: false,
            certificates: Vec::new(),
            path: "/health".to_owned(),
        })
    })
}

/// Whether a client without a certificate and without a PROXY header gets a response.
fn takes_plain_clients(listener: &ListenerSpec) -> bool {
    !listener.proxy_protocol && listener.tls.as_ref().is_none_or(|tls| tls.client_ca.is_none())
}

/// An unspecified address stands for all of the machine's, loopback among them.
fn on_this_machine(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
