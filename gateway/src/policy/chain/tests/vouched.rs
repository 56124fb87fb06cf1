//! A name that a policy sets is never the client's, in whatever spelling and whichever policy sets it.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::Way;
use crate::policy::envoy::HeaderPair;
use crate::policy::envoy::auth::{AppendAction, HeaderOption, OkResponse};
use crate::policy::external::changes;
use crate::policy::headers::{HeaderPattern, fold};
use crate::policy::rate_limit_service::Passed;

/// What is the client's own; no policy of this test sets such a value.
const CLIENT: &str = "client";

/// Which policy names the header.
#[derive(Debug, Clone)]
enum Source {
    /// A claim, which the token may lack.
    Claim {
        present: bool,
    },
    ApiClient,
    ApiKey,
    /// The authorization service sets it.
    External {
        append: Option<bool>,
        action: AppendAction,
        value: &'static str,
    },
    /// The authorization service removes it.
    ExternalRemoves,
    /// The authorization service could set it, and did not.
    ExternalListed,
    /// Another route's authorization vouches for it.
    OtherRoute,
    RateLimit,
    Rule,
    RuleRemoves,
    /// The gateway sets it, or HTTP and gRPC do.
    Reserved,
}

fn source() -> impl Strategy<Value = Source> {
    let actions = vec![
        AppendAction::AppendIfExistsOrAdd,
        AppendAction::AddIfAbsent,
        AppendAction::OverwriteIfExistsOrAdd,
        AppendAction::OverwriteIfExists,
    ];
    let values = vec!["alice", "José", "a\r\nb", "", "100%"];
    let external = (proptest::option::of(any::<bool>()), select(actions), select(values));
    prop_oneof![
        any::<bool>().prop_map(|present| Source::Claim { present }),
        Just(Source::ApiClient),
        Just(Source::ApiKey),
        external.prop_map(|(append, action, value)| Source::External { append, action, value }),
        Just(Source::ExternalRemoves),
        Just(Source::ExternalListed),
        Just(Source::OtherRoute),
        Just(Source::RateLimit),
        Just(Source::Rule),
        Just(Source::RuleRemoves),
        Just(Source::Reserved),
    ]
}

/// The name as the policy writes it.
fn name(source: &Source) -> BoxedStrategy<&'static str> {
    match source {
        Source::ApiClient => Just("x-api-client").boxed(),
        Source::ApiKey => Just("x-api-key").boxed(),
        Source::Reserved => select(vec![
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "x-forwarded-client-cert",
            "x-request-id",
            "x-http-code",
            "grpc-timeout",
            "grpc-encoding",
            "content-type",
            "host",
            "proxy-authorization",
        ])
        .boxed(),
        _ => select(vec!["x-user-id", "x_team", "x-a", "x-1-b_c", "remote-user", "X-Role"]).boxed(),
    }
}

/// Other ways to write a name.
fn spelled(name: &'static str) -> impl Strategy<Value = String> {
    let letter = |letter: char| -> BoxedStrategy<char> {
        match letter {
            '-' | '_' => select(vec!['-', '_', '.', '~']).boxed(),
            letter => select(vec![letter.to_ascii_lowercase(), letter.to_ascii_uppercase()]).boxed(),
        }
    };
    name.chars().map(letter).collect::<Vec<_>>().prop_map(|letters| letters.into_iter().collect())
}

fn external(name: &str, headers: &[&str]) -> Option<Arc<Auth>> {
    let spec = ExternalSpec {
        upstream: "authz".into(),
        timeout: Duration::from_secs(1),
        on_failure: OnFailure::Deny,
        headers: headers.iter().map(|name| name.parse().unwrap()).collect(),
        encoding: Encoding::None,
    };
    Some(Arc::new(Auth::compile(name, &AuthSpec::External(spec)).unwrap().0))
}

/// The chain of a route on which this policy names the header. An authorization service stands outside of it: what it
/// answers is given by [`effects`].
fn spec(source: &Source, name: &'static str) -> ChainSpec {
    let header: HeaderName = name.parse().unwrap();
    let mut spec = ChainSpec::default();
    match source {
        Source::Claim { .. } => {
            let claims = [("team", Box::leak(header.to_string().into_boxed_str()) as &'static str)];
            spec.auth = Some(jwt(&claims));
        }
        Source::ApiClient | Source::ApiKey => {
            let keys = vec![("acme".into(), KEY_HASH.into())];
            let header = HeaderName::from_static("x-api-key");
            let keys = ApiKeySpec { header, keys, refused: StatusCode::FORBIDDEN };
            spec.auth = Some(Arc::new(Auth::compile("partners", &AuthSpec::ApiKey(keys)).unwrap().0));
        }
        Source::OtherRoute => spec.vouched = external("internal", &[name]).unwrap().vouched().into(),
        Source::Rule => spec.headers.request.set(Way::Request, name, "rule").unwrap(),
        Source::RuleRemoves => spec.headers.request.remove(Way::Request, name).unwrap(),
        Source::External { .. } | Source::ExternalRemoves | Source::RateLimit | Source::Reserved => {}
        Source::ExternalListed => spec.vouched = [header].into(),
    }
    spec
}

/// The hash of a key that this test never presents.
const KEY_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What the policy does to a request; nothing if it refuses it.
fn effects(source: &Source, name: &'static str, client: &HeaderMap) -> Option<Admitted> {
    let header: HeaderName = name.parse().unwrap();
    let mut admitted = Admitted::default();
    match source {
        Source::Claim { present } => {
            if *present {
                admitted.vouch(header, HeaderValue::from_static("t1"));
            }
        }
        Source::ApiClient | Source::ApiKey => {
            admitted.vouch(crate::policy::X_API_CLIENT, HeaderValue::from_static("acme"));
        }
        Source::External { append, action, value } => {
            let pair = HeaderPair { key: name.into(), value: (*value).into(), raw_value: Vec::new() };
            let option =
                HeaderOption { header: Some(pair), append: *append, append_action: (*action).into() };
            let ok = OkResponse { headers: vec![option], ..OkResponse::default() };
            admitted.take_changes(changes(&ok, client, Encoding::None).ok()?);
        }
        Source::ExternalRemoves => {
            let ok = OkResponse { headers_to_remove: vec![name.into()], ..OkResponse::default() };
            admitted.take_changes(changes(&ok, client, Encoding::None).ok()?);
        }
        Source::RateLimit => {
            let metadata = vec![(header, HeaderValue::from_static("gold"))];
            admitted.take_passed(Passed { metadata, ..Passed::default() });
        }
        Source::ExternalListed
        | Source::OtherRoute
        | Source::Rule
        | Source::RuleRemoves
        | Source::Reserved => {}
    }
    Some(admitted)
}

/// The header rules of the route.
fn forward(text: &str, spelled: &str) -> Option<Vec<HeaderPattern>> {
    match text {
        "default" => None,
        // A pattern for a reserved name is refused at load.
        "name" => Some(HeaderPattern::parse(spelled).into_iter().collect()),
        pattern => Some(vec![HeaderPattern::parse(pattern).unwrap()]),
    }
}

proptest! {
    #[test]
    fn a_vouched_name_is_never_the_clients(
        (source, name, sent) in source().prop_flat_map(|source| {
            let names = name(&source);
            (Just(source), names)
        }).prop_flat_map(|(source, name)| {
            (Just(source), Just(name), proptest::collection::vec(spelled(name), 1..4))
        }),
        rules in select(vec!["default", "*", "x*", "name"]),
    ) {
        let mut client = HeaderMap::new();
        client.insert("x-other", HeaderValue::from_static(CLIENT));
        for name in &sent {
            client.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(CLIENT));
        }
        let mut spec = spec(&source, name);
        spec.headers.forward = forward(rules, &sent[0]);
        let forwards_others = rules != "name";
        let chain = bind(&spec);
        if let Some(admitted) = effects(&source, name, &client) {
            let mut metadata = HeaderMap::new();
            for (name, value) in client.iter().filter(|(name, _)| chain.forward().passes(name)) {
                metadata.append(name, value.clone());
            }
            chain.write_metadata(&admitted, &mut metadata);
            let vouched: HeaderName = name.parse().unwrap();
            for (name, value) in &metadata {
                prop_assert!(fold(name) != fold(&vouched) || value != CLIENT, "{name}: {value:?}");
            }
            prop_assert_eq!(metadata.contains_key("x-other"), forwards_others);
        }
    }
}
