//! Puts a content coding on an answer, where that pays.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Response};

use super::{Coding, Offer};
use crate::edge::{Body, Charge, Load};

/// Shorter answers fit a packet anyway.
const SHORTEST: usize = 1024;
/// Longer ones are encoded beside the worker, which has other requests to serve.
const ASIDE: usize = 128 * 1024;

const GZIP_LEVEL: u32 = 5;
/// Higher ones take several times as long for a few percent.
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 20;
const ZSTD_LEVEL: i32 = 3;

/// The answer in the coding of `offer` that its client likes best, if its body is of a kind that gets shorter by it.
pub async fn encode(
    mut response: Response<Body>,
    offer: &Offer,
    client: &HeaderMap,
    load: &Arc<Load>,
) -> Response<Body> {
    if !is_encodable(response.headers()) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    if response.body().len() < SHORTEST {
        return response;
    }
    let Some(coding) = offer.choose(client) else { return response };
    let Some(body) = response.body().bytes() else { return response };
    let encoded = if body.len() > ASIDE {
        let Some(turn) = load.aside().await else { return response };
        if !load.has_room(body.len()) {
            return response;
        }
        let body = body.clone();
        // The job's own: its client may leave before it is done.
        let held = (turn, Charge::new(load, body.len()));
        let waits = Arc::new(());
        let client = Arc::downgrade(&waits);
        let job = move || {
            let _held = held;
            encoded(&body, coding, || client.strong_count() > 0)
        };
        let encoded = tokio::task::spawn_blocking(job).await;
        drop(waits);
        encoded.unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    } else {
        encoded(body, coding, || true)
    };
    match encoded {
        Ok(shorter) if shorter.len() < body.len() => {
            *response.body_mut() = Body::buffered(shorter);
            mark(response.headers_mut(), coding);
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, coding = coding.name(), "an answer cannot be compressed"),
    }
    response
}

/// The body in a coding, given up between two pieces when nobody wants it any more.
fn encoded(body: &Bytes, coding: Coding, is_wanted: impl Fn() -> bool) -> io::Result<Vec<u8>> {
    let out = Vec::with_capacity(body.len() / 4);
    let write = |encoder: &mut dyn Write| {
        body.chunks(ASIDE).try_for_each(|piece| match is_wanted() {
            true => encoder.write_all(piece),
            false => Err(io::ErrorKind::ConnectionAborted.into()),
        })
    };
    match coding {
        Coding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            write(&mut encoder)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let buffer = body.len().clamp(SHORTEST, 64 * 1024);
            let mut encoder = brotli::CompressorWriter::new(out, buffer, BROTLI_QUALITY, BROTLI_WINDOW);
            write(&mut encoder)?;
            Ok(encoder.into_inner())
        }
        Coding::Zstd => {
            let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
            encoder.set_pledged_src_size(Some(body.len() as u64))?;
            write(&mut encoder)?;
            encoder.finish()
        }
    }
}

/// A body of text that nobody encoded or declared untouchable (RFC 9111 section 5.2.2.6).
fn is_encodable(headers: &HeaderMap) -> bool {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let untouchable =
        text(CACHE_CONTROL).split(',').any(|word| word.trim().eq_ignore_ascii_case("no-transform"));
    !untouchable && !headers.contains_key(CONTENT_ENCODING) && is_text(text(CONTENT_TYPE))
}

fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
        || matches!(
            essence.as_str(),
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/x-ndjson"
                | "image/svg+xml"
        )
}

/// An encoded body is another representation, equal but not byte for byte (RFC 9110 section 8.8.1).
fn mark(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    let strong = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    if let Some(Ok(weak)) = strong.map(|tag| HeaderValue::from_str(&format!("W/{tag}"))) {
        headers.insert(ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(content_type: &'static str, length: usize) -> Response<Body> {
        let mut response = Response::new(Body::full("a".repeat(length)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    async fn sent(response: Response<Body>, accepts: &'static str) -> Response<Body> {
        let mut client = HeaderMap::new();
        client.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static(accepts));
        encode(
            response,
            &Offer(vec![Coding::Gzip, Coding::Brotli, Coding::Zstd]),
            &client,
            &Arc::new(Load::new(Arc::default(), 1 << 30, 25)),
        )
        .await
    }

    #[tokio::test]
    async fn long_text_is_encoded_and_says_so() {
        for length in [5_000, ASIDE + 1] {
            for coding in ["gzip", "br", "zstd"] {
                let mut response = answer("application/json", length);
                response.headers_mut().insert(ETAG, HeaderValue::from_static("\"1\""));
                let response = sent(response, coding).await;
                assert_eq!(response.headers()[CONTENT_ENCODING], coding);
                assert_eq!(response.headers()[VARY], "accept-encoding");
                assert_eq!(response.headers()[ETAG], "W/\"1\"");
                let client = response.headers().clone();
                let back =
                    super::super::decode(response.body().bytes().unwrap().clone(), &client, 1 << 20).unwrap();
                assert_eq!(back, "a".repeat(length));
            }
        }
    }

    #[tokio::test]
    async fn a_client_that_leaves_while_it_waits_for_its_turn_leaves_no_job() {
        let load = Arc::new(Load::new(Arc::default(), 1 << 30, 25));
        let at_once = std::thread::available_parallelism().unwrap().get();
        let mut turns = Vec::new();
        for _ in 0..at_once {
            turns.push(load.aside().await.unwrap());
        }
        let offer = Offer(vec![Coding::Gzip]);
        let client =
            HeaderMap::from_iter([(http::header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let mut waiting = Box::pin(encode(answer("application/json", ASIDE + 1), &offer, &client, &load));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
        assert_eq!(Arc::strong_count(&load), 1, "nothing is charged to a job");
        drop(waiting);

        turns.clear();
        // All turns are free again: whoever left holds none.
        for _ in 0..at_once {
            turns.push(load.aside().await.unwrap());
        }
    }

    #[test]
    fn a_job_that_nobody_waits_for_ends_early() {
        let body = Bytes::from("a".repeat(10 * ASIDE));
        for (_, coding) in Coding::ALL {
            let asked = std::cell::Cell::new(0);
            let is_wanted = || asked.replace(asked.get() + 1) < 2;
            let given_up = encoded(&body, *coding, is_wanted).unwrap_err();
            assert_eq!(given_up.kind(), io::ErrorKind::ConnectionAborted);
            assert_eq!(asked.get(), 3, "the third of ten pieces is not begun");
        }
    }

    #[tokio::test]
    async fn what_would_not_gain_stays_as_it_is() {
        let mut encoded = answer("application/json", 5_000);
        encoded.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let mut untouchable = answer("application/json", 5_000);
        untouchable.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, no-transform"));
        for (what, response, accepts) in [
            ("short", answer("application/json", 1_000), "gzip"),
            ("an image", answer("image/png", 5_000), "gzip"),
            ("encoded by the service", encoded, "gzip"),
            ("declared untouchable", untouchable, "gzip"),
            ("for a client that takes none", answer("application/json", 5_000), "identity"),
        ] {
            let before = response.body().len();
            assert_eq!(sent(response, accepts).await.body().len(), before, "{what}");
        }
    }
}
