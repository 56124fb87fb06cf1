//! Findings, explanations, and the work that a lookup does, counted in nodes.

use super::*;
use crate::path::MAX_SEGMENTS;

/// Routes with their method: `GET /a`.
fn build(routes: &[&str]) -> (Table<()>, Vec<Finding>) {
    let mut builder = TableBuilder::new();
    for route in routes {
        let (method, template) = route.split_once(' ').unwrap();
        builder.insert(method.into(), Template::parse(template).unwrap(), ());
    }
    builder.build()
}

#[test]
fn conflicts() {
    for (first, second, conflict) in [
        ("GET /a/b", "GET /a/b", true),
        ("GET /a/{x}", "GET /a/{y}", true),
        ("GET /a/{x}", "GET /a/*", true),
        ("GET /{x=a/*}", "GET /a/{y}", true),
        ("GET /{x=**}/z", "GET /{y=**/z}", true),
        ("GET /{x=**}/{y}", "GET /**/*", true),
        ("GET /{x=a/**/*}", "GET /a/{y=**}/{z}", true),
        ("GET /**/a/*", "GET /**/*/a", false),
        ("GET /%41", "GET /A", true),
        ("GET /{x}:go", "GET /{y}:%67o", true),
        ("* /a", "* /a", true),
        ("GET /a/b", "POST /a/b", false),
        ("GET /a/b", "get /a/b", false),
        ("GET /a", "* /a", false),
        ("GET /a", "HEAD /a", false),
        ("GET /a", "GET /a:go", false),
        ("GET /a:stop", "GET /a:go", false),
        ("GET /a/*", "GET /a/**", false),
        ("GET /a/{x}/c", "GET /a/b/{x}", false),
        ("GET /a/**", "GET /a/**/b", false),
    ] {
        let expected = if conflict { vec![Finding::Conflict { first: 0, second: 1 }] } else { vec![] };
        assert_eq!(build(&[first, second]).1, expected, "{first} and {second}");
        assert_eq!(build(&[second, first]).1, expected, "{second} and {first}");
    }
}

#[test]
fn each_route_that_conflicts_is_told_with_the_one_that_stays() {
    let (table, findings) = build(&["GET /{a}", "GET /x", "GET /{b}", "GET /{c}"]);
    let conflict = |second| Finding::Conflict { first: 0, second };
    assert_eq!(findings, [conflict(2), conflict(3)]);
    assert!(matches!(table.lookup("GET", "/q"), Ok(Lookup::Found(Found { route: 0, .. }))));
}

#[test]
fn shadows() {
    for (route, by, shadowed) in [
        // All that ends in a literal has a segment that `*` takes.
        ("GET /**/a", "GET /*/**", true),
        ("GET /p/**/a", "GET /p/*/**", true),
        ("GET /p/**/a/b", "GET /p/*/*/**", true),
        ("GET /p/**/a/b", "GET /p/*/**/b", true),
        ("GET /**/{x}", "GET /*/**", true),
        ("GET /a/**/{x}", "GET /a/*/**", true),
        ("GET /**/a/b", "GET /*/**/*", true),
        ("GET /**/*/b", "GET /{x}/{y=**}/b", true),
        ("GET /**/a/*/b", "GET /*/**/*/b", true),
        ("GET /p/**/*/*", "GET /p/*/**/*", true),
        ("GET /*/{x=**/a}:go", "GET /{y}/{z=*/**}:go", true),
        ("GET /**/a", "* /*/**", true),
        ("HEAD /**/a", "GET /*/**", true),
        ("* /**/a", "* /*/**", true),
        // Not enough room, other literals, another prefix, verb or method.
        ("GET /**", "GET /*/**", false),
        ("GET /p/**", "GET /p/*/**", false),
        ("GET /**/a", "GET /*/*/**", false),
        ("GET /p/**/a/b", "GET /p/*/*/**/b", false),
        ("GET /p/**/a/b", "GET /p/*/**/a", false),
        ("GET /p/**/a", "GET /q/*/**", false),
        ("GET /*/**/a", "GET /p/*/**", false),
        ("GET /p/**/a", "GET /*/*/**", false),
        ("GET /p/**/a", "GET /p/x/**", false),
        ("GET /p/**/a", "GET /p/*/x/**", false),
        // The tail asks for more than the other one brings.
        ("GET /**/*/*", "GET /*/**/b", false),
        ("GET /**/*/b", "GET /*/*/**/*", false),
        ("GET /**/a", "GET /*/**/*", false),
        ("GET /**/a", "GET /**/*", false),
        ("GET /**/a/*", "GET /**/*/b", false),
        ("GET /p/**/a", "GET /p/*", false),
        ("GET /p/**/a", "GET /p/*/*", false),
        ("GET /**/a", "GET /*/**:go", false),
        ("GET /**/a:go", "GET /*/**", false),
        ("GET /**/a", "POST /*/**", false),
        ("* /**/a", "GET /*/**", false),
        ("GET /**/a", "HEAD /*/**", false),
        // What takes less is more specific, and hides nothing.
        ("GET /a/*", "GET /a/b", false),
        ("GET /a/b", "GET /a/*", false),
        ("GET /a/b", "GET /**", false),
        ("GET /a", "* /a", false),
        ("* /a", "GET /a", false),
        ("GET /{x}", "GET /{x}:go", false),
    ] {
        let expected = |route, by| if shadowed { vec![Finding::Shadowed { route, by }] } else { vec![] };
        assert_eq!(build(&[route, by]).1, expected(0, 1), "{route} behind {by}");
        assert_eq!(build(&[by, route]).1, expected(1, 0), "{route} behind {by}");
    }
}

#[test]
fn the_shadow_that_is_named_is_the_route_that_is_tried_first() {
    let (_, findings) = build(&["GET /**/a/b", "GET /*/**", "GET /*/*/**", "GET /*/**/b"]);
    assert_eq!(findings, [Finding::Shadowed { route: 0, by: 2 }, Finding::Shadowed { route: 3, by: 2 }]);
    let (_, findings) = build(&["GET /**/a/b", "GET /*/**", "GET /*/**/b"]);
    assert_eq!(findings, [Finding::Shadowed { route: 0, by: 2 }]);
}

fn explanation(routes: &[&str], request: &str) -> Vec<String> {
    let (table, _) = build(routes);
    let (method, path) = request.split_once(' ').unwrap();
    let line = |candidate: &Candidate<'_>| format!("{}: {candidate}", routes[candidate.route]);
    table.explain(method, path).iter().map(line).collect()
}

#[test]
fn explanations_begin_with_what_matches_in_the_order_it_is_tried() {
    let routes =
        ["* /a/{x}", "GET /{x=**}", "POST /a/b", "GET /a/{x}", "GET /a/b/c", "POST /a/b:go", "PUT /z"];
    assert_eq!(
        explanation(&routes, "GET /a/b"),
        [
            "POST /a/b: matches the path, but its method is POST",
            "GET /a/{x}: takes the request",
            "* /a/{x}: matches, but a more specific route takes the request",
            "GET /{x=**}: matches, but a more specific route takes the request",
            "POST /a/b:go: segment 2 is \"b\", without the verb \":go\"",
            "GET /a/b/c: the path ends where segment 3 should be \"c\"",
            "PUT /z: segment 1 is \"a\", not \"z\"",
        ]
    );
    assert_eq!(
        explanation(&["GET /a/{x}", "POST /a/{x}:go"], "GET /a/b:go"),
        ["POST /a/{x}:go: matches the path, but its method is POST", "GET /a/{x}: takes the request"]
    );
}

#[test]
fn explanations_of_what_fails_begin_with_the_nearest() {
    let routes = [
        "GET /orders/{id}",
        "GET /users/{id}",
        "GET /users/{id}/orders",
        "GET /users",
        "GET /files/{x=**}/raw",
    ];
    assert_eq!(
        explanation(&routes, "GET /user/7"),
        [
            "GET /users/{id}: segment 1 is \"user\", not \"users\"",
            "GET /orders/{id}: segment 1 is \"user\", not \"orders\"",
            "GET /users/{id}/orders: segment 1 is \"user\", not \"users\"",
            "GET /users: segment 1 is \"user\", not \"users\"",
            "GET /files/{x=**}/raw: segment 1 is \"user\", not \"files\"",
        ]
    );
    let nearest = |request| explanation(&routes, request).into_iter().next().unwrap();
    assert_eq!(nearest("GET /users/"), "GET /users/{id}: segment 2 is \"\", not one that is not empty");
    assert_eq!(nearest("GET /users/7/orders/"), "GET /users/{id}/orders: ends before segment 4, \"\"");
    assert_eq!(nearest("GET /files/a/b"), "GET /files/{x=**}/raw: segment 3 is \"b\", not \"raw\"");
    assert_eq!(
        nearest("GET /files"),
        "GET /files/{x=**}/raw: the path ends where segment 2 should be \"raw\""
    );
}

#[test]
fn explanations_are_bounded_and_never_refuse() {
    let routes: Vec<String> = (0..100).map(|n| format!("GET /r{n}")).collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    assert_eq!(explanation(&routes, "GET /x").len(), EXPLAIN_LIMIT);
    let long = explanation(&["GET /a"], &format!("GET /{}", "é".repeat(1000)));
    assert!(long.iter().all(|line| line.len() < 300));
    for path in ["", "*", "a", "/..", "/%zz"] {
        assert_eq!(build(&["GET /**"]).0.explain("GET", path), [], "{path:?}");
    }
}

fn steps(table: &Table<()>, path: &str) -> usize {
    let mut steps = 0;
    let _ = table.lookup_counting("GET", path, &mut steps);
    steps
}

/// The nodes of all tries, and the longest tail: what no search can exceed, whatever the path.
fn bound(table: &Table<()>) -> usize {
    table.plain.n_nodes() + table.verbs.values().map(Trie::n_nodes).sum::<usize>()
}

#[test]
fn many_slashes_cost_no_more_than_the_templates_are_long() {
    let (table, _) = build(&[
        "GET /**/a/a/a/b",
        "GET /*/**/a/a/b",
        "GET /*/*/**/a/b",
        "GET /*/*/*/**/b",
        "GET /{x=**}/a:go",
        "GET /**/*/a/*/b",
        "GET /**/a/*/a/*/b",
        "POST /**",
        "GET /a/*/a/*/a/*/a/*/b",
        "GET /*/a/*/a/*/a/*/a/b",
        "GET /*/*/*/*/*/*/*/*/b",
    ]);
    let bound = bound(&table);
    for unit in ["/a", "/", "/%61", "/a:go", "/b", "/aaaaaaaaaaaaaaa"] {
        let of_length = |n: usize| steps(&table, &unit.repeat(n));
        let (some, most) = (of_length(32), of_length(MAX_SEGMENTS));
        assert_eq!(some, most, "{unit}: more segments, no more work");
        assert!(most <= bound, "{unit}: {most} steps, at most {bound}");
    }
}

#[test]
fn backtracking_visits_no_node_twice() {
    // Each of the first ten segments may be a literal or a wildcard: all 1,024 ways exist, and none ends as the path does.
    let ways = |n: u32| (0..10).map(|bit| if n >> bit & 1 == 0 { "/a" } else { "/*" }).collect::<String>();
    let routes: Vec<String> = (0..1024).map(|n| format!("GET {}/end", ways(n))).collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let (table, findings) = build(&routes);
    assert_eq!(findings, []);
    let nodes = table.plain.n_nodes();
    let hostile = steps(&table, &"/a".repeat(11));
    assert!(hostile <= nodes, "{hostile} steps, {nodes} nodes");
    assert_eq!(steps(&table, &"/a".repeat(1000)), hostile);
}

#[test]
fn the_work_does_not_grow_with_the_number_of_routes() {
    let table = |n: usize| {
        let routes: Vec<String> = (0..n)
            .flat_map(|n| {
                [
                    format!("GET /v1/r{n}/{{id}}"),
                    format!("GET /v1/r{n}/{{id}}/parts/{{x=**}}"),
                    format!("GET /v1/r{n}/{{id}}:v{n}"),
                ]
            })
            .collect();
        build(&routes.iter().map(String::as_str).collect::<Vec<_>>()).0
    };
    let (small, large) = (table(3), table(3_000));
    for path in ["/v1/r1/7", "/v1/r2/7/parts/a/b/c", "/v1/r0/7:v0", "/v1/nowhere", "/v1/r1/7:v2"] {
        assert_eq!(steps(&small, path), steps(&large, path), "{path}");
    }
}
