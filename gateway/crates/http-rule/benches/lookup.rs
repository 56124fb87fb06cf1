//! Nanoseconds for one lookup, in tables of 10, 1,000 and 10,000 routes: `cargo bench -p http-rule`.
//!
//! The routes are those of REST resources, six for each; the requests go to resources that lie all over the table. The
//! figure is the best of several rounds, as it is the one that other processes disturb least.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and stops when it is wrong")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use http_rule::{Lookup, Table, TableBuilder, Template};

/// Method and template; `N` is the resource's number.
const ROUTES: [(&str, &str); 6] = [
    ("GET", "/v1/resourceN"),
    ("POST", "/v1/resourceN"),
    ("GET", "/v1/resourceN/{id}"),
    ("POST", "/v1/resourceN/{id}:cancel"),
    ("GET", "/v1/resourceN/{id}/parts/{part_id}"),
    ("GET", "/v1/{name=resourceN/*/files/**}"),
];

/// What is asked, and of what kind it is.
const REQUESTS: [(&str, &str, &str); 8] = [
    ("literals", "GET", "/v1/resourceN"),
    ("one capture", "GET", "/v1/resourceN/4711"),
    ("two captures", "GET", "/v1/resourceN/4711/parts/42"),
    ("verb", "POST", "/v1/resourceN/4711:cancel"),
    ("`**`", "GET", "/v1/resourceN/4711/files/a/b/c.txt"),
    ("escaped capture", "GET", "/v1/resourceN/a%20b%2Fc"),
    ("405", "DELETE", "/v1/resourceN/4711"),
    ("404", "GET", "/v1/resourceN/4711/nowhere"),
];

const ROUNDS: usize = 7;
const LOOKUPS: usize = 200_000;

fn main() {
    let sizes = [10, 1_000, 10_000];
    let tables = sizes.map(|n_routes| {
        let start = Instant::now();
        let table = table(n_routes);
        (n_routes, table, start.elapsed())
    });
    println!("{:<18}{}", "ns per lookup", sizes.map(|n| format!("{:>16}", format!("{n} routes"))).concat());
    for (name, method, path) in REQUESTS {
        let row = tables.each_ref().map(|(n_routes, table, _)| measure(table, *n_routes, method, path));
        println!("{name:<18}{}", row.map(|ns| format!("{ns:>16.1}")).concat());
    }
    let built = tables.each_ref().map(|(_, _, took)| format!("{:>13.2} ms", took.as_secs_f64() * 1e3));
    println!("{:<18}{}", "build", built.concat());
}

fn table(n_routes: usize) -> Table<usize> {
    let mut builder = TableBuilder::new();
    for n in 0..n_routes {
        let (method, text) = ROUTES[n % ROUTES.len()];
        let text = text.replace('N', &(n / ROUTES.len()).to_string());
        builder.insert(method.into(), Template::parse(&text).expect("a template"), n);
    }
    let (table, findings) = builder.build();
    assert!(findings.is_empty());
    table
}

fn measure(table: &Table<usize>, n_routes: usize, method: &str, path: &str) -> f64 {
    let n_resources = n_routes / ROUTES.len();
    // The same 64 paths over and over, so that caches hold the paths, if not the table.
    let paths: Vec<String> =
        (0..64).map(|n| path.replace('N', &(n * 7919 % n_resources).to_string())).collect();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for path in paths.iter().cycle().take(LOOKUPS) {
            match table.lookup(black_box(method), black_box(path)) {
                Ok(Lookup::Found(found)) => {
                    black_box((found.value, found.captures.get(0)));
                }
                other => {
                    black_box(&other);
                }
            }
        }
        best = best.min(start.elapsed());
    }
    best.as_secs_f64() * 1e9 / LOOKUPS as f64
}
