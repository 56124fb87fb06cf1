//! The stack as its user starts it, and the flow of the guide over real processes: create, order, refuse, kill, recover.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod fleet;
mod harness;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kit::testing::Postgres;

use harness::{Shop, Stack, TRACE, within};
use serde_json::json;

const JOHN: &str = r#"{"name":"John Doe","email":"john@example.com"}"#;
const LAPTOP: &str = r#"{"userId":1,"items":[{"productName":"Laptop","quantity":1,"price":999.99}]}"#;

#[test]
fn the_guides_flow_over_sqlite() {
    the_guides_flow(&Shop::new());
}

#[test]
fn the_guides_flow_over_postgres() {
    let Some(postgres) = Postgres::start() else { return };
    let [users, orders] = ["userdb", "orderdb"].map(|name| postgres.database(name));
    the_guides_flow(&Shop::new().over(&users, &orders));
}

fn the_guides_flow(shop: &Shop) {
    let stack = Stack::start(shop);

    let created = stack.post("/users", JOHN);
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.body["user"]["id"], 1);

    let ordered = stack.post("/orders", LAPTOP);
    assert_eq!(ordered.status, 201, "{ordered:?}");
    let mut order = ordered.body["order"].clone();
    let stamp = order["createdAt"].take();
    assert!(is_rfc3339(stamp.as_str().unwrap_or_default()), "{stamp}");
    order.as_object_mut().unwrap().retain(|name, _| name != "createdAt");
    let wanted = json!({
        "id": 1, "userId": 1, "userName": "John Doe", "userEmail": "john@example.com",
        "items": [{"productName": "Laptop", "quantity": 1, "price": 999.99}],
        "totalAmount": 999.99, "status": "PENDING",
    });
    assert_eq!(order, wanted);
    assert_eq!(ordered.body["message"], "Order created successfully");

    let user = stack.get("/users/1");
    assert_eq!((user.status, &user.body["name"]), (200, &json!("John Doe")));
    let orders = stack.get("/users/1/orders");
    assert_eq!((orders.status, &orders.body["orders"][0]["id"]), (200, &json!(1)));

    for (what, answer, status, code) in [
        ("an unknown user", stack.get("/users/99"), 404, "NOT_FOUND"),
        (
            "an order of nobody",
            stack.post("/orders", &LAPTOP.replace(":1,\"items", ":99,\"items")),
            404,
            "NOT_FOUND",
        ),
        ("an empty email", stack.post("/users", r#"{"name":"X","email":""}"#), 400, "INVALID_ARGUMENT"),
        ("malformed JSON", stack.post("/users", r#"{"name":"#), 400, "INVALID_ARGUMENT"),
        ("a taken email", stack.post("/users", JOHN), 409, "ALREADY_EXISTS"),
        ("an order without items", stack.post("/orders", r#"{"userId":1}"#), 400, "INVALID_ARGUMENT"),
    ] {
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{what}: {answer:?}");
    }
    let empty = stack.post("/users", r#"{"name":"X","email":""}"#);
    assert!(empty.body.to_string().contains(r#""field":"email""#), "the field is named: {empty:?}");

    let cancelled = stack.post("/orders/1:cancel", "{}");
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("CANCELLED")), "{cancelled:?}");
    let renamed = stack.send("PATCH", "/users/1", Some(r#"{"name":"Johnny"}"#));
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("Johnny")), "{renamed:?}");

    // All of it is there after a restart.
    assert!(stack.stop().success());
    let stack = Stack::start(shop);
    assert_eq!(stack.get("/users/1").body["name"], "Johnny");
    assert_eq!(stack.get("/orders/1").body["status"], "CANCELLED");
    assert!(stack.stop().success());
}

#[test]
fn a_request_is_followed_by_its_trace_through_all_three() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    stack.post("/users", JOHN);
    assert_eq!(stack.post("/orders", LAPTOP).status, 201);
    for (part, call) in [("gateway", "POST /orders"), ("order", "CreateOrder"), ("user", "ValidateUser")] {
        within(part, || {
            let followed = |line: &String| line.contains(part) && line.contains(call) && line.contains(TRACE);
            stack.lines().iter().any(followed).then_some(())
        });
    }
    assert!(stack.stop().success());
}

#[test]
fn a_killed_user_service_is_missed_and_found_again() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    stack.post("/users", JOHN);

    stack.signal("user-service", "KILL");
    let begun = Instant::now();
    let missed = stack.get("/users/1");
    assert_eq!((missed.status, &missed.body["code"]), (503, &json!("UNAVAILABLE")), "{missed:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    stack.says("user-service ended: signal: 9 (SIGKILL)");
    within("the health to show it", || {
        let health = stack.get("/health");
        (health.status == 503 && health.body["status"] == "degraded").then_some(())
    });
    assert_eq!(stack.get("/orders").status, 200, "the others go on");
    let order = stack.post("/orders", LAPTOP);
    assert_eq!((order.status, &order.body["code"]), (503, &json!("UNAVAILABLE")), "{order:?}");

    let again = stack.start_again("user-service");
    within("the user service to be found again", || (stack.get("/users/1").status == 200).then_some(()));
    within("the health to be well", || (stack.get("/health").status == 200).then_some(()));
    assert_eq!(stack.get("/users/1").body["email"], "john@example.com", "kill -9 lost nothing");
    assert_eq!(stack.post("/orders", LAPTOP).status, 201);
    drop(again);
    stack.stop();
}

#[test]
fn routes_change_under_load_and_no_call_fails() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    stack.post("/users", JOHN);
    let original = shop.read_routes();
    let done = AtomicBool::new(false);
    let mut slow = Vec::new();
    std::thread::scope(|scope| {
        let end = SetAtEnd(&done);
        let load = scope.spawn(|| {
            let mut calls = 0;
            while !done.load(Ordering::Relaxed) {
                let answer = stack.get("/users/1");
                assert_eq!(answer.status, 200, "call {calls}: {answer:?}");
                calls += 1;
            }
            calls
        });
        for n in 0..100 {
            match n % 4 {
                // A new route, saved in place or by renaming.
                0 | 2 => {
                    let route = "grpc: shop.user.v1.UserService/GetUser\n    response_body: user";
                    let text = format!("{original}\n  - get: /v{n}/{{user_id}}\n    {route}\n");
                    let saved = Instant::now();
                    if n % 4 == 0 {
                        shop.write_routes(&text)
                    } else {
                        shop.save_routes(&text)
                    }
                    within("a new route to answer", || {
                        (stack.get(&format!("/v{n}/1")).status == 200).then_some(())
                    });
                    slow.extend(Some(saved.elapsed()).filter(|took| *took > Duration::from_secs(1)));
                }
                1 => shop.write_routes(&format!("{original}\n  - gett: /broken\n")),
                _ => shop.write_routes(&original),
            }
        }
        drop(end);
        assert!(load.join().unwrap() > 100);
    });
    // The machine may be busy with something else for a moment.
    assert!(slow.len() <= 2, "of 50 new routes these took more than a second: {slow:?}");
    stack.stop();
}

/// Ends the load also when an assertion beside it fails.
struct SetAtEnd<'f>(&'f AtomicBool);

impl Drop for SetAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn the_parts_go_when_the_stack_is_killed() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    let ports = stack.ports();
    stack.kill_itself();
    within("all ports to be free", || {
        ports.iter().all(|port| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok()).then_some(())
    });
}

#[test]
fn it_tells_what_to_try_and_stops_in_order() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    let tries = stack.lines().iter().filter(|line| line.trim_start().starts_with("curl -i ")).count();
    assert_eq!(tries, 3);
    let lines = stack.stop_and_read();
    let stopped: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.trim_start().strip_prefix("up │ ")?.strip_suffix(" stopped"))
        .collect();
    assert_eq!(stopped, ["gateway", "order-service", "user-service"], "{lines:#?}");
}

#[test]
fn a_second_signal_does_not_wait_for_a_part_that_hangs() {
    let shop = Shop::new();
    let stack = Stack::start(&shop);
    stack.signal("user-service", "STOP");
    stack.interrupt();
    stack.says("order-service stopped");
    stack.interrupt();
    stack.says("stopping at once");
    assert!(!stack.wait().success());
}

#[test]
fn a_taken_port_is_one_line_before_anything_starts() {
    let shop = Shop::new();
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = shop.command().args(["--order-port", &port.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "cargo up: port {port} of order-service is in use by another program: choose another one with --order-port\n"
        )
    );
}

#[test]
fn a_missing_routes_file_is_one_line() {
    let shop = Shop::new();
    let output = shop.command().args(["--routes", "none.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("none.yaml cannot be read") && line.lines().count() == 1, "{line}");
}

fn is_rfc3339(text: &str) -> bool {
    let date = text.get(..19).unwrap_or_default();
    let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00" && text.ends_with('Z')
}
