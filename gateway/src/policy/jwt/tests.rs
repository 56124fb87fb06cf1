//! Tokens that are good, and every way in which they are not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RsaEncoding, RsaKeyPair,
};
use aws_lc_rs::{encoding, hmac};
use serde_json::json;

use super::*;

const NOW: Duration = Duration::from_secs(1_800_000_000);
const SECRET: &[u8] = b"an honest secret of more than sixty-four bytes, as HS512 asks for, no less";

fn encode(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// A signed token out of its parts.
fn sign(header: &Value, payload: &Value, signer: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
    let signature = encode(&signer(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn hs(algorithm: hmac::Algorithm, secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(algorithm, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

fn hs256(payload: &Value) -> String {
    sign(&json!({"alg": "HS256", "typ": "JWT"}), payload, hs(hmac::HMAC_SHA256, SECRET))
}

fn good() -> Value {
    json!({"sub": "u1", "exp": NOW.as_secs() + 60, "iss": "https://id.example", "aud": "shop", "scope": "orders:read"})
}

/// `good()` with some claims changed; `null` takes one away.
fn with(changes: &Value) -> Value {
    let mut claims = good();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn spec(keys: KeySource, algorithms: &[Algorithm]) -> JwtSpec {
    JwtSpec {
        keys,
        algorithms: algorithms.to_vec(),
        issuer: Some("https://id.example".into()),
        audiences: vec!["shop".into()],
        leeway: DEFAULT_LEEWAY,
        refused: StatusCode::FORBIDDEN,
        forward: Vec::new(),
        encoding: Encoding::None,
    }
}

fn secret(bytes: &[u8]) -> KeySource {
    KeySource::Secret(bytes.into())
}

fn policy(spec: &JwtSpec) -> Jwt {
    let (plan, warnings) = JwtPlan::compile("shop", spec).unwrap();
    assert_eq!(warnings, []);
    Jwt { plan: Arc::new(plan), remote: None }
}

fn headers(authorization: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())])
}

/// The subject of an accepted token, or why it was refused.
fn present(jwt: &Jwt, token: &str) -> Result<String, (Reason, String)> {
    let claims = jwt.identify_now(&headers(&format!("Bearer {token}")), NOW).unwrap();
    let sub = ClaimName::parse("sub").unwrap();
    claims
        .map(|claims| claims.text(&sub).unwrap_or_default().into_owned())
        .map_err(|refusal| (refusal.reason(), refusal.message().to_owned()))
}

#[track_caller]
fn refused(jwt: &Jwt, token: &str, reason: Reason, part: &str) {
    let (got, message) = present(jwt, token).unwrap_err();
    assert_eq!(got, reason, "{message}");
    assert!(message.contains(part), "`{message}` has no `{part}`");
}

#[test]
fn claims_decide_about_a_genuine_token() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    let now = NOW.as_secs();
    let accepted = [
        json!({}),
        json!({"aud": ["other", "shop"]}),
        json!({"nbf": now}),
        json!({"nbf": now + 4}),
        json!({"exp": now - 4}),
        json!({"exp": (now as f64) + 0.5}),
    ];
    for change in accepted {
        assert_eq!(present(&jwt, &hs256(&with(&change))).as_deref(), Ok("u1"), "{change}");
    }
    let refusals = [
        (json!({"exp": now - 5}), Reason::AuthExpired, "expired"),
        (json!({"exp": now - 3600}), Reason::AuthExpired, "expired"),
        (json!({"exp": null}), Reason::AuthInvalid, "does not say when it expires"),
        (json!({"exp": "9999999999"}), Reason::AuthInvalid, "times"),
        (json!({"exp": [now + 60]}), Reason::AuthInvalid, "times"),
        (json!({"nbf": now + 6}), Reason::AuthInvalid, "not valid yet"),
        (json!({"nbf": "0"}), Reason::AuthInvalid, "times"),
        (json!({"iss": "https://evil.example"}), Reason::AuthInvalid, "issuer"),
        (json!({"iss": ["https://id.example"]}), Reason::AuthInvalid, "issuer"),
        (json!({"iss": null}), Reason::AuthInvalid, "issuer"),
        (json!({"aud": "other"}), Reason::AuthInvalid, "not for this service"),
        (json!({"aud": []}), Reason::AuthInvalid, "not for this service"),
        (json!({"aud": {"shop": true}}), Reason::AuthInvalid, "not for this service"),
        (json!({"aud": null}), Reason::AuthInvalid, "not for this service"),
    ];
    for (change, reason, part) in refusals {
        refused(&jwt, &hs256(&with(&change)), reason, part);
    }
}

#[test]
fn forged_tokens_are_refused() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    let token = hs256(&good());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let other = hs256(&with(&json!({"sub": "admin"})));
    let (_, other_signature) = other.rsplit_once('.').unwrap();
    let by_other_secret = sign(&json!({"alg": "HS256"}), &good(), hs(hmac::HMAC_SHA256, b"guess"));
    let forged = [
        format!("{signed}.{other_signature}"),
        format!("{signed}."),
        format!("{signed}.{}", &signature[..40]),
        by_other_secret,
    ];
    for token in forged {
        refused(&jwt, &token, Reason::AuthInvalid, "signature");
    }
    // The payload swapped under a signature that was made for another.
    let (header, payload) = signed.split_once('.').unwrap();
    let (_, other_payload) = other.rsplit_once('.').unwrap().0.split_once('.').unwrap();
    assert_ne!(payload, other_payload);
    refused(&jwt, &format!("{header}.{other_payload}.{signature}"), Reason::AuthInvalid, "signature");
}

#[test]
fn what_is_no_signed_token_is_refused() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    let token = hs256(&good());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let malformed = [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{token}.more"),
        format!("{signed}.{signature}="),
        format!("{}.{signature}", signed.split_once('.').unwrap().0),
        format!("{}.e30.e30", encode(b"[]")),
        format!("{}.e30.e30", encode(b"{\"alg\":7}")),
        format!("{}.e30.e30", encode(b"{}")),
        "a".repeat(20_000),
    ];
    for token in &malformed {
        refused(&jwt, token, Reason::AuthInvalid, "not a signed token");
    }
    let no_claims = sign(&json!({"alg": "HS256"}), &json!(["exp"]), hs(hmac::HMAC_SHA256, SECRET));
    refused(&jwt, &no_claims, Reason::AuthInvalid, "not a signed token");
}

/// Each is signed well: what is refused is refused for its form.
#[test]
fn tokens_of_an_issuer_who_means_something_else_are_refused() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    let raw = |header: &str, payload: &str| {
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
        let signature = encode(&hs(hmac::HMAC_SHA256, SECRET)(signed.as_bytes()));
        format!("{signed}.{signature}")
    };
    let good = good().to_string();
    for crit in ["null", "[]", r#"["b64"]"#, r#""exp""#] {
        let header = format!(r#"{{"alg":"HS256","b64":false,"crit":{crit}}}"#);
        refused(&jwt, &raw(&header, &good), Reason::AuthInvalid, "extension");
    }
    for twice in [r#"{"alg":"none","alg":"HS256"}"#, r#"{"alg":"HS256","kid":"a","kid":"b"}"#] {
        refused(&jwt, &raw(twice, &good), Reason::AuthInvalid, "not a signed token");
    }
    let claims = |exp: &str, aud: &str| {
        format!(r#"{{"sub":"u1","exp":{exp},"iss":"https://id.example","aud":{aud}}}"#)
    };
    let header = r#"{"alg":"HS256"}"#;
    let table = [
        ("1e400", r#""shop""#, Reason::AuthInvalid, "not a signed token"),
        ("-1e308", r#""shop""#, Reason::AuthExpired, "expired"),
        ("null", r#""shop""#, Reason::AuthInvalid, "times"),
        ("9e9", r#"[["shop"]]"#, Reason::AuthInvalid, "not for this service"),
        ("9e9", r#"{"shop":"shop"}"#, Reason::AuthInvalid, "not for this service"),
        ("9e9", "[]", Reason::AuthInvalid, "not for this service"),
    ];
    for (exp, aud, reason, part) in table {
        refused(&jwt, &raw(header, &claims(exp, aud)), reason, part);
    }
    for exp in ["9e9", "1e308", "18446744073709551616"] {
        assert!(present(&jwt, &raw(header, &claims(exp, r#""shop""#))).is_ok(), "{exp}");
    }
    // Several spaces are as good as one.
    assert!(present(&jwt, &format!("  {}", hs256(&self::good()))).is_ok());
    refused(&jwt, &"a".repeat(100 << 10), Reason::AuthInvalid, "not a signed token");
}

#[test]
fn the_algorithm_is_the_configurations_choice() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    for none in ["none", "None", "NONE", "nOnE"] {
        for signature in ["", "e30"] {
            let token = sign(&json!({"alg": none}), &good(), |_| Vec::new());
            refused(&jwt, &format!("{token}{signature}"), Reason::AuthInvalid, "algorithm");
        }
    }
    // Signed by the right secret, in an algorithm that is not pinned.
    let hs512 = sign(&json!({"alg": "HS512"}), &good(), hs(hmac::HMAC_SHA512, SECRET));
    refused(&jwt, &hs512, Reason::AuthInvalid, "algorithm");
    // The name of one algorithm over the signature of another.
    let both = policy(&spec(secret(SECRET), &[Algorithm::HS256, Algorithm::HS512]));
    assert_eq!(present(&both, &hs512).as_deref(), Ok("u1"));
    let mislabelled = sign(&json!({"alg": "HS512"}), &good(), hs(hmac::HMAC_SHA256, SECRET));
    refused(&both, &mislabelled, Reason::AuthInvalid, "signature");
    let critical = json!({"alg": "HS256", "crit": ["exp"]});
    refused(&jwt, &sign(&critical, &good(), hs(hmac::HMAC_SHA256, SECRET)), Reason::AuthInvalid, "extension");
}

/// An RSA key pair and its public key as PEM.
fn rsa() -> (RsaKeyPair, String) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: encoding::PublicKeyX509Der<'_> = encoding::AsDer::as_der(pair.public_key()).unwrap();
    (pair, pem("PUBLIC KEY", der.as_ref()))
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = base64_simd::STANDARD.encode_to_string(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn by_rsa(pair: &RsaKeyPair, padding: &'static dyn RsaEncoding) -> impl Fn(&[u8]) -> Vec<u8> {
    move |message| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    let (pair, pem) = rsa();
    let jwt = policy(&spec(KeySource::Pem(pem.as_bytes().into()), &[Algorithm::RS256]));
    let honest = sign(&json!({"alg": "RS256"}), &good(), by_rsa(&pair, &signature::RSA_PKCS1_SHA256));
    assert_eq!(present(&jwt, &honest).as_deref(), Ok("u1"));
    // Everybody knows the public key; whoever takes it for an HMAC secret accepts this.
    let confused = sign(&json!({"alg": "HS256"}), &good(), hs(hmac::HMAC_SHA256, pem.as_bytes()));
    refused(&jwt, &confused, Reason::AuthInvalid, "algorithm");
    let der = encoding::AsDer::<encoding::PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    let confused = sign(&json!({"alg": "HS256"}), &good(), hs(hmac::HMAC_SHA256, der.as_ref()));
    refused(&jwt, &confused, Reason::AuthInvalid, "algorithm");
    // RSA's two paddings are two algorithms.
    let pss = sign(&json!({"alg": "PS256"}), &good(), by_rsa(&pair, &signature::RSA_PSS_SHA256));
    refused(&jwt, &pss, Reason::AuthInvalid, "algorithm");
    let mislabelled = sign(&json!({"alg": "RS256"}), &good(), by_rsa(&pair, &signature::RSA_PSS_SHA256));
    refused(&jwt, &mislabelled, Reason::AuthInvalid, "signature");
}

#[test]
fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
    type Signer<'a> = Box<dyn Fn(&[u8]) -> Vec<u8> + 'a>;
    let rng = SystemRandom::new();
    let (rsa, rsa_pem) = rsa();
    let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
        let pair = EcdsaKeyPair::generate(algorithm).unwrap();
        let der: encoding::PublicKeyX509Der<'_> = encoding::AsDer::as_der(pair.public_key()).unwrap();
        let pem = pem("PUBLIC KEY", der.as_ref());
        (pair, pem)
    };
    let (p256, p256_pem) = ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let (p384, p384_pem) = ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING);
    let ed = Ed25519KeyPair::generate().unwrap();
    // RFC 8410 section 4: the fixed beginning of an Ed25519 SubjectPublicKeyInfo.
    let mut ed_der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    ed_der.extend_from_slice(ed.public_key().as_ref());
    let ed_pem = pem("PUBLIC KEY", &ed_der);
    let ecdsa = |pair: &EcdsaKeyPair, message: &[u8]| pair.sign(&rng, message).unwrap().as_ref().to_vec();

    let table: Vec<(Algorithm, KeySource, Signer<'_>)> = vec![
        (Algorithm::HS256, secret(SECRET), Box::new(hs(hmac::HMAC_SHA256, SECRET))),
        (Algorithm::HS384, secret(SECRET), Box::new(hs(hmac::HMAC_SHA384, SECRET))),
        (Algorithm::HS512, secret(SECRET), Box::new(hs(hmac::HMAC_SHA512, SECRET))),
        (Algorithm::RS256, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PKCS1_SHA256))),
        (Algorithm::RS384, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PKCS1_SHA384))),
        (Algorithm::RS512, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PKCS1_SHA512))),
        (Algorithm::PS256, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PSS_SHA256))),
        (Algorithm::PS384, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PSS_SHA384))),
        (Algorithm::PS512, file(&rsa_pem), Box::new(by_rsa(&rsa, &signature::RSA_PSS_SHA512))),
        (Algorithm::ES256, file(&p256_pem), Box::new(|message| ecdsa(&p256, message))),
        (Algorithm::ES384, file(&p384_pem), Box::new(|message| ecdsa(&p384, message))),
        (Algorithm::EdDSA, file(&ed_pem), Box::new(|message| ed.sign(message).as_ref().to_vec())),
    ];
    for (verifies, keys, _) in &table {
        let jwt = policy(&spec(keys.clone(), &[*verifies]));
        for (signs, _, signer) in &table {
            let token = sign(&json!({"alg": verifies.name()}), &good(), signer);
            let accepted = present(&jwt, &token).is_ok();
            assert_eq!(accepted, signs == verifies, "a signature by {signs} given out as {verifies}");
        }
    }
}

fn file(pem: &str) -> KeySource {
    KeySource::Pem(pem.as_bytes().into())
}

/// The examples of RFC 7515 appendices A.1 and A.3 and of RFC 8037 appendix A: somebody else's tokens.
#[test]
fn the_examples_of_the_standards_verify() {
    let a1 = (
        json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}),
        Algorithm::HS256,
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
    let a3 = (
        json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
        Algorithm::ES256,
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    let ed = (
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        Algorithm::EdDSA,
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    for (jwk, algorithm, text) in [a1, a3, ed] {
        let set = json!({"keys": [jwk]}).to_string();
        let (keys, warnings) = KeySet::jwks(set.as_bytes(), &[algorithm]).unwrap();
        assert_eq!(warnings, []);
        let token = Token::parse(text).unwrap();
        assert_eq!(keys.judge(&token), Verdict::Genuine, "{algorithm}");
    }
}

/// A JWK for an HMAC secret of the right length, told apart by its first byte.
fn oct(kid: &str, first: u8) -> (Value, Vec<u8>) {
    let mut secret = SECRET.to_vec();
    secret[0] = first;
    (json!({"kty": "oct", "kid": kid, "k": encode(&secret)}), secret)
}

#[test]
fn a_key_set_is_asked_for_the_key_that_the_token_names() {
    let ((one, one_secret), (two, two_secret)) = (oct("one", 1), oct("two", 2));
    let (mut other_use, _) = oct("enc", 3);
    other_use["use"] = json!("enc");
    let (mut other_alg, other_secret) = oct("other", 4);
    other_alg["alg"] = json!("HS512");
    let set = json!({"keys": [one, two, other_use, other_alg, {"kty": "new kind"}, 7]}).to_string();
    let jwt = policy(&spec(KeySource::Jwks(set.as_bytes().into()), &[Algorithm::HS256]));
    let token = |kid: Option<&str>, secret: &[u8]| {
        let mut header = json!({"alg": "HS256"});
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        sign(&header, &good(), hs(hmac::HMAC_SHA256, secret))
    };
    assert_eq!(present(&jwt, &token(Some("one"), &one_secret)).as_deref(), Ok("u1"));
    assert_eq!(present(&jwt, &token(Some("two"), &two_secret)).as_deref(), Ok("u1"));
    assert_eq!(present(&jwt, &token(None, &two_secret)).as_deref(), Ok("u1"));
    refused(&jwt, &token(Some("one"), &two_secret), Reason::AuthInvalid, "signature");
    refused(&jwt, &token(Some("three"), &two_secret), Reason::AuthInvalid, "key that is not known");
    refused(&jwt, &token(Some("enc"), &one_secret), Reason::AuthInvalid, "key that is not known");
    refused(&jwt, &token(Some("other"), &other_secret), Reason::AuthInvalid, "key that is not known");
}

#[test]
fn tokens_that_name_no_key_cost_a_bounded_number_of_tries() {
    let keys: Vec<_> = (0..50).map(|n| oct(&n.to_string(), n).0).collect();
    let set = json!({ "keys": keys }).to_string();
    let jwt = policy(&spec(KeySource::Jwks(set.as_bytes().into()), &[Algorithm::HS256]));
    let by = |n| sign(&json!({"alg": "HS256"}), &good(), hs(hmac::HMAC_SHA256, &oct("", n).1));
    assert!(present(&jwt, &by(7)).is_ok());
    refused(&jwt, &by(8), Reason::AuthInvalid, "signature");
}

#[test]
fn requests_without_a_token_are_told_how() {
    let jwt = policy(&spec(secret(SECRET), &[Algorithm::HS256]));
    let refusal = |headers: &HeaderMap| jwt.identify_now(headers, NOW).unwrap().unwrap_err();
    for without in ["Basic dTpw", "Bearer", "Bearer ", "", "bearertoken"] {
        let refusal = refusal(&headers(without));
        assert_eq!((refusal.reason(), refusal.status().as_u16()), (Reason::AuthMissing, 401), "{without}");
        assert_eq!(refusal.headers()["www-authenticate"], "Bearer realm=\"shop\"");
    }
    assert_eq!(refusal(&HeaderMap::new()).reason(), Reason::AuthMissing);

    let bad = refusal(&headers("Bearer x"));
    assert_eq!((bad.reason(), bad.status().as_u16()), (Reason::AuthInvalid, 403));
    let challenge = bad.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"shop\", error=\"invalid_token\""), "{challenge}");

    let good = format!("bEaReR {}", hs256(&good()));
    assert!(jwt.identify_now(&headers(&good), NOW).unwrap().is_ok());
    let mut twice = headers(&good);
    twice.append(AUTHORIZATION, HeaderValue::from_str(&good).unwrap());
    assert_eq!(refusal(&twice).reason(), Reason::AuthInvalid);
}

/// A key of 1024 bits.
const WEAK_RSA: &str = include_str!("../../../tests/config/files/keys/weak-rsa.pem");

#[test]
fn declarations_with_mistakes_are_refused_with_all_of_them() {
    let problems = |spec: &JwtSpec| -> Vec<Problem> {
        JwtPlan::compile("shop", spec).unwrap_err().into_iter().map(|finding| finding.problem).collect()
    };
    let (_, pem) = rsa();
    let set = json!({"keys": [oct("a", 1).0]}).to_string();
    let jwks = || KeySource::Jwks(set.as_bytes().into());
    let table = [
        (spec(secret(SECRET), &[]), vec![Problem::NoAlgorithm]),
        (spec(secret(SECRET), &[Algorithm::HS256, Algorithm::RS256]), vec![Problem::MixedAlgorithms]),
        (spec(file(&pem), &[Algorithm::RS256, Algorithm::HS256]), vec![Problem::MixedAlgorithms]),
        (
            spec(secret(SECRET), &[Algorithm::RS256]),
            vec![Problem::KeyMismatch { algorithm: "RS256", key: "a secret" }],
        ),
        (spec(secret(b""), &[Algorithm::HS256]), vec![Problem::SecretEmpty]),
        (spec(secret(b"secret"), &[Algorithm::HS256]), vec![Problem::SecretWeak { bytes: 6 }]),
        (
            spec(file(&pem), &[Algorithm::ES256]),
            vec![Problem::KeyKind { algorithm: "ES256", family: "a key on P-256" }],
        ),
        (
            spec(jwks(), &[Algorithm::RS256]),
            vec![Problem::JwksUseless {
                algorithms: "RS256".into(),
                left_out: vec![("a".into(), "its `kty` is \"oct\", which `algorithms` does not use".into())],
            }],
        ),
        (
            spec(KeySource::JwksUrl("http://id.example/".into()), &[Algorithm::RS256]),
            vec![Problem::JwksInsecure("http://id.example/".into())],
        ),
        (
            spec(file(WEAK_RSA), &[Algorithm::RS256, Algorithm::PS512]),
            vec![Problem::RsaTooSmall(1024), Problem::RsaTooSmall(1024)],
        ),
    ];
    for (spec, expected) in table {
        assert_eq!(problems(&spec), expected, "{spec:?}");
    }
    let unreadable = problems(&spec(file("no key"), &[Algorithm::RS256]));
    assert!(matches!(&unreadable[..], [Problem::KeyUnreadable(_)]), "{unreadable:?}");
    let unreadable = problems(&spec(KeySource::Jwks(b"{"[..].into()), &[Algorithm::RS256]));
    assert!(matches!(&unreadable[..], [Problem::JwksUnreadable(_)]), "{unreadable:?}");

    let forward = |names: &[&'static str]| JwtSpec {
        forward: names
            .iter()
            .map(|n| (ClaimName::parse("sub").unwrap(), HeaderName::from_static(n)))
            .collect(),
        ..spec(secret(SECRET), &[Algorithm::HS256])
    };
    assert_eq!(problems(&forward(&["x-a", "x-a"])), [Problem::HeaderTwice("x-a".into())]);
    assert_eq!(problems(&forward(&["grpc-status"])), [Problem::HeaderReserved("grpc-status".into())]);
}

/// A point on P-256 (RFC 7515 appendix A.3.1).
const EC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const EC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

#[test]
fn weak_declarations_are_warned_of() {
    let warnings = |spec: &JwtSpec| -> Vec<Problem> {
        let (_, warnings) = JwtPlan::compile("shop", spec).unwrap();
        warnings.into_iter().map(|finding| finding.problem).collect()
    };
    let short = spec(secret(&SECRET[..40]), &[Algorithm::HS256, Algorithm::HS512]);
    assert_eq!(warnings(&short), [Problem::SecretShort { bytes: 40, algorithm: "HS512", wanted: 64 }]);
    let fetched = spec(KeySource::JwksUrl("https://id.example/keys".into()), &[Algorithm::HS256]);
    assert_eq!(warnings(&fetched), [Problem::JwksSecrets("HS256".into())]);
    let open = JwtSpec { audiences: Vec::new(), ..spec(secret(SECRET), &[Algorithm::HS256]) };
    assert_eq!(warnings(&open), [Problem::AudienceUnchecked]);
    let short_key = json!({"kty": "oct", "kid": "short", "k": "AAAA"});
    let set = json!({"keys": [oct("a", 1).0, short_key]}).to_string();
    let skipped = warnings(&spec(KeySource::Jwks(set.as_bytes().into()), &[Algorithm::HS256]));
    assert!(matches!(&skipped[..], [Problem::JwksKeySkipped { key, .. }] if key == "short"), "{skipped:?}");
    // One bit less than what is verified with, in as many bytes.
    let n = [0x7f; 256];
    let almost = json!({"kty": "RSA", "kid": "almost", "n": encode(&n), "e": "AQAB"});
    let good = json!({"kty": "EC", "crv": "P-256", "kid": "ec", "x": EC_X, "y": EC_Y});
    let set = json!({"keys": [almost, good]}).to_string();
    let both = [Algorithm::RS256, Algorithm::ES256];
    let skipped = warnings(&spec(KeySource::Jwks(set.as_bytes().into()), &both));
    let why = "the RSA key has 2047 bits, fewer than 2048";
    assert_eq!(skipped, [Problem::JwksKeySkipped { key: "almost".into(), why: why.into() }]);
}

#[test]
fn a_set_without_a_usable_key_says_why_for_each() {
    let n = encode(&[0xff; 256]);
    let rsa = |over: Value| {
        let mut key = json!({"kty": "RSA", "kid": "p", "n": n, "e": "AQAB"});
        key.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        key
    };
    for (key, why) in [
        (rsa(json!({"n": "!"})), "`n` is not base64url"),
        (rsa(json!({"n": format!("{n}=")})), "`n` is not base64url"),
        (rsa(json!({"n": "AA===="})), "`n` is not base64url"),
        (rsa(json!({"n": null})), "it has no `n`"),
        (rsa(json!({"n": 7})), "its `n` is not a string"),
        (rsa(json!({"n": encode(&[0xff; 128])})), "the RSA key has 1024 bits, fewer than 2048"),
        (rsa(json!({"e": ""})), "`n` and `e` make no RSA key"),
        (rsa(json!({"e": "?"})), "`e` is not base64url"),
        (rsa(json!({"use": "enc"})), "its `use` is \"enc\", not \"sig\""),
        (rsa(json!({"use": ""})), "its `use` is \"\", not \"sig\""),
        (rsa(json!({"key_ops": ["sign"]})), "its `key_ops` has no \"verify\""),
        (rsa(json!({"key_ops": "verify"})), "its `key_ops` is not a list"),
        (rsa(json!({"alg": "PS256"})), "its `alg` is \"PS256\", which `algorithms` does not list"),
        (rsa(json!({"kty": "EC"})), "its `kty` is \"EC\", which `algorithms` does not use"),
        (rsa(json!({"kty": null})), "it has no `kty`"),
        (
            json!({"kty": "EC", "kid": "p", "crv": "P-256"}),
            "its `kty` is \"EC\" with `crv` \"P-256\", which `algorithms` does not use",
        ),
    ] {
        let set = json!({"keys": [key]}).to_string();
        let problem = KeySet::jwks(set.as_bytes(), &[Algorithm::RS256]).unwrap_err();
        assert_eq!(problem.to_string(), "the key set has no key that fits RS256");
        assert_eq!(problem.notes(), [format!("key `p` of the set is left out: {why}")]);
    }
    let many = json!({"keys": vec![json!(7); 20]}).to_string();
    let notes = KeySet::jwks(many.as_bytes(), &[Algorithm::RS256]).unwrap_err().notes();
    assert_eq!(notes.first().unwrap(), "key `0` of the set is left out: it is not an object");
    assert_eq!((notes.len(), notes.last().unwrap().as_str()), (9, "12 more keys are left out"));
}

#[test]
fn numbers_in_other_forms_of_base64_are_read_with_a_warning() {
    // The bytes have digits of both alphabets, and a length that is padded.
    let mut number = vec![0xfb; 256];
    number[255] = 0xff;
    let (strict, standard) = (encode(&number), base64_simd::STANDARD.encode_to_string(&number));
    assert!(standard.contains(['+', '/']) && standard.ends_with('='));
    let broken = format!("{}\r\n{}", &strict[..64], &strict[64..]);
    let modulus = |n: &str| {
        let key = json!({"kty": "RSA", "kid": "p", "n": n, "e": "AQAB"});
        let set = json!({"keys": [key]}).to_string();
        let bom = ["\u{feff}", &set].concat();
        let (keys, findings) = KeySet::jwks(bom.as_bytes(), &[Algorithm::RS256]).unwrap();
        assert_eq!(keys.len(), 1);
        findings.into_iter().map(|finding| finding.problem).collect::<Vec<_>>()
    };
    for (n, what) in [
        (&strict, None),
        (&format!("{strict}=="), Some("`n` is padded")),
        (&standard, Some("`n` is in standard base64")),
        (&broken, Some("`n` has blanks or line breaks")),
    ] {
        let expected = what.map(|why| Problem::JwksKeyLenient { key: "p".into(), why: why.into() });
        assert_eq!(modulus(n), expected.into_iter().collect::<Vec<_>>(), "{n}");
    }
}

#[test]
fn secrets_stay_out_of_what_is_printed() {
    let spec = spec(secret(SECRET), &[Algorithm::HS256]);
    let printed = format!("{spec:?} {:?}", policy(&spec));
    let secret = std::str::from_utf8(SECRET).unwrap();
    assert!(
        !printed.contains("honest") && !printed.contains(&format!("{:?}", secret.as_bytes())),
        "{printed}"
    );
}
