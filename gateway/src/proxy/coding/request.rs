//! Undoes the content coding of a request's body, never to more bytes than a body may have.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::proxy::failure::Failure;

/// Codings of one body, one over the other. Nobody needs more, and each costs a pass.
const MOST: usize = 3;
/// The largest window that a zstd frame may ask for, as a power of two: 8 MiB (RFC 9659 section 3).
const ZSTD_WINDOW: u32 = 23;
/// What a brotli decoder reads at a time.
const BUFFER: usize = 4096;

/// The body as it was before it was encoded.
///
/// # Errors
/// When the coding is none of gzip, deflate, br and zstd, the body is not what its coding says, or it is larger than
/// `limit` bytes at any stage. Reading ends there: a bomb never unfolds.
pub(in crate::proxy) fn decode(body: Bytes, headers: &HeaderMap, limit: usize) -> Result<Bytes, Failure> {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        let Ok(text) = value.to_str() else { return Err(Failure::unsupported_encoding("not ASCII")) };
        codings.extend(text.split(',').map(str::trim).filter(|name| !name.is_empty()));
    }
    if codings.len() > MOST {
        return Err(Failure::unsupported_encoding(&codings.join(", ")));
    }
    codings.into_iter().rev().try_fold(body, |body, coding| undo(body, coding, limit))
}

fn undo(body: Bytes, coding: &str, limit: usize) -> Result<Bytes, Failure> {
    let result = match coding.to_ascii_lowercase().as_str() {
        "identity" => return Ok(body),
        "gzip" | "x-gzip" => unfold(MultiGzDecoder::new(&*body), limit),
        // RFC 9110 section 8.4.1.2: the zlib format; some send the bare stream, and always did.
        "deflate" if is_zlib(&body) => unfold(ZlibDecoder::new(&*body), limit),
        "deflate" => unfold(DeflateDecoder::new(&*body), limit),
        "br" => unfold(brotli::Decompressor::new(&*body, BUFFER), limit),
        "zstd" => zstd::Decoder::new(&*body).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW)?;
            unfold(decoder, limit)
        }),
        _ => return Err(Failure::unsupported_encoding(coding)),
    };
    match result {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err(Failure::body_too_large(limit)),
        Err(_) => Err(Failure::body_not_encoded(coding)),
    }
}

/// RFC 1950 section 2.2: the method is 8, and the first two bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

/// Reads to the end; `None` when that is more than `limit` bytes away.
fn unfold(decoder: impl Read, limit: usize) -> io::Result<Option<Bytes>> {
    let mut body = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut body)?;
    Ok((body.len() <= limit).then(|| body.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use http::HeaderValue;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 4, 20).write_all(data).unwrap();
        out
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        zstd::encode_all(data, 3).unwrap()
    }

    fn decoded(body: Vec<u8>, codings: &[&'static str], limit: usize) -> Result<Bytes, u16> {
        let mut headers = HeaderMap::new();
        for coding in codings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        decode(body.into(), &headers, limit).map_err(|failure| failure.status().as_u16())
    }

    const TEXT: &[u8] = br#"{"name":"a name, a name, a name, and a name"}"#;

    type Encoder = fn(&[u8]) -> Vec<u8>;
    const CODINGS: [(&str, Encoder); 6] = [
        ("gzip", gzip),
        ("X-GZIP", gzip),
        ("deflate", zlib),
        ("deflate", bare),
        ("br", brotli),
        ("zstd", zstd),
    ];

    #[test]
    fn every_coding_is_undone() {
        assert_eq!(decoded(TEXT.to_vec(), &[], 1000).unwrap(), TEXT);
        assert_eq!(decoded(TEXT.to_vec(), &["identity"], 1000).unwrap(), TEXT);
        for (name, encode) in CODINGS {
            assert_eq!(decoded(encode(TEXT), &[name], 1000).unwrap(), TEXT, "{name}");
        }
    }

    #[test]
    fn codings_lie_one_over_the_other() {
        let both = brotli(&gzip(TEXT));
        assert_eq!(decoded(both.clone(), &["gzip, br"], 1000).unwrap(), TEXT);
        assert_eq!(decoded(both.clone(), &["gzip", "br"], 1000).unwrap(), TEXT);
        assert_eq!(decoded(both, &["br, gzip"], 1000), Err(400));
        assert_eq!(decoded(gzip(TEXT), &["gzip, gzip, gzip, gzip"], 1000), Err(415));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for coding in ["compress", "exi", "gzip;q=1", "*"] {
            assert_eq!(decoded(TEXT.to_vec(), &[coding], 1000), Err(415), "{coding}");
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        for (name, encode) in CODINGS {
            let whole = encode(TEXT);
            assert_eq!(
                decoded(whole[..whole.len() - 3].to_vec(), &[name], 1000),
                Err(400),
                "{name} cut short"
            );
            if name != "deflate" {
                assert_eq!(decoded(TEXT.to_vec(), &[name], 1000), Err(400), "{name} of plain text");
            }
        }
    }

    #[test]
    fn a_bomb_never_unfolds() {
        let zeros = vec![0; 4 << 20];
        for (name, encode) in CODINGS {
            let bomb = encode(&zeros);
            assert!(bomb.len() < 1 << 20, "{name}");
            assert_eq!(decoded(bomb, &[name], 1 << 16), Err(413), "{name}");
        }
        let twice = gzip(&gzip(&zeros));
        assert_eq!(decoded(twice, &["gzip, gzip"], 1 << 16), Err(413));
    }

    #[test]
    fn a_window_may_not_be_larger_than_http_allows() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(TEXT).unwrap();
        // The frame asks for the window although its content is short: nothing is known of its size beforehand.
        assert_eq!(decoded(encoder.finish().unwrap(), &["zstd"], 1000), Err(400));
    }
}
