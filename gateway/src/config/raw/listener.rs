//! Where clients connect: `listeners` and `trusted_proxies`.

use super::node::{Key, Kind, Node};
use super::reader::{At, Reader};
use crate::config::diagnostic::{Code, Diagnostic, Place};

/// One listener.
#[derive(Debug)]
pub(in crate::config) struct RawListener {
    pub(in crate::config) address: At<String>,
    pub(in crate::config) tls: Option<RawListenerTls>,
    pub(in crate::config) proxy_protocol: Option<At<bool>>,
}

/// `tls` of a listener.
#[derive(Debug)]
pub(in crate::config) struct RawListenerTls {
    /// The listener's own certificate and key come first, then those of `certificates`.
    pub(in crate::config) certificates: Vec<RawCertificate>,
    pub(in crate::config) client_ca: Option<At<String>>,
    pub(in crate::config) forward: Option<At<bool>>,
}

/// A certificate and its key; one that is not there has been told.
#[derive(Debug)]
pub(in crate::config) struct RawCertificate {
    pub(in crate::config) certificate: Option<At<String>>,
    pub(in crate::config) key: Option<At<String>>,
}

const KEYS: &[&str] = &["address", "tls", "proxy_protocol"];
const TLS_KEYS: &[&str] = &["certificate", "key", "client_ca", "forward", "certificates"];
const CERTIFICATE_KEYS: &[&str] = &["certificate", "key"];
const PEM: &str = "the path of a PEM file";

/// The listeners of a file.
pub(super) fn listeners(node: &Node, reader: &mut Reader<'_>) -> Vec<RawListener> {
    let items = reader.items(node, "a list of listeners, as `- address: 0.0.0.0:3000`");
    items.iter().filter_map(|item| listener(item, reader)).collect()
}

fn listener(item: &Node, reader: &mut Reader<'_>) -> Option<RawListener> {
    let (mut address, mut tls, mut proxy_protocol) = (None, None, None);
    let entries = reader.entries(item, "a listener, as `address: 0.0.0.0:3000`")?;
    let told = Reader::has(&entries, "address", KEYS);
    for (key, value) in entries {
        match key.name.as_str() {
            "address" => address = reader.name(value, "an address, as 0.0.0.0:3000"),
            "tls" => tls = read_tls(key, value, reader),
            "proxy_protocol" => proxy_protocol = reader.boolean(value),
            _ => reader.unknown_key(key, "a listener", KEYS),
        }
    }
    if !told {
        reader.missing(item.place, "a listener", "address", "0.0.0.0:3000");
    }
    Some(RawListener { address: address?, tls, proxy_protocol })
}

fn read_tls(at: &Key, node: &Node, reader: &mut Reader<'_>) -> Option<RawListenerTls> {
    let mut own = RawCertificate { certificate: None, key: None };
    let mut tls = RawListenerTls { certificates: Vec::new(), client_ca: None, forward: None };
    let entries = reader.entries(node, "a mapping with certificate and key")?;
    check_tls(at.place, &entries, reader);
    for (key, value) in entries {
        match key.name.as_str() {
            "certificate" => own.certificate = reader.name(value, PEM),
            "key" => own.key = reader.name(value, PEM),
            "client_ca" => tls.client_ca = reader.name(value, PEM),
            "forward" => tls.forward = reader.boolean(value),
            "certificates" => {
                let items =
                    reader.items(value, "a list of certificates, as `- {certificate: a.pem, key: a.key}`");
                tls.certificates.extend(items.iter().filter_map(|item| certificate(item, reader)));
            }
            _ => reader.unknown_key(key, "`tls` of a listener", TLS_KEYS),
        }
    }
    if own.certificate.is_some() || own.key.is_some() {
        tls.certificates.insert(0, own);
    }
    Some(tls)
}

/// Whether there is a certificate to show, and whatever goes with it.
fn check_tls(place: Place, entries: &[(&Key, &Node)], reader: &mut Reader<'_>) {
    if CERTIFICATE_KEYS.iter().any(|name| Reader::has(entries, name, TLS_KEYS)) {
        check_certificate(place, entries, TLS_KEYS, reader);
        return;
    }
    let is_empty = |node: &Node| match &node.kind {
        Kind::List(items) => items.is_empty(),
        kind => matches!(kind, Kind::Null),
    };
    let lists_none = entries.iter().any(|(key, list)| key.name == "certificates" && is_empty(list));
    if lists_none || !Reader::has(entries, "certificates", TLS_KEYS) {
        reader.push(
            Diagnostic::error(Code::MissingKey, "`tls` of a listener needs `certificate` and `key`")
                .at(place, "no certificate to show")
                .with_help("write `tls: {certificate: certs/edge.pem, key: certs/edge.key}`"),
        );
    }
}

/// Whether both parts of a certificate are there.
fn check_certificate(place: Place, entries: &[(&Key, &Node)], known: &[&str], reader: &mut Reader<'_>) {
    for name in CERTIFICATE_KEYS.iter().filter(|name| !Reader::has(entries, name, known)) {
        reader.push(
            Diagnostic::error(Code::MissingKey, format!("a certificate needs `{name}`"))
                .at(place, format!("`{name}` is missing"))
                .with_help("name both files: `certificate: certs/edge.pem` and `key: certs/edge.key`"),
        );
    }
}

fn certificate(node: &Node, reader: &mut Reader<'_>) -> Option<RawCertificate> {
    let mut own = RawCertificate { certificate: None, key: None };
    let entries = reader.entries(node, "a certificate and its key, as `{certificate: a.pem, key: a.key}`")?;
    check_certificate(node.place, &entries, CERTIFICATE_KEYS, reader);
    for (key, value) in entries {
        match key.name.as_str() {
            "certificate" => own.certificate = reader.name(value, PEM),
            "key" => own.key = reader.name(value, PEM),
            _ => reader.unknown_key(key, "a certificate", CERTIFICATE_KEYS),
        }
    }
    Some(own)
}

/// The networks of `trusted_proxies`, as they are written.
pub(super) fn trusted_proxies(node: &Node, reader: &mut Reader<'_>) -> Vec<At<String>> {
    let items = reader.one_or_more(node, "a list of networks, as `[10.0.0.0/8]`");
    items.iter().filter_map(|item| reader.name(item, "a network, as 10.0.0.0/8")).collect()
}
