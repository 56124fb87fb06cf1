//! Which route takes a request, and what its variables capture: one row each, with the reason.
//!
//! The first half are the vectors that Envoy's path matcher is held to, as far as they are not decided otherwise
//! here; the second half are mistakes that gateways have made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use http_rule::{Lookup, Table, TableBuilder, Template};

/// Routes, one a line: the method (GET if there is none) and the template.
fn table(routes: &[&str]) -> Table<String> {
    let mut builder = TableBuilder::new();
    for route in routes {
        let (method, template) = route.split_once(' ').unwrap_or(("GET", route));
        let template = Template::parse(template).unwrap_or_else(|error| panic!("{error}"));
        builder.insert(method.into(), template, (*route).to_owned());
    }
    builder.build().0
}

/// The answer on one line: the route and its captures, the allowed methods, `none`, or the refusal.
fn answer(table: &Table<String>, request: &str) -> String {
    let (method, path) = request.split_once(' ').unwrap_or(("GET", request));
    match table.lookup(method, path) {
        Ok(Lookup::Found(found)) => {
            let template = &table.route(found.route).unwrap().template;
            let mut line = found.value.clone();
            assert_eq!(found.captures.len(), template.variables().len());
            for (variable, value) in template.variables().iter().zip(found.captures.iter()) {
                line += &format!(" {}={value:?}", variable.field_path);
            }
            line
        }
        Ok(Lookup::MethodNotAllowed(allowed)) => format!("405 {allowed}"),
        Ok(Lookup::NotFound) => "none".to_owned(),
        Err(error) => format!("400 {error:?}"),
    }
}

/// Every row against a table that has the routes in this order and in the opposite one: the order never matters.
fn check(routes: &[&str], rows: &[(&str, &str, &str)]) {
    let backwards: Vec<_> = routes.iter().rev().copied().collect();
    for table in [table(routes), table(&backwards)] {
        for (request, expected, why) in rows {
            assert_eq!(answer(&table, request), *expected, "{request} against {routes:?}: {why}");
        }
    }
}

#[test]
fn wildcards_and_literals() {
    check(
        &["/**"],
        &[
            ("/", "/**", "`**` takes no segment"),
            ("/a", "/**", "one"),
            ("/a/", "/**", "an empty one too"),
            ("/a/b/c", "/**", "many"),
        ],
    );
    check(
        &["/a/**", "/b/*", "/c/*/d/**", "/c/*/d/e", "/c/f/d/e", "/"],
        &[
            ("/", "/", "the root"),
            ("/a/b/c", "/a/**", "below"),
            ("/a", "/a/**", "`**` takes no segment"),
            ("/a/", "/a/**", "nor does an empty one disturb it"),
            ("/b/c", "/b/*", "one segment"),
            ("/b", "none", "`*` takes exactly one"),
            ("/b/", "none", "and no empty one"),
            ("/b/c/d", "none", "nor two"),
            ("/c/u/d/v", "/c/*/d/**", "both wildcards"),
            ("/c/v/d/w/x", "/c/*/d/**", "both wildcards"),
            ("/c/x/d/e", "/c/*/d/e", "literal beats `**`"),
            ("/c/f/d/e", "/c/f/d/e", "literal beats `*`"),
            ("/c/f/d/g", "/c/*/d/**", "back from the literal"),
            ("b/c/d", "none", "no slash at the front"),
            ("b/c", "none", "no slash at the front"),
            ("", "none", "not a path"),
            ("*", "none", "what OPTIONS asks of the whole server"),
            ("/c/x/y/d/z", "none", "`*` does not take two"),
            ("/c//v/d/w/x", "none", "`*` takes no empty segment"),
            ("//", "none", "two empty segments are not the root"),
        ],
    );
}

/// Firestore's and Dialogflow's own annotations, and their neighbours.
#[test]
fn what_follows_a_double_wildcard() {
    check(
        &[
            "POST /v1/{parent=projects/*/databases/*/documents/**}/{collection_id}",
            "/v1/{parent=projects/*/databases/*/documents/*/**}/{collection_id}",
            "/v1/{name=projects/*/databases/*/documents/*/**}",
            "POST /v1/{parent=projects/*/databases/*/documents}:commit",
        ],
        &[
            (
                "POST /v1/projects/p/databases/d/documents/books",
                "POST /v1/{parent=projects/*/databases/*/documents/**}/{collection_id} \
                 parent=\"projects/p/databases/d/documents\" collection_id=\"books\"",
                "`**` takes no segment",
            ),
            (
                "POST /v1/projects/p/databases/d/documents/books/7/pages",
                "POST /v1/{parent=projects/*/databases/*/documents/**}/{collection_id} \
                 parent=\"projects/p/databases/d/documents/books/7\" collection_id=\"pages\"",
                "the last segment belongs to the second variable",
            ),
            (
                "/v1/projects/p/databases/d/documents/books/7/pages",
                "/v1/{parent=projects/*/databases/*/documents/*/**}/{collection_id} \
                 parent=\"projects/p/databases/d/documents/books/7\" collection_id=\"pages\"",
                "a longer tail beats a shorter one",
            ),
            (
                "/v1/projects/p/databases/d/documents/books",
                "/v1/{name=projects/*/databases/*/documents/*/**} name=\"projects/p/databases/d/documents/books\"",
                "too short for the longer tail",
            ),
            (
                "POST /v1/projects/p/databases/d/documents/a%2Fb/c%2Fd",
                "POST /v1/{parent=projects/*/databases/*/documents/**}/{collection_id} \
                 parent=\"projects/p/databases/d/documents/a%2Fb\" collection_id=\"c/d\"",
                "an escaped slash separates nothing; a single segment decodes it",
            ),
            ("POST /v1/projects/p/databases/d/documents", "none", "no segment for the second variable"),
            ("POST /v1/projects/p/databases/d/documents/", "none", "an empty segment is none that `*` takes"),
            (
                "POST /v1/projects/p/databases/d/documents/a/",
                "405 GET, HEAD",
                "nor behind others; `**` of another route takes it",
            ),
        ],
    );
    check(
        &["/v2/{name=**/botSessions/*}", "/v2/{name=**/botSessions/*}:end", "/v2/{name=**}", "/**/{last}"],
        &[
            ("/v2/botSessions/7", "/v2/{name=**/botSessions/*} name=\"botSessions/7\"", "at the start"),
            (
                "/v2/a/b/botSessions/7",
                "/v2/{name=**/botSessions/*} name=\"a/b/botSessions/7\"",
                "in the middle",
            ),
            (
                "/v2/botSessions/1/botSessions/2",
                "/v2/{name=**/botSessions/*} name=\"botSessions/1/botSessions/2\"",
                "counted from the end of the path",
            ),
            (
                "/v2/a/botSessions/7:end",
                "/v2/{name=**/botSessions/*}:end name=\"a/botSessions/7\"",
                "with a verb",
            ),
            ("/v2/a/botSessions", "/v2/{name=**} name=\"a/botSessions\"", "the tail is not there"),
            ("/v2/botSessions/", "/v2/{name=**} name=\"botSessions/\"", "`*` takes no empty segment"),
            ("/v1/a", "/**/{last} last=\"a\"", "a template that begins with `**`"),
            ("/a", "/**/{last} last=\"a\"", "`**` takes no segment"),
            ("/", "none", "`*` wants one"),
        ],
    );
    check(
        &["/**/a/*", "/**/*/b", "/**/*/*/b", "/**/*", "/x/**"],
        &[
            ("/q/a/c", "/**/a/*", "a literal in the tail"),
            ("/a/b", "/**/a/*", "tails of one length: a literal beats `*` from the left"),
            ("/q/a/b", "/**/*/*/b", "a longer tail beats a shorter one"),
            ("/c/b", "/**/*/b", "two segments"),
            ("/b", "/**/*", "one segment"),
            ("/x/a/b", "/x/**", "a longer prefix beats any tail"),
            ("/q/r/s", "/**/*", "the shortest tail"),
        ],
    );
}

#[test]
fn precedence_and_backtracking() {
    let routes =
        ["/a/b/{x}", "/a/*/c", "/*/b/c/d", "/{x=**}/z", "/{x=**}/y/z", "/{x=a/**}/y/z", "/a/{x=b/**}"];
    check(
        &routes,
        &[
            ("/a/b/c", "/a/b/{x} x=\"c\"", "the left-most difference decides"),
            ("/a/x/c", "/a/*/c", "only one fits"),
            ("/a/b/c/d", "/a/{x=b/**} x=\"b/c/d\"", "a literal at the left beats literals further right"),
            ("/q/b/c/d", "/*/b/c/d", "only one fits"),
            ("/q/r/z", "/{x=**}/z x=\"q/r\"", "one literal after `**`"),
            ("/q/r/y/z", "/{x=**}/y/z x=\"q/r\"", "two literals after `**` beat one"),
            ("/y/z", "/{x=**}/y/z x=\"\"", "`**` takes nothing before literals too"),
            ("/a/q/y/z", "/{x=a/**}/y/z x=\"a/q\"", "a longer prefix beats a longer tail"),
            ("/a/b/q/y/z", "/a/{x=b/**} x=\"b/q/y/z\"", "a longer prefix beats a longer tail"),
        ],
    );
    check(
        &["/a", "/a/**", "/a/*", "/a/**/b", "/*/**"],
        &[
            ("/a", "/a", "the end beats a `**` that takes nothing"),
            ("/a/b", "/a/*", "`*` beats `**`, whatever follows"),
            ("/a/c/b", "/a/**/b", "a longer tail"),
            ("/a/c/d", "/a/**", "the plain one"),
            ("/c", "/*/**", "`**` takes nothing"),
            ("/", "none", "`*` wants one"),
        ],
    );
    check(
        &[
            "/a/{x=b/**}",
            "/a/{x=b/**}/z",
            "/a/{x=b/**}/y/z",
            "/a/{x=b/**}:verb",
            "/a/{x=**}",
            "/c/{x=*}/{y=d/**}",
        ],
        &[
            ("/a/b/world/c", "/a/{x=b/**} x=\"b/world/c\"", "below b"),
            ("/a/b/world/c/z", "/a/{x=b/**}/z x=\"b/world/c\"", "the tail is not captured"),
            ("/a/b/world/c/y/z", "/a/{x=b/**}/y/z x=\"b/world/c\"", "the longest tail"),
            ("/a/b/world/c:verb", "/a/{x=b/**}:verb x=\"b/world/c\"", "the verb is not captured"),
            ("/a/hello/b/world/c", "/a/{x=**} x=\"hello/b/world/c\"", "the rest"),
            ("/c/hello/d/esp/world", "/c/{x=*}/{y=d/**} x=\"hello\" y=\"d/esp/world\"", "two"),
        ],
    );
}

#[test]
fn captures() {
    check(
        &[
            "/{x=a/*}/b/{y=*}/c",
            "/a/{x=b/*}/{y=d/**}",
            "/alpha/{x=*}/beta/{y=**}/gamma",
            "/{x=*}/a",
            "/{x=**}/a/b",
            "/c/{x=*}",
            "/c/d/e/{x=*}/f/{y=**}",
            "/{x=*}/d/e/f/{y=**}",
        ],
        &[
            ("/a/hello/b/world/c", "/{x=a/*}/b/{y=*}/c x=\"a/hello\" y=\"world\"", "a literal in a variable"),
            (
                "/a/b/zoo/d/animal/tiger",
                "/a/{x=b/*}/{y=d/**} x=\"b/zoo\" y=\"d/animal/tiger\"",
                "parts of a variable",
            ),
            (
                "/alpha/dog/beta/eat/bones/gamma",
                "/alpha/{x=*}/beta/{y=**}/gamma x=\"dog\" y=\"eat/bones\"",
                "literals after `**`",
            ),
            (
                "/alpha/dog/beta/gamma",
                "/alpha/{x=*}/beta/{y=**}/gamma x=\"dog\" y=\"\"",
                "nothing before literals",
            ),
            ("/foo/a", "/{x=*}/a x=\"foo\"", "one"),
            ("/foo/bar/a/b", "/{x=**}/a/b x=\"foo/bar\"", "`**` at the front"),
            ("/c/foo", "/c/{x=*} x=\"foo\"", "one"),
            ("/foo/d/e/f/bar/baz", "/{x=*}/d/e/f/{y=**} x=\"foo\" y=\"bar/baz\"", "the rest"),
            ("/foo/d/e/f", "/{x=*}/d/e/f/{y=**} x=\"foo\" y=\"\"", "no rest"),
            (
                "/foo/d/e/f/bar//baz/",
                "/{x=*}/d/e/f/{y=**} x=\"foo\" y=\"bar//baz/\"",
                "as it is, empty segments too",
            ),
        ],
    );
    check(
        &["/a/{x=b/*/**/y/z}/foo", "/f/{x=*}/{y=**}/g:verb", "/l/{x=lit}", "/m/{a.b.c}/{a.d=x/*}"],
        &[
            (
                "/a/b/foo/bar/baz/y/z/foo",
                "/a/{x=b/*/**/y/z}/foo x=\"b/foo/bar/baz/y/z\"",
                "all of a variable's parts",
            ),
            (
                "/a/b/foo/y/z/foo",
                "/a/{x=b/*/**/y/z}/foo x=\"b/foo/y/z\"",
                "`**` takes nothing in a variable too",
            ),
            ("/a/b/y/z/foo", "none", "`*` has nothing to take"),
            ("/f/foo/bar/baz/g:verb", "/f/{x=*}/{y=**}/g:verb x=\"foo\" y=\"bar/baz\"", "tail and verb"),
            ("/f/foo/bar/baz/g", "none", "the verb is missing"),
            ("/l/lit", "/l/{x=lit} x=\"lit\"", "a literal can be captured"),
            ("/l/other", "none", "that literal only"),
            ("/m/1/x/2", "/m/{a.b.c}/{a.d=x/*} a.b.c=\"1\" a.d=\"x/2\"", "nested fields"),
        ],
    );
}

#[test]
fn escapes() {
    const RESERVED: &str = "%21%23%24%26%27%28%29%2A%2B%2C%2F%3A%3B%3D%3F%40%5B%5D";
    check(
        &["/a/{x}/c", "/b/{x=p/*/q/*}/c", "/d/{x=**}/c", "/e/{x=*}/{y=**}/c"],
        &[
            (
                "/a/p%20q%2Fr+/c",
                "/a/{x}/c x=\"p q/r+\"",
                "one segment is a value: all is decoded; + is no space",
            ),
            ("/b/p/foo%20foo/q/bar%2Fbar/c", "/b/{x=p/*/q/*}/c x=\"p/foo foo/q/bar%2Fbar\"", "%2F stays"),
            ("/b/p/foo%2ffoo/q/bar/c", "/b/{x=p/*/q/*}/c x=\"p/foo%2ffoo/q/bar\"", "as it was written"),
            ("/d/p/foo%20foo/q/bar%2Fbar+/c", "/d/{x=**}/c x=\"p/foo foo/q/bar%2Fbar+\"", "%2F stays"),
            ("/d/bar%2Fbar/c", "/d/{x=**}/c x=\"bar%2Fbar\"", "`**` is multi even when it takes one segment"),
            (
                &format!("/e/{RESERVED}/{RESERVED}/c"),
                "/e/{x=*}/{y=**}/c x=\"!#$&'()*+,/:;=?@[]\" y=\"!#$&'()*+,%2F:;=?@[]\"",
                "all decoded, and all but the slash",
            ),
            ("/a/%E2%82%ac%20€/c", "/a/{x}/c x=\"€ €\"", "UTF-8, escaped or not"),
            ("/a/%2541/c", "/a/{x}/c x=\"%41\"", "decoded once"),
            ("/a/%2F/c", "/a/{x}/c x=\"/\"", "an escaped slash never parts segments"),
            ("/a/%252e%252e/c", "/a/{x}/c x=\"%2e%2e\"", "not a dot segment, but its name"),
            ("/a/%zz/c", "400 BadEscape { at: 3 }", "malformed"),
            ("/a/%/c", "400 BadEscape { at: 3 }", "malformed"),
            ("/a/x%4/c", "400 BadEscape { at: 4 }", "malformed"),
            ("/nowhere/%4", "400 BadEscape { at: 9 }", "whatever the routes"),
            ("/a/x%ff/c", "400 NotUtf8 { at: 3 }", "not UTF-8"),
            ("/a/%C3/%A9", "400 NotUtf8 { at: 3 }", "a character does not stretch over segments"),
            ("/a/%c0%af/c", "400 NotUtf8 { at: 3 }", "an overlong slash"),
            ("/a/%ed%a0%80/c", "400 NotUtf8 { at: 3 }", "half of a surrogate pair"),
        ],
    );
    check(
        &["/A/caf%c3%a9/{x}", "/b%2Fb", "/c%2d%7e", "/d@d/a=b", "/e%7Bx%7D"],
        &[
            ("/%41/café/1", "/A/caf%c3%a9/{x} x=\"1\"", "literals are compared in normal form"),
            ("/A/caf%C3%A9/1", "/A/caf%c3%a9/{x} x=\"1\"", "upper-case digits"),
            ("/a/caf%C3%A9/1", "none", "the case of letters counts"),
            ("/b%2fb", "/b%2Fb", "an escaped slash in a literal"),
            ("/b/b", "none", "is not a slash"),
            ("/c-~", "/c%2d%7e", "unreserved characters"),
            ("/%63%2D~", "/c%2d%7e", "unreserved characters"),
            ("/d@d/a=b", "/d@d/a=b", "reserved ones as they are"),
            ("/d%40d/a=b", "none", "differ from their escapes"),
            ("/e{x}", "/e%7Bx%7D", "what may not stand in a path is the same as its escape"),
        ],
    );
}

#[test]
fn dot_segments_are_refused_before_routing() {
    let rows = [
        ("/.", "400 DotSegment { at: 1 }"),
        ("/..", "400 DotSegment { at: 1 }"),
        ("/a/../b", "400 DotSegment { at: 3 }"),
        ("/a/./b", "400 DotSegment { at: 3 }"),
        ("/a/%2e%2E/b", "400 DotSegment { at: 3 }"),
        ("/a/.%2e/b", "400 DotSegment { at: 3 }"),
        ("/a/%2E", "400 DotSegment { at: 3 }"),
        ("/a/b/..", "400 DotSegment { at: 5 }"),
        ("/...", "/{x=**} x=\"...\""),
        ("/.well-known/..a", "/{x=**} x=\".well-known/..a\""),
    ];
    check(
        &["/{x=**}"],
        &rows.map(|(request, expected)| (request, expected, "dot segments, however escaped")),
    );
    check(
        &["/{x=**}", "/{x=**}:go"],
        &[
            ("/a/..:go", "/{x=**} x=\"a/..:go\"", "a verb is not cut off where a dot segment would be left"),
            ("/a/%2e:go", "/{x=**} x=\"a/.:go\"", "a verb is not cut off where a dot segment would be left"),
            ("/a/...:go", "/{x=**}:go x=\"a/...\"", "three dots are a name"),
        ],
    );
}

#[test]
fn verbs() {
    check(
        &["/person", "/person/{id=*}", "/person/{id=*}/name", "/{x=**}:verb"],
        &[
            ("/person:verb", "/{x=**}:verb x=\"person\"", "the verb's route"),
            (
                "/person/jason:verb",
                "/{x=**}:verb x=\"person/jason\"",
                "is preferred to all routes without it",
            ),
            ("/person/jason:other", "/person/{id=*} id=\"jason:other\"", "to others a colon is data"),
            ("/person/jason:verb/name", "/person/{id=*}/name id=\"jason:verb\"", "only in the last segment"),
            ("/person/jason%3Averb", "/person/{id=*} id=\"jason:verb\"", "an escaped colon never splits"),
            ("/person/a:b:verb", "/{x=**}:verb x=\"person/a:b\"", "the last colon splits"),
            ("/person/a:verb:b", "/person/{id=*} id=\"a:verb:b\"", "and no other one"),
            ("/person/:verb", "/{x=**}:verb x=\"person/\"", "`**` takes an empty stem"),
            ("/:verb", "/{x=**}:verb x=\"\"", "a verb of the root"),
            ("/person/jason:", "/person/{id=*} id=\"jason:\"", "an empty verb is none"),
            ("/person/j%C3%A9:verb", "/{x=**}:verb x=\"person/jé\"", "with escapes before it"),
            ("/person:other", "none", "no route has it"),
            ("/person:verb2", "none", "all of the verb counts"),
            ("/animal", "none", "no verb"),
        ],
    );
    check(
        &["/a/{y=*}:verb", "/a/{y=d/**}:verb", "/{x=**}/b:verb"],
        &[
            ("/a/cat:verb", "/a/{y=*}:verb y=\"cat\"", "one"),
            ("/a/d/animal/tiger:verb", "/a/{y=d/**}:verb y=\"d/animal/tiger\"", "many"),
            ("/foo/bar/baz/b:verb", "/{x=**}/b:verb x=\"foo/bar/baz\"", "a literal before the verb"),
            ("/a/:verb", "none", "`*` takes no empty stem"),
        ],
    );
    check(
        &["/{a=*}/{b=*}:verb"],
        &[(
            "/some:verb/const:verb",
            "/{a=*}/{b=*}:verb a=\"some:verb\" b=\"const\"",
            "the last segment's colon only",
        )],
    );
    check(
        &["/{a=**}:verb", "/{a=**}"],
        &[
            ("/some:verb2/const:verb2", "/{a=**} a=\"some:verb2/const:verb2\"", "another verb is data"),
            ("/some:verb/const:verb", "/{a=**}:verb a=\"some:verb/const\"", "this one is not"),
        ],
    );
    check(
        &["/some/*:verb", "/some/*/foo:verb", "/other/**:verb", "/other/**/const:verb"],
        &[
            ("/some/other:verb", "/some/*:verb", "it is there"),
            ("/some/other:verb/", "none", "the last segment is the empty one"),
            ("/some/other:verb/foo", "none", "not at the end"),
            ("/some/other:verb/foo:verb", "/some/*/foo:verb", "at the end"),
            ("/other/bar/foo:verb", "/other/**:verb", "the plain one"),
            ("/other/bar/foo/const:verb", "/other/**/const:verb", "a longer tail"),
        ],
    );
    check(
        &["POST /x:caf%c3%a9", "POST /x:a%2db"],
        &[
            ("POST /x:café", "POST /x:caf%c3%a9", "verbs are compared in normal form too"),
            ("POST /x:a-b", "POST /x:a%2db", "verbs are compared in normal form too"),
        ],
    );
}

#[test]
fn methods() {
    check(
        &[
            "POST /a/b",
            "GET /a/{x}",
            "* /a/{x}/any",
            "GET /a/{x}/any",
            "PUT /**",
            "DELETE /d/{x}:go",
            "GET /d/{x}",
        ],
        &[
            ("GET /a/b", "GET /a/{x} x=\"b\"", "a literal under another method does not hide the wildcard"),
            ("POST /a/b", "POST /a/b", "its own method"),
            ("PUT /a/b", "PUT /**", "back to the very beginning"),
            ("DELETE /a/b", "405 GET, HEAD, POST, PUT", "all that the path has, sorted, HEAD with GET"),
            ("OPTIONS /zzz", "405 PUT", "what is allowed there"),
            ("GET /a/1/any", "GET /a/{x}/any x=\"1\"", "its own method beats any"),
            ("HEAD /a/1/any", "GET /a/{x}/any x=\"1\"", "GET answers HEAD before any"),
            ("BREW /a/1/any", "* /a/{x}/any x=\"1\"", "any"),
            ("HEAD /a/b", "GET /a/{x} x=\"b\"", "GET answers HEAD"),
            ("get /a/b", "405 GET, HEAD, POST, PUT", "methods are compared by case"),
            ("GET /d/1:go", "GET /d/{x} x=\"1:go\"", "the verb's route has another method: data again"),
            ("PATCH /d/1:go", "405 DELETE, GET, HEAD, PUT", "of the routes with and without the verb"),
            ("DELETE /d/1", "405 GET, HEAD, PUT", "the verb is not there"),
        ],
    );
    check(
        &["GET /a", "HEAD /a", "GET /{x}"],
        &[
            ("HEAD /a", "HEAD /a", "its own route for HEAD"),
            ("HEAD /b", "GET /{x} x=\"b\"", "no route of its own"),
            ("POST /a", "405 GET, HEAD", "each method once"),
        ],
    );
    check(
        &["GET /{x}", "HEAD /a"],
        &[("HEAD /a", "HEAD /a", "there"), ("GET /a", "GET /{x} x=\"a\"", "not for GET")],
    );
}

#[test]
fn traps() {
    check(
        &["/a/{id}:cancel", "/b/{id}"],
        &[("/b/x:cancel", "/b/{id} id=\"x:cancel\"", "a verb of one service changes nothing for another")],
    );
    check(&["* /a:go"], &[("POST /a:go", "* /a:go", "any method, with a verb")]);
    check(
        &["/p/{x=**}", "/p/a/b/c:go"],
        &[("/p/a/b:go", "/p/{x=**} x=\"a/b:go\"", "a route without the verb takes it as data")],
    );
    check(
        &["POST /v1/things", "GET /v1/{name}", "GET /v1/things/{id}"],
        &[
            ("GET /v1/things", "GET /v1/{name} name=\"things\"", "a literal of another method hides nothing"),
            ("DELETE /v1/things", "405 GET, HEAD, POST", "405 with what there is, not 501 nor 404"),
        ],
    );
    check(
        &["/objects/{id}", "/objects/{id}/parts/{part}"],
        &[("/objects/a%2Fparts%2Fb", "/objects/{id} id=\"a/parts/b\"", "routed before it is decoded")],
    );
    check(
        &["/users", "/users/{id}"],
        &[
            ("/users/", "none", "no empty id"),
            ("//users", "none", "no cleaning behind the client's back"),
            ("/users/7/", "none", "a trailing slash is a segment"),
            ("/users/*", "/users/{id} id=\"*\"", "a star in a path is data"),
            ("/users/{id}", "/users/{id} id=\"{id}\"", "so are braces"),
        ],
    );
    check(
        &["/{a}/{b}/{c}/{d}/{e}/{f}"],
        &[(
            "/1/2/3/4/5/%36",
            "/{a}/{b}/{c}/{d}/{e}/{f} a=\"1\" b=\"2\" c=\"3\" d=\"4\" e=\"5\" f=\"6\"",
            "many captures",
        )],
    );
}

#[test]
fn limits() {
    let table = table(&["/{x=**}"]);
    let path = |n: usize| "/a".repeat(n);
    assert!(matches!(table.lookup("GET", &path(1024)), Ok(Lookup::Found(_))));
    assert_eq!(answer(&table, &path(1025)), "400 TooManySegments");
    let path = |n: usize| format!("/{}", "a".repeat(n - 1));
    assert!(matches!(table.lookup("GET", &path(16 * 1024)), Ok(Lookup::Found(_))));
    assert_eq!(answer(&table, &path(16 * 1024 + 1)), "400 TooLong");
}

#[test]
fn what_is_not_escaped_is_borrowed_from_the_path() {
    let table = table(&["/a/{x}/{y=**}"]);
    let path = String::from("/a/plain+text/b/c%20d");
    let Ok(Lookup::Found(found)) = table.lookup("GET", &path) else { panic!("a route") };
    let borrowed: Vec<_> =
        found.captures.values().map(|value| matches!(value, std::borrow::Cow::Borrowed(_))).collect();
    assert_eq!(borrowed, [true, false]);
    assert!(path.as_bytes().as_ptr_range().contains(&found.captures.get(0).unwrap().as_ptr()));
}
