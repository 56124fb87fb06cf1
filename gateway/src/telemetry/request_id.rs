//! Request ids: taken from the client if sane, made otherwise.

use http::{HeaderName, HeaderValue};

use super::{hex, random};

/// Where a request's id travels, to and fro.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that a client may give.
const MAX_LEN: usize = 128;

/// The id of a request: the client's if there is one that is sane (up to 128 letters, digits and `-_.:/+=`), else a new one.
///
/// It is marked as sensitive: not a secret, but HTTP/2 then keeps it out of its table of header fields that may come
/// again. There, ids would push out those that do, and each call would be compared to all the ids in the table.
pub fn of(sent: Option<&HeaderValue>) -> HeaderValue {
    let mut id = match sent {
        Some(id) if is_sane(id.as_bytes()) => id.clone(),
        _ => new(),
    };
    id.set_sensitive(true);
    id
}

/// An id that goes into logs, metadata and answers must not be able to forge any of them.
fn is_sane(id: &[u8]) -> bool {
    let fits = (1..=MAX_LEN).contains(&id.len());
    fits && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

/// A new id: 128 random bits as 32 hexadecimal digits.
fn new() -> HeaderValue {
    let digits = [random::next(), random::next()].map(|bits| hex::digits(bits.to_be_bytes()));
    HeaderValue::from_bytes(digits.as_flattened().as_flattened())
        .unwrap_or_else(|_| HeaderValue::from_static("0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &str) -> String {
        of(Some(&HeaderValue::from_str(given).unwrap())).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_sane_id_is_kept() {
        assert_eq!(id_for("7d6f-A.b_c:d/e+f="), "7d6f-A.b_c:d/e+f=");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for given in ["", "a b", "a\"b", "{}", &"x".repeat(129)] {
            let id = id_for(given);
            assert_ne!(id, given);
            assert_eq!(id.len(), 32);
        }
    }

    #[test]
    fn new_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| of(None)).collect();
        assert_eq!(ids.len(), 1000);
    }
}
