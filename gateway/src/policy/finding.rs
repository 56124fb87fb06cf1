//! What can be wrong with the declaration of a policy: a closed list, each with what to do about it.

use std::borrow::Cow;

use thiserror::Error;

use super::rate_limit::Rate;

/// Something wrong with a spec, found while it was compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key at fault within the policy, as the file writes it: `algorithms`, `forward`, `rate`.
    pub key: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Finding {
    pub(super) const fn new(key: &'static str, problem: Problem) -> Self {
        Self { key, problem }
    }

    /// Whether the policy cannot work like this; the others are warnings.
    pub const fn is_error(&self) -> bool {
        self.problem.is_error()
    }
}

/// What is wrong with a declared value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant's message is its documentation")]
pub enum Problem {
    // JWT
    #[error("no algorithm is pinned")]
    NoAlgorithm,
    #[error("`{0}` is not an algorithm of signed tokens")]
    UnknownAlgorithm(String),
    #[error("`none` is not an algorithm: a token without a signature proves nothing")]
    AlgorithmNone,
    #[error("HMAC and public-key algorithms stand in one list")]
    MixedAlgorithms,
    #[error("{algorithm} does not go with {key}")]
    KeyMismatch { algorithm: &'static str, key: &'static str },
    #[error("the secret is empty")]
    SecretEmpty,
    #[error("the secret has {bytes} byte{}: whoever holds one token can guess it", if *bytes == 1 { "" } else { "s" })]
    SecretWeak { bytes: usize },
    #[error("the secret has {bytes} bytes, {algorithm} asks for {wanted} (RFC 7518 section 3.2)")]
    SecretShort { bytes: usize, algorithm: &'static str, wanted: usize },
    #[error("the key cannot be read: {0}")]
    KeyUnreadable(String),
    #[error("the key is not {family}, which {algorithm} needs")]
    KeyKind { algorithm: &'static str, family: &'static str },
    #[error("the RSA key has {0} bits, fewer than 2048")]
    RsaTooSmall(usize),
    #[error("the RSA key has {0} bits, more than 8192")]
    RsaTooLarge(usize),
    #[error("the key set cannot be read: {0}")]
    JwksUnreadable(String),
    #[error("the key set has no key that fits {algorithms}")]
    JwksUseless { algorithms: String, left_out: Vec<(String, String)> },
    #[error("key `{key}` of the set is left out: {why}")]
    JwksKeySkipped { key: String, why: String },
    #[error("key `{key}` of the set is not written as RFC 7518 requires: {why}")]
    JwksKeyLenient { key: String, why: String },
    #[error("`{0}` is not a URL of a key set")]
    JwksUrl(String),
    #[error("{0} goes with a secret, and a key set that is fetched rarely has any")]
    JwksSecrets(String),
    #[error("`{0}` is fetched in the clear, so anybody on the way can replace the keys")]
    JwksInsecure(String),
    #[error("no audience is asked for: tokens issued for other services are accepted too")]
    AudienceUnchecked,
    #[error("`{0}` cannot name a claim")]
    ClaimName(String),
    // API keys
    #[error("cannot read `{0}`: not UTF-8 text")]
    KeysUnreadable(String),
    #[error("there is no key")]
    NoApiKeys,
    #[error("the key of `{0}` is not the hex form of a SHA-256 hash")]
    ApiKeyHash(String),
    #[error("`{first}` and `{second}` have the same key")]
    ApiKeyTwice { first: String, second: String },
    #[error("`{0}` has the same key twice")]
    ApiKeyRepeated(String),
    #[error("{0:?} cannot go upstream as metadata")]
    ClientName(String),
    // sources
    #[error("`{0}` does not say where the value comes from")]
    Source(String),
    #[error("claim `{0}` is asked for, but the route has no JWT authentication")]
    ClaimWithoutJwt(String),
    #[error("scopes are asked for, but the route has no JWT authentication")]
    ScopesWithoutJwt,
    #[error("`{0}` is not a scope")]
    Scope(String),
    // limits
    #[error("`{0}` is not a rate")]
    Rate(String),
    #[error("the rate is zero")]
    RateZero,
    #[error("the burst is zero: nothing would ever pass")]
    BurstZero,
    #[error("`{0}` is not a key to count by")]
    LimitKey(String),
    #[error("the descriptor is empty")]
    DescriptorEmpty,
    #[error("the timeout is zero")]
    TimeoutZero,
    // headers
    #[error("`{0}` is not a header name")]
    HeaderName(String),
    #[error("the value of `{0}` is not a header value")]
    HeaderValue(String),
    #[error("`{0}` is the gateway's own, or belongs to the protocol")]
    HeaderReserved(String),
    #[error("`{0}` is not a header pattern")]
    HeaderPattern(String),
    #[error("`{0}` does not rename headers")]
    HeaderRename(String),
    #[error("two claims go upstream as `{0}`")]
    HeaderTwice(String),
    // CORS
    #[error("no origin is allowed")]
    NoOrigin,
    #[error("`{0}` is not an origin")]
    Origin(String),
    #[error("`{0}` is not a method")]
    Method(String),
    #[error("credentials with any origin: every page on the web could act as the user")]
    CredentialsForAll,
}

/// The most keys whose reasons are listed.
const MAX_REASONS: usize = 8;

/// How a rate is written.
const RATE_HELP: &str = "write a number per s, min, h or day: `100/s`, `600/min`";

impl Problem {
    /// Whether the policy cannot work like this; the others are warnings.
    pub const fn is_error(&self) -> bool {
        !matches!(
            self,
            Self::SecretShort { .. }
                | Self::AudienceUnchecked
                | Self::JwksKeySkipped { .. }
                | Self::JwksKeyLenient { .. }
                | Self::JwksSecrets(_)
        )
    }

    /// What explains the message: of a key set without a usable key, why each key is left out.
    pub fn notes(&self) -> Vec<String> {
        let Self::JwksUseless { left_out, .. } = self else { return Vec::new() };
        let reasons = left_out.iter().take(MAX_REASONS);
        let mut notes: Vec<String> =
            reasons.map(|(key, why)| format!("key `{key}` of the set is left out: {why}")).collect();
        if let more @ 1.. = left_out.len().saturating_sub(MAX_REASONS) {
            notes.push(format!("{more} more keys are left out"));
        }
        notes
    }

    /// What to do about it.
    pub fn help(&self) -> Cow<'static, str> {
        let help = match self {
            Self::NoAlgorithm | Self::UnknownAlgorithm(_) | Self::AlgorithmNone => {
                "list what the issuer signs with: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, \
                 ES384 or EdDSA"
            }
            Self::MixedAlgorithms => {
                "a public key must never be taken for a secret: make two `auth` entries, one for each kind"
            }
            Self::KeyMismatch { .. } => {
                "`secret` goes with HS*, `key` with RS*, PS*, ES* and EdDSA, `jwks` with what its keys are for"
            }
            Self::SecretEmpty | Self::SecretWeak { .. } | Self::SecretShort { .. } => {
                "make one with `openssl rand -base64 48`, and give it by the environment"
            }
            Self::KeyUnreadable(_) => "give a public key as PEM, as `openssl pkey -pubout` writes it",
            Self::KeyKind { .. } => {
                "list what the issuer signs with: RS* and PS* go with an RSA key, ES256 with one on P-256, ES384 on \
                 P-384, EdDSA with an Ed25519 key"
            }
            Self::RsaTooSmall(_) => "let the issuer sign with a key of 2048 bits or more",
            Self::RsaTooLarge(_) => "let the issuer sign with a key of 8192 bits or fewer",
            Self::JwksUnreadable(_) => "a key set is JSON: {\"keys\": [...]} (RFC 7517)",
            Self::JwksUseless { .. } => "compare `kty`, `alg` and `use` of its keys with `algorithms`",
            Self::JwksKeySkipped { .. } => "tokens signed by this key will be refused",
            Self::JwksKeyLenient { .. } => {
                "the key is used; have the issuer write base64url without padding, for other verifiers reject it"
            }
            Self::JwksSecrets(_) => {
                "list what the issuer signs with, as RS256 or ES256, or give what it shares as `secret`"
            }
            Self::JwksUrl(_) | Self::JwksInsecure(_) => {
                "give an https URL with a host, and a port from 1 to 65535 if any; http is for loopback addresses only"
            }
            Self::AudienceUnchecked => "name this service in `audience`",
            Self::ClaimName(_) => "write a claim, as `sub`, or a path into one, as `realm_access.roles`",
            Self::KeysUnreadable(_) | Self::NoApiKeys => "write `name: hash` for each client",
            Self::ApiKeyHash(_) => "write 64 hex digits: `printf %s KEY | sha256sum`",
            Self::ApiKeyRepeated(_) => "remove one of them",
            Self::ApiKeyTwice { .. } => "give each client a key of its own",
            Self::ClientName(_) => "use printable ASCII, without blanks around it",
            Self::Source(_) => "write `jwt:CLAIM`, `header:NAME`, `const:VALUE` or `request:id`",
            Self::ClaimWithoutJwt(_) | Self::ScopesWithoutJwt => "give the route `auth: {jwt: NAME}`",
            Self::Scope(_) => "a scope is printable ASCII without spaces and quotes (RFC 6749 section 3.3)",
            Self::Rate(text) => match Rate::meant(text) {
                Some(meant) => return Cow::Owned(format!("write `{meant}`")),
                None => RATE_HELP,
            },
            Self::RateZero => RATE_HELP,
            Self::BurstZero => "write how many may come at once, at least 1",
            Self::LimitKey(_) => "write `ip`, `route`, `header:NAME` or `jwt:CLAIM`",
            Self::DescriptorEmpty => "write at least one entry: `descriptor: {plan: jwt:plan}`",
            Self::TimeoutZero => "write how long an answer may take, as `200ms`",
            Self::HeaderName(_) => "a name is letters, digits and -",
            Self::HeaderValue(_) => {
                "a value is printable ASCII on one line, without blanks around it; under a name in `-bin`, base64"
            }
            Self::HeaderReserved(_) => {
                "hop-by-hop headers, `host`, `content-*`, `grpc-*`, `x-request-id` and `x-forwarded-*` are taken care of"
            }
            Self::HeaderPattern(_) => "write a name, a prefix with * at its end, or * for all",
            Self::HeaderRename(_) => {
                "write two names, as `x-tenant: tenant`, or two prefixes, as `grpc-metadata-*: \"*\"`"
            }
            Self::HeaderTwice(_) => "give each claim a name of its own",
            Self::NoOrigin => "list the origins of the pages that may call, or `*`",
            Self::Origin(_) => {
                "write `https://shop.example`, `https://*.shop.example` or `*`, without a path"
            }
            Self::Method(_) => "write it in capitals, as GET",
            Self::CredentialsForAll => "list the origins",
        };
        Cow::Borrowed(help)
    }
}
