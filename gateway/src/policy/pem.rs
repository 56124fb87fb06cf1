//! What is wrong with PEM, in words: the library prints the bytes of the lines.

use rustls_pki_types::pem::Error;

/// What is wrong, to follow the name of a file and a colon.
pub fn pem_text(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "it breaks off before its -----END line".to_owned(),
        Error::IllegalSectionStart { .. } => "a -----BEGIN line does not end in -----".to_owned(),
        Error::Base64Decode(_) => "what stands between its lines is not base64".to_owned(),
        other => other.to_string(),
    }
}
