//! The addresses that the gateway listens on, and how clients are met there.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{is_lost, tls};
use crate::config::Context;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::model::ShownBy;
use crate::config::raw::{At, RawCertificate, RawListener, RawListenerTls};
use crate::edge::{Breadth, CertificatePem, ListenerSpec, ListenerTls, Network, TrustedProxies};

/// Where clients connect when the file does not say.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3000);

/// The listeners of all files.
pub(super) fn listeners(
    files: &[File],
    trusted: &TrustedProxies,
    context: &mut Context,
) -> Vec<ListenerSpec> {
    let mut listeners = Vec::new();
    let mut taken: Vec<(SocketAddr, Place)> = Vec::new();
    let raw = files.iter().flat_map(|file| file.raw.listeners.iter().map(move |listener| (file, listener)));
    let mut told = false;
    let untrusting = trusted.is_empty() && !is_lost(files, "trusted_proxies");
    for (file, listener) in raw {
        told = true;
        let Some(address) = socket_address(&listener.address, context) else {
            continue;
        };
        let place = listener.address.place;
        if let Some((_, first)) = taken.iter().find(|(other, _)| overlap(*other, address)) {
            context.push(
                Diagnostic::error(Code::BadAddress, format!("two listeners on port {}", address.port()))
                    .at(place, "again here")
                    .and_at(*first, "first here")
                    .with_help("give each listener an address of its own"),
            );
            continue;
        }
        taken.push((address, place));
        let proxy_protocol = proxy_protocol(listener, untrusting, context);
        let tls = listener.tls.as_ref().and_then(|raw| tls_of(address, file, raw, context));
        listeners.push(ListenerSpec { address, tls, proxy_protocol });
    }
    if !told {
        listeners.push(ListenerSpec { address: DEFAULT, tls: None, proxy_protocol: false });
    }
    listeners
}

/// Whose word about clients is believed.
pub(super) fn trusted_proxies(files: &[File], context: &mut Context) -> TrustedProxies {
    let raw = files.iter().flat_map(|file| &file.raw.trusted_proxies);
    let network = |at: &At<String>| match at.value.trim().parse::<Network>() {
        Ok(network) => Some(network),
        Err(error) => {
            let message = format!("`{}` is not a network", at.value);
            context.push(
                Diagnostic::error(Code::BadAddress, message).at(at.place, "").with_help(error.to_string()),
            );
            None
        }
    };
    let networks: Vec<Network> = raw.clone().filter_map(network).collect();
    if let Some(breadth) = Breadth::of(&networks) {
        let place = files.iter().find_map(|file| file.raw.key("trusted_proxies"));
        context.push(trusts_everyone(breadth, place));
    }
    networks.into_iter().collect()
}

fn trusts_everyone(breadth: Breadth, place: Option<Place>) -> Diagnostic {
    let who = match breadth {
        Breadth::All => "every client",
        Breadth::Ipv4 => "every IPv4 client",
        Breadth::Ipv6 => "every IPv6 client",
    };
    let diagnostic = Diagnostic::warning(Code::TrustsEveryone, format!("`trusted_proxies` trusts {who}"))
        .with_note("any client can choose its address, for rate limits and records, by `x-forwarded-for`")
        .with_help("write the networks of the load balancers only, as `trusted_proxies: [10.0.0.0/8]`");
    match place {
        Some(place) => diagnostic.at(place, "covers all public addresses"),
        None => diagnostic,
    }
}

fn proxy_protocol(listener: &RawListener, untrusting: bool, context: &mut Context) -> bool {
    let Some(at) = listener.proxy_protocol.as_ref().filter(|at| at.value) else { return false };
    if untrusting {
        context.push(
            Diagnostic::error(Code::KeyConflict, "`proxy_protocol` without `trusted_proxies` lets nobody in")
                .at(at.place, "only trusted proxies may send its header")
                .with_help("name the addresses of the load balancers: `trusted_proxies: [10.0.0.0/8]`"),
        );
    }
    true
}

fn tls_of(
    address: SocketAddr,
    file: &File,
    raw: &RawListenerTls,
    context: &mut Context,
) -> Option<ListenerTls> {
    let certificates = raw.certificates.iter();
    let certificates: Vec<_> =
        certificates.map(|certificate| certificate_of(address, file, certificate, context)).collect();
    let forward = raw.forward.as_ref().filter(|at| at.value);
    if let Some(at) = forward.filter(|_| raw.client_ca.is_none()) {
        context.push(
            Diagnostic::error(Code::KeyConflict, "`forward` requires `client_ca`")
                .at(at.place, "clients show no certificate that could be sent upstream")
                .with_help("name the authorities of the clients: `client_ca: certs/clients.pem`, or remove `forward`"),
        );
    }
    let client_ca = raw.client_ca.as_ref().map(|at| tls::authorities(file, at, context));
    // What is broken has been told; a listener without what was asked of it must not be the result.
    let client_ca = match client_ca {
        None => None,
        Some(read) => Some(read?),
    };
    let certificates = certificates.into_iter().collect::<Option<Vec<_>>>()?;
    let forward = forward.is_some();
    (!certificates.is_empty()).then_some(ListenerTls { certificates, client_ca, forward })
}

fn certificate_of(
    address: SocketAddr,
    file: &File,
    raw: &RawCertificate,
    context: &mut Context,
) -> Option<CertificatePem> {
    let chain = raw.certificate.as_ref().map(|at| (at, tls::certificates(file, at, context)));
    let key = raw.key.as_ref().map(|at| (at, tls::private_key(file, at, context)));
    let ((chain_at, chain), (key_at, key)) = chain.zip(key)?;
    let (chain, key) = chain.zip(key)?;
    if !tls::check_pair((chain_at, &chain), (key_at, &key), context) {
        return None;
    }
    tls::note_expiry(ShownBy::Listener(address), chain_at, &chain, context);
    Some(CertificatePem { chain, key })
}

/// Whether the two cannot both be listened on.
pub(super) fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_ip
}

pub(super) fn socket_address(raw: &At<String>, context: &mut Context) -> Option<SocketAddr> {
    let text = raw.value.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let help = if text.parse::<u16>().is_ok()
        || text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    {
        format!(
            "write 0.0.0.0:{}, or 127.0.0.1:{} for this machine alone",
            text.trim_start_matches(':'),
            text.trim_start_matches(':')
        )
    } else if text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) {
        format!("an IPv6 address stands in brackets, before its port: {}", in_brackets(text))
    } else if text.parse::<IpAddr>().is_ok() {
        format!("add a port: {text}:3000")
    } else if text.contains("://") {
        "leave out the scheme: an address is IP:PORT, as 0.0.0.0:3000".to_owned()
    } else {
        "an address is IP:PORT, as 0.0.0.0:3000 or [::]:3000".to_owned()
    };
    context.push(
        Diagnostic::error(Code::BadAddress, format!("`{text}` is not an address to listen on"))
            .at(raw.place, "")
            .with_help(help),
    );
    None
}

/// `::1:3000` as it was probably meant: `[::1]:3000`.
fn in_brackets(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port))
            if host.parse::<IpAddr>().is_ok() && port.parse::<u16>().is_ok_and(|port| port > 999) =>
        {
            format!("[{host}]:{port}")
        }
        _ => format!("[{text}]:3000"),
    }
}
