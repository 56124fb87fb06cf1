//! Content codings of HTTP bodies (RFC 9110 section 8.4): which there are, and which one a client is answered in.

mod request;
mod response;

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

pub(super) use request::decode;
pub use response::encode;

/// A coding that answers can be sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All of them, by the names that HTTP has for them.
    pub const ALL: &'static [(&'static str, Self)] =
        &[("gzip", Self::Gzip), ("br", Self::Brotli), ("zstd", Self::Zstd)];

    /// Its name in HTTP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// The codings that answers are offered in, the preferred one first. Empty is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer(pub Vec<Coding>);

impl Offer {
    /// Whether answers are ever encoded.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The coding that the client likes best; among equals the first one offered. `None` is the answer as it is.
    ///
    /// RFC 9110 section 12.5.3: a coding with weight 0 is refused, `*` stands for all that are not named, and a client that
    /// says nothing takes anything, which is best met by no coding.
    pub fn choose(&self, client: &HeaderMap) -> Option<Coding> {
        let mut best = None;
        let mut weight = explicit(client, "identity").unwrap_or(0).max(1);
        for coding in &self.0 {
            let wanted = explicit(client, coding.name()).or_else(|| explicit(client, "*")).unwrap_or(0);
            if wanted > weight || (wanted == weight && best.is_none()) {
                best = Some(*coding);
                weight = wanted;
            }
        }
        best
    }
}

/// The weight that the client gives to a coding by its name, in thousandths.
fn explicit(client: &HeaderMap, name: &str) -> Option<u16> {
    let values = client.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut entries = values.flat_map(|value| value.split(','));
    entries.find_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let same =
            coding.eq_ignore_ascii_case(name) || (name == "gzip" && coding.eq_ignore_ascii_case("x-gzip"));
        same.then(|| parts.find_map(weight).unwrap_or(1000))
    })
}

/// `q=0.5`, in thousandths. What is no weight is refused: 0.
fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return Some(0);
    }
    let thousandths = format!("{fraction:0<3}").parse().unwrap_or(0);
    Some(whole.parse::<u16>().unwrap_or(0).saturating_mul(1000).saturating_add(thousandths).min(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(offer: &[Coding], accepts: Option<&str>) -> Option<Coding> {
        let mut client = HeaderMap::new();
        if let Some(accepts) = accepts {
            client.insert(ACCEPT_ENCODING, accepts.parse().unwrap());
        }
        Offer(offer.to_vec()).choose(&client)
    }

    #[test]
    fn the_client_says_what_it_likes() {
        use Coding::{Brotli, Gzip, Zstd};
        let all = [Gzip, Brotli, Zstd];
        for (accepts, wanted) in [
            (None, None),
            (Some(""), None),
            (Some("gzip"), Some(Gzip)),
            (Some("GZIP"), Some(Gzip)),
            (Some("x-gzip"), Some(Gzip)),
            (Some("br, gzip"), Some(Gzip)), // as good as each other: the first one offered
            (Some("br;q=1.0, gzip;q=0.8"), Some(Brotli)),
            (Some("gzip;q=0.5, zstd;q=0.501"), Some(Zstd)),
            (Some("*"), Some(Gzip)),
            (Some("gzip;q=0, *"), Some(Brotli)),
            (Some("*;q=0"), None),
            (Some("gzip;q=0"), None),
            (Some("gzip;q=0.000"), None),
            (Some("identity, gzip;q=0.5"), None),
            (Some("identity;q=0.5, gzip"), Some(Gzip)),
            (Some("deflate"), None),
            (Some("gzip;q=x"), None),
            (Some("gzip;q=-1"), None),
            (Some("gzip ; q=0.3 , br;level=5"), Some(Brotli)),
        ] {
            assert_eq!(chosen(&all, accepts), wanted, "{accepts:?}");
        }
        assert_eq!(chosen(&[Zstd, Gzip], Some("gzip, zstd")), Some(Zstd));
        assert_eq!(chosen(&[], Some("gzip")), None);
    }
}
