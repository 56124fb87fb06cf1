//! The addresses that the gateway listens on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::raw::At;
use crate::config::{AdminSpec, Context};
use crate::edge::ListenerSpec;

/// Where clients connect when the file does not say.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3000);

/// The listeners of all files.
pub(super) fn listeners(files: &[File], context: &mut Context) -> Vec<ListenerSpec> {
    let mut listeners = Vec::new();
    let mut taken: Vec<(SocketAddr, Place)> = Vec::new();
    let raw = files.iter().flat_map(|file| &file.raw.listeners);
    let mut told = false;
    for listener in raw {
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
        listeners.push(ListenerSpec { address, tls: None });
    }
    if !told {
        listeners.push(ListenerSpec { address: DEFAULT, tls: None });
    }
    listeners
}

/// The admin address, which shares no listener.
pub(super) fn admin(files: &[File], listeners: &[ListenerSpec], context: &mut Context) -> Option<AdminSpec> {
    let raw = files.iter().find_map(|file| file.raw.admin.as_ref())?;
    let address = socket_address(raw, context)?;
    if listeners.iter().any(|listener| overlap(listener.address, address)) {
        context.push(
            Diagnostic::error(Code::BadAddress, "the admin address is that of a listener")
                .at(raw.place, "clients connect there")
                .with_help(
                    "give it a port of its own, as 127.0.0.1:9901: who reaches it can change the gateway",
                ),
        );
        return None;
    }
    Some(AdminSpec { address })
}

/// Whether the two cannot both be listened on.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_ip
}

fn socket_address(raw: &At<String>, context: &mut Context) -> Option<SocketAddr> {
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
