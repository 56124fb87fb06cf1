//! What browsers are told, origin by origin.

use http::header::ALLOW;

use super::*;

fn spec(origins: &[&str]) -> CorsSpec {
    CorsSpec {
        origins: origins.iter().map(|text| OriginPattern::parse(text).unwrap()).collect(),
        methods: vec![Method::GET, Method::POST],
        headers: AllowedHeaders::List(vec![HeaderName::from_static("authorization")]),
        expose: vec![HeaderName::from_static("x-request-id")],
        max_age: Some(Duration::from_secs(600)),
        credentials: false,
    }
}

fn request(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
    pairs.iter().map(pair).collect()
}

fn told(headers: &HeaderMap) -> Vec<String> {
    let mut all: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    all.sort();
    all
}

#[test]
fn origins_match_exactly_or_below_a_domain() {
    let cors =
        Cors::compile(&spec(&["https://shop.example", "https://*.shop.example", "http://localhost:5173"]))
            .unwrap();
    let allowed = |origin: &str| cors.allow_origin(&request(&[("origin", origin)])).is_some();
    for good in [
        "https://shop.example",
        "https://a.shop.example",
        "https://a.b.shop.example",
        "http://localhost:5173",
    ] {
        assert!(allowed(good), "{good}");
    }
    for bad in [
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://.shop.example",
        "https://evil.example/.shop.example",
        "https://evil.example#.shop.example",
        "https://u@x.shop.example",
        "http://a.shop.example",
        "http://localhost",
        "null",
        "",
    ] {
        assert!(!allowed(bad), "{bad}");
    }
}

#[test]
fn preflights_are_answered_in_full() {
    let cors = Cors::compile(&spec(&["https://shop.example"])).unwrap();
    let headers = request(&[
        ("origin", "https://shop.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,x-other"),
    ]);
    assert!(Cors::is_preflight(&Method::OPTIONS, &headers));
    assert_eq!(
        told(&cors.preflight(&headers, "GET, HEAD")),
        [
            "access-control-allow-headers: authorization",
            "access-control-allow-methods: GET, POST",
            "access-control-allow-origin: https://shop.example",
            "access-control-max-age: 600",
            "vary: origin, access-control-request-method, access-control-request-headers",
        ]
    );
    let mut other = headers;
    other.insert(ORIGIN, HeaderValue::from_static("https://evil.example"));
    assert_eq!(
        told(&cors.preflight(&other, "GET")),
        ["vary: origin, access-control-request-method, access-control-request-headers"]
    );
}

#[test]
fn a_preflight_is_an_options_that_says_so() {
    let origin = ("origin", "https://shop.example");
    let method = ("access-control-request-method", "GET");
    assert!(!Cors::is_preflight(&Method::OPTIONS, &request(&[origin])));
    assert!(!Cors::is_preflight(&Method::OPTIONS, &request(&[method])));
    assert!(!Cors::is_preflight(&Method::GET, &request(&[origin, method])));
}

#[test]
fn what_is_not_listed_is_taken_from_the_route_and_the_request() {
    let spec = CorsSpec { methods: vec![], headers: AllowedHeaders::Any, max_age: None, ..spec(&["*"]) };
    let cors = Cors::compile(&spec).unwrap();
    let headers = request(&[
        ("origin", "https://any.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "authorization, x-y"),
    ]);
    assert_eq!(
        told(&cors.preflight(&headers, "GET, PUT")),
        [
            "access-control-allow-headers: authorization, x-y",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: *",
            "vary: origin, access-control-request-method, access-control-request-headers",
        ]
    );
}

#[test]
fn answers_are_marked_for_their_origin_and_for_caches() {
    let apply = |cors: &Cors, origin: Option<&str>| {
        let request = origin.map_or_else(HeaderMap::new, |origin| request(&[("origin", origin)]));
        let mut response = request_with_vary();
        cors.apply(&request, &mut response);
        told(&response)
    };
    let listed = Cors::compile(&spec(&["https://shop.example"])).unwrap();
    assert_eq!(
        apply(&listed, Some("https://shop.example")),
        [
            "access-control-allow-origin: https://shop.example",
            "access-control-expose-headers: x-request-id",
            "allow: GET",
            "vary: accept-encoding",
            "vary: origin",
        ]
    );
    let unmarked = ["allow: GET", "vary: accept-encoding", "vary: origin"];
    assert_eq!(apply(&listed, Some("https://evil.example")), unmarked);
    assert_eq!(apply(&listed, None), unmarked);

    let any = Cors::compile(&CorsSpec { expose: vec![], ..spec(&["*"]) }).unwrap();
    assert_eq!(
        apply(&any, Some("https://evil.example")),
        ["access-control-allow-origin: *", "allow: GET", "vary: accept-encoding"]
    );
    let with_cookies =
        Cors::compile(&CorsSpec { credentials: true, expose: vec![], ..spec(&["https://a.example"]) });
    assert!(
        apply(&with_cookies.unwrap(), Some("https://a.example"))
            .contains(&"access-control-allow-credentials: true".to_owned())
    );
}

fn request_with_vary() -> HeaderMap {
    HeaderMap::from_iter([
        (VARY, HeaderValue::from_static("accept-encoding")),
        (ALLOW, HeaderValue::from_static("GET")),
    ])
}

#[test]
fn declarations_with_mistakes() {
    let problems = |spec: &CorsSpec| -> Vec<Problem> {
        Cors::compile(spec).unwrap_err().into_iter().map(|finding| finding.problem).collect()
    };
    assert_eq!(problems(&spec(&[])), [Problem::NoOrigin]);
    assert_eq!(
        problems(&CorsSpec { credentials: true, ..spec(&["*", "https://a.example"]) }),
        [Problem::CredentialsForAll]
    );
    for bad in [
        "shop.example",
        "https://",
        "https://shop.example/",
        "https://shop.example/path",
        "https://shop.example?x",
        "https://a.*.example",
        "https://*shop.example",
        "https://u@shop.example",
        "null",
        "",
    ] {
        assert_eq!(OriginPattern::parse(bad), Err(Problem::Origin(bad.into())), "{bad}");
    }
}
