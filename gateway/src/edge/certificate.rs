//! Identities in certificates, in the forms in which services learn them.

mod der;
mod distinguished_name;
mod forwarded;
mod validity;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderValue;
use rustls::pki_types::CertificateDer;

pub use validity::Validity;

/// The names of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateNames {
    /// The URIs of its subject alternative names.
    pub(super) uris: Vec<String>,
    /// The DNS names of its subject alternative names.
    pub(super) dns: Vec<String>,
    /// Its subject in the form of RFC 2253.
    pub(super) subject: String,
}

impl CertificateNames {
    /// Reads the names of a certificate. A certificate that cannot be read has none.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Self::default() };
        Self {
            uris: certificate.valid_uri_names().map(str::to_owned).collect(),
            dns: certificate.valid_dns_names().map(str::to_owned).collect(),
            subject: distinguished_name::text(certificate.subject()),
        }
    }

    /// The identity: the first URI, else the first DNS name, else the subject.
    pub fn principal(&self) -> &str {
        let name = self.uris.first().or_else(|| self.dns.first());
        name.map_or(&self.subject, String::as_str)
    }
}

/// The certificate that a client has shown and that its handshake has verified.
#[derive(Debug)]
pub struct ClientCertificate {
    der: CertificateDer<'static>,
    names: CertificateNames,
    /// The value of `x-forwarded-client-cert`, where the listener sends it upstream.
    forwarded: Option<HeaderValue>,
}

impl ClientCertificate {
    /// Reads a certificate. `own` has the names of the listener's certificate if the client's is sent upstream.
    pub(super) fn new(der: CertificateDer<'static>, own: Option<&CertificateNames>) -> Self {
        let names = CertificateNames::of(&der);
        let forwarded = own.and_then(|own| forwarded::value(own, digest(&SHA256, &der), &names));
        Self { der, names, forwarded }
    }

    /// The identity of the client: the first URI, else the first DNS name, else the subject.
    pub fn principal(&self) -> &str {
        self.names.principal()
    }

    /// The value of `x-forwarded-client-cert`; `None` if the listener does not send the certificate upstream.
    pub const fn forwarded(&self) -> Option<&HeaderValue> {
        self.forwarded.as_ref()
    }

    /// The certificate in PEM, percent-encoded as Envoy does it.
    pub fn url_encoded_pem(&self) -> String {
        let base64 = base64_simd::STANDARD.encode_to_string(&*self.der);
        let mut text = String::with_capacity(base64.len() * 11 / 10 + 80);
        text.push_str("-----BEGIN%20CERTIFICATE-----");
        for (position, digit) in base64.char_indices() {
            if position % PEM_LINE == 0 {
                text.push_str("%0A");
            }
            match digit {
                '+' => text.push_str("%2B"),
                '/' => text.push_str("%2F"),
                '=' => text.push_str("%3D"),
                digit => text.push(digit),
            }
        }
        text.push_str("%0A-----END%20CERTIFICATE-----%0A");
        text
    }
}

/// The digits of a line of PEM (RFC 7468 section 2).
const PEM_LINE: usize = 64;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn certificate(subject: &[(DnType, &str)], uris: &[&str], dns: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_principal_is_a_uri_then_a_dns_name_then_the_subject() {
        let subject = &[(DnType::CommonName, "client"), (DnType::OrganizationName, "Shop")][..];
        for (uris, dns, expected) in [
            (&["spiffe://shop.example/gw", "urn:second"][..], &["a.example"][..], "spiffe://shop.example/gw"),
            (&[], &["a.example", "b.example"], "a.example"),
            (&[], &[], "O=Shop,CN=client"),
        ] {
            let certificate = ClientCertificate::new(certificate(subject, uris, dns), None);
            assert_eq!(certificate.principal(), expected);
            assert_eq!(certificate.forwarded(), None);
        }
        assert_eq!(ClientCertificate::new(b"none".to_vec().into(), None).principal(), "");
    }

    #[test]
    fn the_pem_is_that_of_the_certificate() {
        let der = certificate(&[(DnType::CommonName, "client")], &["spiffe://shop.example/gw"], &[]);
        let text = ClientCertificate::new(der.clone(), None).url_encoded_pem();
        assert!(!text.contains(['\n', ' ', '+', '/', '=']), "{text}");
        let pem = percent_encoding::percent_decode_str(&text).decode_utf8().unwrap();
        assert!(pem.lines().all(|line| line.len() <= PEM_LINE) && pem.ends_with("-----\n"), "{pem}");
        assert_eq!(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(), der);
    }
}
