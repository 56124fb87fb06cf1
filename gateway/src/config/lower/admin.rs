//! The admin address: where it listens, the names it may be called by, and whether it is exposed.

use std::net::IpAddr;

use super::listeners::{overlap, socket_address};
use super::routes::host_patterns;
use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::File;
use crate::config::{AdminSpec, Context};
use crate::edge::{ListenerSpec, is_public};

/// Returns the admin address, which must not be that of a listener.
pub(super) fn admin(files: &[File], listeners: &[ListenerSpec], context: &mut Context) -> Option<AdminSpec> {
    let raw = files.iter().find_map(|file| file.raw.admin.as_ref())?;
    let hosts = raw.hosts.as_deref().map(|written| {
        let (any, named): (Vec<_>, Vec<_>) = written.iter().cloned().partition(|at| at.value == "*");
        any.iter().for_each(|at| context.push(any_host(at.place)));
        host_patterns(&named, context)
    });
    let address = socket_address(&raw.address, context)?;
    let place = raw.address.place;
    if listeners.iter().any(|listener| overlap(listener.address, address)) {
        context.push(
            Diagnostic::error(Code::BadAddress, "the admin address is that of a listener")
                .at(place, "clients connect there")
                .with_help(
                    "give it a port of its own, as 127.0.0.1:9901: who reaches it can change the gateway",
                ),
        );
        return None;
    }
    let orders = raw.orders.as_ref().is_none_or(|at| at.value);
    // Containers have to listen on all addresses. `hosts`, even empty, states that this is known.
    if hosts.is_none() && is_exposed(address.ip()) {
        context.push(exposed(address.ip(), address.port(), orders, place));
    }
    Some(AdminSpec { address, hosts: hosts.unwrap_or_default(), orders })
}

/// Returns whether strangers may reach a socket on this address: it is every address of the machine, or a public one.
fn is_exposed(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || is_public(address)
}

fn any_host(place: Place) -> Diagnostic {
    Diagnostic::error(Code::BadValue, "`*` in `hosts` would let any web page read the admin address")
        .at(place, "allows every host")
        .with_note("a page's own host name can resolve to this address (DNS rebinding)")
        .with_help("list the names, as gateway.internal, or *.internal.example for all names below it")
}

fn exposed(address: IpAddr, port: u16, orders: bool, place: Place) -> Diagnostic {
    let label = if address.is_unspecified() { "every address of this machine" } else { "a public address" };
    let allowed = if orders {
        "it has no authentication: anyone who reaches it can read the configuration, reload, and stop the gateway"
    } else {
        "it has no authentication: anyone who reaches it can read the configuration"
    };
    Diagnostic::warning(Code::AdminExposed, "the admin address may be reachable from outside")
        .at(place, label)
        .with_note(allowed)
        .with_help(format!("listen on 127.0.0.1:{port}, or on the address of a private network"))
        .with_help(
            "in a container whose port is private, write `hosts: [NAME]` with the names it is called by, or `hosts: []`",
        )
}
