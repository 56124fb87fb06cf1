//! `/metrics`: accepted by a parser that is not ours, consistent in itself, and bounded whatever clients send.

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use openmetrics_parser::prometheus::parse_prometheus;
use openmetrics_parser::{HistogramValue, PrometheusValue};
use testkit::backend::{Backend, reply, status};

use crate::harness::{Gateway, request, send};
use crate::{LIBRARY, gateway};

const ROUTES: &str = "routes:\n  - get: /books/{name}\n    grpc: library.v1.Library/GetBook\n  \
                      - get: /gone\n    grpc: library.v1.Library/DeleteBook\n";

/// A series: its name, and its labels in order.
type Series = (String, BTreeMap<String, String>);

/// What Prometheus gets, by somebody else's reading.
struct Scrape(Vec<(Series, PrometheusValue)>);

impl Scrape {
    async fn of(gateway: &Gateway) -> Self {
        let answer = send(gateway.admin(), request(Method::GET, "/metrics")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text();
        let exposition = parse_prometheus(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut all = Vec::new();
        for family in exposition.families.into_values() {
            assert!(!family.help.is_empty(), "{} has no help", family.family_name);
            for sample in family.iter_samples() {
                let labels = sample.get_labelset().unwrap();
                let labels = labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
                all.push(((family.family_name.clone(), labels), sample.value.clone()));
            }
        }
        Self(all)
    }

    /// All series, each of which is there once.
    fn series(&self) -> BTreeSet<Series> {
        let found: BTreeSet<Series> = self.0.iter().map(|(series, _)| series.clone()).collect();
        assert_eq!(found.len(), self.0.len(), "a series is there twice");
        found
    }

    /// The value of a counter or gauge with these labels.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |(found, has): &Series| {
            found == name
                && labels.iter().all(|(label, value)| has.get(*label).is_some_and(|has| has == value))
        };
        let found = self.0.iter().find(|(series, _)| matches(series));
        match &found.unwrap_or_else(|| panic!("no {name} {labels:?}")).1 {
            PrometheusValue::Counter(counter) => counter.value.as_f64(),
            PrometheusValue::Gauge(value) => value.as_f64(),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn histograms(&self) -> impl Iterator<Item = &HistogramValue> {
        self.0.iter().filter_map(|(_, value)| match value {
            PrometheusValue::Histogram(histogram) => Some(histogram),
            _ => None,
        })
    }
}

#[tokio::test]
async fn what_prometheus_gets_is_well_formed_and_consistent() {
    let library = Backend::of(LIBRARY)
        .on("library.v1.Library/GetBook", |_| reply(serde_json::json!({})))
        .on("library.v1.Library/DeleteBook", |_| status(5, "gone"))
        .start()
        .await;
    let gateway = gateway(&library, ROUTES).await;
    for _ in 0..3 {
        gateway.get("/books/b1").await;
    }
    gateway.get("/books/b1?unknown=1").await;
    gateway.get("/gone").await;
    gateway.get("/nothing").await;

    let scrape = Scrape::of(&gateway).await;
    scrape.series();
    let route = [("route", "GET /books/{name}"), ("grpc", "library.v1.Library/GetBook")];
    let with = |code| [route[0], route[1], ("code", code)];
    let is = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let found = scrape.value(name, labels);
        assert!((found - expected).abs() < 0.1, "{name} {labels:?}: {found}");
    };
    is("gateway_requests_total", &with("OK"), 3.0);
    is("gateway_requests_total", &with("INVALID_ARGUMENT"), 1.0);
    is("gateway_failures_total", &[("reason", "INVALID_REQUEST")], 1.0);
    is("gateway_failures_total", &[("reason", "ROUTE_NOT_FOUND")], 1.0);

    assert_eq!(scrape.histograms().count(), 2, "one for each route that was called");
    for histogram in scrape.histograms() {
        let buckets = &histogram.buckets;
        let pairs = || buckets.iter().zip(buckets.iter().skip(1));
        assert!(pairs().all(|(a, b)| a.upper_bound < b.upper_bound), "{histogram:?}");
        assert!(pairs().all(|(a, b)| a.count.as_f64() <= b.count.as_f64()), "buckets add up: {histogram:?}");
        let last = buckets.last().unwrap();
        assert!(last.upper_bound.is_infinite());
        let count = histogram.count.unwrap();
        assert!((last.count.as_f64() - count as f64).abs() < 0.1, "the last bucket has all: {histogram:?}");
        // Each took more than nothing, and no more than the bound of its bucket.
        let sum = histogram.sum.as_ref().unwrap().as_f64();
        let within = |before: f64, bucket: &openmetrics_parser::HistogramBucket| {
            (bucket.count.as_f64() - before) * bucket.upper_bound.min(60.0)
        };
        let most = within(0.0, &buckets[0]) + pairs().map(|(a, b)| within(a.count.as_f64(), b)).sum::<f64>();
        assert!(sum > 0.0 && sum <= most, "{histogram:?}");
    }

    for name in
        ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"]
    {
        assert!(scrape.value(name, &[]) > 0.0, "{name}");
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let age = now - scrape.value("process_start_time_seconds", &[]);
    assert!((-2.0..3600.0).contains(&age), "this process is young: {age} s");
}

#[tokio::test]
async fn nothing_that_clients_send_makes_a_series() {
    let library =
        Backend::of(LIBRARY).on("library.v1.Library/GetBook", |_| reply(serde_json::json!({}))).start().await;
    let gateway = gateway(&library, ROUTES).await;
    let ask = async |n: u32| {
        gateway.get(&format!("/books/b{n}")).await;
        gateway.get(&format!("/no{n}/such{n}?q{n}={n}")).await;
        gateway.send(&format!("METHOD{n}"), "/books/b1", "").await;
        let mut named = request(Method::GET, "/books/b1");
        named.headers_mut().insert("host", format!("host{n}.example").parse().unwrap());
        named.headers_mut().insert("x-request-id", format!("id-{n}").parse().unwrap());
        gateway.request(named).await;
    };
    ask(0).await;
    let before = Scrape::of(&gateway).await.series();
    for n in 1..50 {
        ask(n).await;
    }
    assert_eq!(Scrape::of(&gateway).await.series(), before);
}
