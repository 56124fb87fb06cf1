//! Certificates and keys: read at load, so that a broken one is found before it is served.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use upstream::{Address, Target};

use crate::config::diagnostic::{Code, Diagnostic, Place};
use crate::config::files::{File, io_text};
use crate::config::model::{CertificateExpiry, ShownBy};
use crate::config::raw::{At, PEM};
use crate::config::{Context, Watched};
use crate::edge::Validity;
use crate::policy::pem_text;

/// The content of a PEM file of certificates.
pub(super) fn certificates(file: &File, path: &At<String>, context: &mut Context) -> Option<Arc<[u8]>> {
    let pem = read(file, path, context)?;
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => {
            warn_about_validity(path, &certificates, context);
            Some(pem)
        }
        Ok(_) => bad(
            path,
            "holds no certificate",
            "a PEM certificate begins with -----BEGIN CERTIFICATE-----",
            context,
        ),
        Err(error) => bad(
            path,
            &format!("is not PEM: {}", pem_text(&error)),
            "a PEM certificate begins with -----BEGIN CERTIFICATE-----",
            context,
        ),
    }
}

/// The content of a PEM file of authorities that clients' certificates must come from.
pub(super) fn authorities(file: &File, path: &At<String>, context: &mut Context) -> Option<Arc<[u8]>> {
    let pem = certificates(file, path, context)?;
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok) {
        if let Err(error) = roots.add(certificate) {
            return bad(
                path,
                &format!("holds a certificate that is no authority's: {}", certificate_text(&error)),
                "put the certificates of the authorities that sign your clients' certificates",
                context,
            );
        }
    }
    Some(pem)
}

/// A certificate that is not valid now is no reason to refuse a change of something else: it is told, and handshakes fail.
fn warn_about_validity(path: &At<String>, certificates: &[CertificateDer<'_>], context: &mut Context) {
    let now = SystemTime::now();
    let periods = certificates.iter().filter_map(|certificate| Validity::of(certificate));
    let mut wrong = periods.filter(|period| now < period.from || now > period.until);
    if let Some(period) = wrong.next() {
        let what = if now > period.until { "has expired" } else { "is not valid yet" };
        context.push(
            Diagnostic::warning(Code::BadCertificate, format!("a certificate in `{}` {what}", path.value))
                .at(path.place, "handshakes will fail")
                .with_help("renew it; the file is watched, and a new one is taken without a restart"),
        );
    }
}

/// Notes when a certificate chain that the gateway shows expires: the earliest end among its certificates.
pub(super) fn note_expiry(shown_by: ShownBy, path: &At<String>, chain: &[u8], context: &mut Context) {
    let certificates = CertificateDer::pem_slice_iter(chain).filter_map(Result::ok);
    let Some(until) = certificates.filter_map(|one| Validity::of(&one)).map(|period| period.until).min()
    else {
        return;
    };
    let expiry = CertificateExpiry { shown_by, file: path.value.clone(), until };
    if !context.expiries.contains(&expiry) {
        context.expiries.push(expiry);
    }
}

/// The content of a PEM file with a private key.
pub(super) fn private_key(file: &File, path: &At<String>, context: &mut Context) -> Option<Arc<[u8]>> {
    let pem = read(file, path, context)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Some(pem),
        Err(_) => bad(
            path,
            "holds no private key",
            "a PEM key begins with -----BEGIN PRIVATE KEY-----, and has no passphrase",
            context,
        ),
    }
}

/// Whether a key is that of the first certificate. What cannot be told has been told, or is for the handshake to tell.
pub(super) fn check_pair(
    certificate: (&At<String>, &[u8]),
    key: (&At<String>, &[u8]),
    context: &mut Context,
) -> bool {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.1).filter_map(Result::ok).collect();
    let Ok(private) = PrivateKeyDer::from_pem_slice(key.1) else {
        return false;
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let signer = match provider.key_provider.load_private_key(private) {
        Ok(signer) => signer,
        Err(error) => {
            let what = format!("holds a key that cannot be used: {error}");
            bad::<()>(key.0, &what, "use an RSA, ECDSA or Ed25519 key", context);
            return false;
        }
    };
    let pair = rustls::sign::CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => true,
        Err(rustls::Error::InconsistentKeys(_)) => {
            context.push(not_its_key(certificate.0, key.0));
            false
        }
        Err(error) => {
            let what = format!("holds a certificate that cannot be used: {}", certificate_text(&error));
            let help = "the certificate of the key comes first in the file, then those that vouch for it";
            bad::<()>(certificate.0, &what, help, context);
            false
        }
    }
}

/// What is wrong with a certificate; the library has no words for the one that is met most.
fn certificate_text(error: &rustls::Error) -> String {
    let text = error.to_string();
    match text.contains("UnsupportedCertVersion") {
        true => "it is of an old version of X.509, and TLS takes version 3 alone".to_owned(),
        false => text,
    }
}

fn not_its_key(certificate: &At<String>, key: &At<String>) -> Diagnostic {
    Diagnostic::error(
        Code::BadCertificate,
        format!("`{}` is not the key of `{}`", key.value, certificate.value),
    )
    .at(key.place, "this key")
    .and_at(certificate.place, "is of another certificate")
    .with_help("put the key that the certificate was made for, and the certificate first in its file")
}

/// Whether a certificate can be for it, by the rule of those who begin TLS.
pub(super) fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// Tells when TLS could not begin with an address, for a certificate cannot be for its host.
pub(super) fn check_host(address: &Address, place: Place, context: &mut Context) {
    let Target::Host { host, .. } = address.target() else { return };
    if !is_server_name(host) {
        let message = format!("`{host}` is not a name that a certificate can be for");
        context.push(
            Diagnostic::error(Code::BadAddress, message)
                .at(place, "")
                .with_help("write the host as its certificate names it"),
        );
    }
}

/// The content of a file that the configuration names, which is watched from now on.
pub(super) fn read(file: &File, path: &At<String>, context: &mut Context) -> Option<Arc<[u8]>> {
    if path.value.contains(PEM) || path.value.contains('\n') {
        // Not to be quoted: it may be a private key.
        context.push(
            Diagnostic::error(Code::BadValue, "expected the path of a file, found what a file holds")
                .at(path.place, "")
                .with_help("write it into a file, and the path of that here"),
        );
        return None;
    }
    let full = file.path(&path.value);
    context.watch.push(Watched::File(full.clone()));
    match crate::descriptors::read_file(&full) {
        // Editors on Windows write a byte order mark, which belongs to none of the formats.
        Ok(bytes) => Some(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).into()),
        Err(error) => {
            context.push(
                Diagnostic::error(
                    Code::FileUnreadable,
                    format!("cannot read `{}`: {}", full.display(), io_text(&error)),
                )
                .at(path.place, "")
                .with_help("relative paths count from the folder of this file"),
            );
            None
        }
    }
}

fn bad<T>(path: &At<String>, what: &str, help: &str, context: &mut Context) -> Option<T> {
    context.push(
        Diagnostic::error(Code::BadCertificate, format!("`{}` {what}", path.value))
            .at(path.place, "")
            .with_help(help),
    );
    None
}
