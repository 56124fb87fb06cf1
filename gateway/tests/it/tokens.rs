//! What the tests of policies share: tokens, and servers that are asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The secret of the tests' issuer.
pub(crate) const SECRET: &str = "a secret of the tests that has more than 32 bytes";

/// An entry of `auth` by that secret, for the audience `library`.
pub(crate) const SHOP: &str = "auth:\n  shop:\n    jwt: {secret: \"a secret of the tests that has more than 32 bytes\", \
     algorithms: [HS256], issuer: https://id.example, audience: library, forward: {sub: x-user-id, roles: x-roles}}\n";

/// Seconds since 1970, now.
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Claims that the tests' entries accept, with these over them; `null` removes one.
pub(crate) fn claims(over: Value) -> Value {
    let mut claims = json!({"sub": "u1", "iss": "https://id.example", "aud": "library", "exp": now() + 3600});
    for (name, value) in over.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The first two parts of a token.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
}

/// A token by HMAC.
pub(crate) fn hs256(secret: &[u8], claims: &Value) -> String {
    let signed = unsigned(&json!({"alg": "HS256", "typ": "JWT"}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", base64url(tag.as_ref()))
}

/// A good token, with these claims over the usual ones.
pub(crate) fn token(over: Value) -> String {
    hs256(SECRET.as_bytes(), &claims(over))
}

/// `authorization` with a good token.
pub(crate) fn bearer(over: Value) -> String {
    format!("Bearer {}", token(over))
}

/// An issuer that signs by ES256.
pub(crate) struct Issuer {
    kid: String,
    pair: EcdsaKeyPair,
}

impl Issuer {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair }
    }

    /// Its key, as a key set has it.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "x": base64url(x), "y": base64url(y)})
    }

    /// `authorization` with a token of its own.
    pub(crate) fn bearer(&self, over: Value) -> String {
        let signed = unsigned(&json!({"alg": "ES256", "kid": self.kid}), &claims(over));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("Bearer {signed}.{}", base64url(signature.as_ref()))
    }
}

/// The key set of these issuers.
pub(crate) fn key_set(issuers: &[&Issuer]) -> String {
    json!({"keys": issuers.iter().map(|issuer| issuer.jwk()).collect::<Vec<_>>()}).to_string()
}

/// The hash of an API key, as its file has it.
pub(crate) fn sha256(key: &str) -> String {
    digest::digest(&digest::SHA256, key.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A server of one document over HTTP, which tests change as they go.
pub(crate) struct Document {
    address: SocketAddr,
    shown: Arc<Mutex<Shown>>,
    serving: JoinHandle<()>,
}

struct Shown {
    status: StatusCode,
    body: String,
    asked: usize,
}

impl Drop for Document {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Document {
    pub(crate) async fn start(status: StatusCode, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shown = Arc::new(Mutex::new(Shown { status, body: body.to_owned(), asked: 0 }));
        let serving = tokio::spawn(serve(listener, Arc::clone(&shown)));
        Self { address, shown, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/keys", self.address)
    }

    pub(crate) fn show(&self, status: StatusCode, body: &str) {
        let mut shown = self.shown.lock().unwrap();
        (shown.status, shown.body) = (status, body.to_owned());
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.shown.lock().unwrap().asked
    }
}

async fn serve(listener: TcpListener, shown: Arc<Mutex<Shown>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shown = Arc::clone(&shown);
        let answer = service_fn(move |_| {
            let mut shown = shown.lock().unwrap();
            shown.asked += 1;
            let mut response = Response::new(Full::new(Bytes::from(shown.body.clone())));
            *response.status_mut() = shown.status;
            std::future::ready(Ok::<_, std::convert::Infallible>(response))
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(async move { drop(connection.await) });
    }
}
