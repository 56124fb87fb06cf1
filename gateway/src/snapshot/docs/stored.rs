//! A text that is kept compressed, as nearly all clients take it; for the others it is unpacked once, when one asks.

use std::io::{self, Read};
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use http::HeaderValue;

/// Bytes of the hash that a tag shows.
const TAG: usize = 16;

/// A file, with what its headers say.
#[derive(Debug)]
pub(super) struct Stored {
    content_type: &'static str,
    tag: HeaderValue,
    packed: Bytes,
    plain: OnceLock<Bytes>,
}

impl Stored {
    /// Compresses a text.
    pub(super) fn pack(content_type: &'static str, text: &[u8]) -> io::Result<Self> {
        let mut packed = Vec::new();
        GzEncoder::new(text, Compression::default()).read_to_end(&mut packed)?;
        Ok(Self::new(content_type, packed.into()))
    }

    /// Takes what `gzip` has compressed.
    pub(super) fn packed_before(content_type: &'static str, packed: &'static [u8]) -> Self {
        Self::new(content_type, Bytes::from_static(packed))
    }

    fn new(content_type: &'static str, packed: Bytes) -> Self {
        let hash: String =
            digest(&SHA256, &packed).as_ref().iter().take(TAG).map(|byte| format!("{byte:02x}")).collect();
        // Weak: the tag stands for the text in both codings, which are not the same byte for byte.
        let tag = HeaderValue::try_from(format!("W/\"{hash}\""));
        Self {
            content_type,
            tag: tag.unwrap_or_else(|_| HeaderValue::from_static("W/\"\"")),
            packed,
            plain: OnceLock::new(),
        }
    }

    pub(super) const fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// Its version, for `ETag`.
    pub(super) const fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    /// In gzip.
    pub(super) fn packed(&self) -> Bytes {
        self.packed.clone()
    }

    /// As it is.
    pub(super) fn plain(&self) -> Bytes {
        let unpack = || {
            let mut plain = Vec::new();
            if let Err(error) = GzDecoder::new(&*self.packed).read_to_end(&mut plain) {
                tracing::error!(%error, "a file of the API's page cannot be unpacked");
            }
            Bytes::from(plain)
        };
        self.plain.get_or_init(unpack).clone()
    }
}
