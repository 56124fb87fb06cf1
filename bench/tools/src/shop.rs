//! What the upstream's shop holds: everything follows from the request by a formula, which `bench/workloads.py`
//! knows too. So the answers are checked against a second opinion.

use prost_types::Timestamp;

#[allow(dead_code, clippy::all)] // the annotations come along
mod protos {
    include!(concat!(env!("OUT_DIR"), "/protos.rs"));
}

pub use protos::bench::v1::*;

/// The descriptor set of these messages and their services.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/bench.binpb"));

const NAME: &str = "Alice Johnson";
const EMAIL: &str = "alice@example.com";
/// 2026-01-02T03:04:05Z
const CREATED: Timestamp = Timestamp { seconds: 1_767_323_045, nanos: 0 };
/// What is sold: plain words, a quotation mark to be escaped, and characters beyond ASCII.
const CATALOGUE: [&str; 5] =
    ["Laptop", "USB-C cable, 2 m", "Monitor 27\"", "Crème brûlée torch", "Notebook, ruled, A5"];
/// The price of each, in cents.
const CENTS: [i32; 5] = [99_999, 1_250, 32_900, 2_499, 375];

/// The user that GetUser answers with.
pub fn user(id: i32) -> User {
    User {
        id,
        name: NAME.into(),
        email: EMAIL.into(),
        phone: "+1-555-0100".into(),
        address: "123 Main St, Springfield, IL 62701".into(),
        created_at: Some(CREATED),
    }
}

/// The user that CreateUser answers with: what was sent, and an id.
pub fn created_user(request: CreateUserRequest) -> User {
    let CreateUserRequest { name, email, phone, address } = request;
    User { name, email, phone, address, ..user(42) }
}

/// The order that CreateOrder answers with: what was sent, an id and the total.
pub fn created_order(request: CreateOrderRequest) -> Order {
    order(4711, request.user_id, request.items)
}

/// The page of orders that ListOrders answers with: orders of one item each.
pub fn orders(request: &ListOrdersRequest) -> ListOrdersResponse {
    let orders = (1..=request.page_size).map(|id| order(id, request.user_id, vec![item(id)])).collect();
    ListOrdersResponse { orders }
}

/// The user whom the floor registers.
pub fn user_request() -> CreateUserRequest {
    let User { name, email, phone, address, .. } = user(0);
    CreateUserRequest { name, email, phone, address }
}

/// The order of `count` items that the floor places.
pub fn order_request(count: i32) -> CreateOrderRequest {
    CreateOrderRequest { user_id: 1, items: (0..count).map(item).collect() }
}

fn order(id: i32, user_id: i32, items: Vec<OrderItem>) -> Order {
    let total = items.iter().map(|item| item.price * f64::from(item.quantity)).sum();
    Order {
        id,
        user_id,
        user_name: NAME.into(),
        user_email: EMAIL.into(),
        items,
        total_amount: total,
        status: 1 + id % 5,
        created_at: Some(CREATED),
    }
}

fn item(number: i32) -> OrderItem {
    let kind = usize::try_from(number).unwrap_or_default() % CATALOGUE.len();
    OrderItem {
        product_name: CATALOGUE[kind].into(),
        quantity: 1 + number % 4,
        price: f64::from(CENTS[kind]) / 100.0,
    }
}
