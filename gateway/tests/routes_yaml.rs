//! The worked example at the top of the project loads without a finding.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use gateway::config;

fn example() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../routes.yaml"))
}

#[test]
fn the_worked_example_has_no_findings() {
    let loaded = config::load(example(), &|_| None);
    assert_eq!(loaded.diagnostics.render(false), "");
    let config = loaded.config.unwrap();
    let routes: Vec<String> = config
        .routes
        .iter()
        .map(|route| format!("{} -> {} @ {} in {:?}", route.name, route.grpc, route.targets, route.timeout))
        .collect();
    let expected = [
        "POST /users -> shop.user.v1.UserService/CreateUser @ userService in 3s",
        "GET /users/{user_id} -> shop.user.v1.UserService/GetUser @ userService in 3s",
        "GET /users -> shop.user.v1.UserService/ListUsers @ userService in 3s",
        "PATCH /users/{user.id} -> shop.user.v1.UserService/UpdateUser @ userService in 3s",
        "DELETE /users/{user_id} -> shop.user.v1.UserService/DeleteUser @ userService in 3s",
        "POST /orders -> shop.order.v1.OrderService/CreateOrder @ orderService in 5s",
        "GET /orders/{order_id} -> shop.order.v1.OrderService/GetOrder @ orderService in 5s",
        "GET /users/{user_id}/orders -> shop.order.v1.OrderService/ListOrders @ orderService in 5s",
        "GET /orders -> shop.order.v1.OrderService/ListOrders @ orderService in 5s",
        "PATCH /orders/{order_id}/status -> shop.order.v1.OrderService/UpdateOrderStatus @ orderService in 5s",
        "POST /orders/{order_id}:cancel -> shop.order.v1.OrderService/CancelOrder @ orderService in 5s",
    ];
    assert_eq!(routes, expected);
    assert_eq!(config.listeners[0].address.to_string(), "0.0.0.0:3000");
    assert_eq!(config.upstreams["userService"].addresses[0].to_string(), "localhost:50051");
}

#[test]
fn the_environment_moves_ports_and_services() {
    let env = |name: &str| match name {
        "GATEWAY_PORT" => Some("8080".to_owned()),
        "USER_SERVICE_URL" => Some("http://users:50051".to_owned()),
        _ => None,
    };
    let config = config::load(example(), &env).config.unwrap();
    assert_eq!(config.listeners[0].address.port(), 8080);
    assert_eq!(config.upstreams["userService"].addresses[0].to_string(), "http://users:50051");
}
