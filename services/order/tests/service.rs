//! The order service over real sockets, beside a real user service.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::Duration;

use kit::server::Running;
use kit::settings::Environment;
use kit::testing::Postgres;
use order_service::pb::order_change::Kind;
use order_service::pb::order_service_client::OrderServiceClient;
use order_service::pb::{self, OrderItem, OrderStatus};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use user_service::pb::CreateUserRequest;
use user_service::pb::user_service_client::UserServiceClient;

/// Both services, with a user 1 whose name is Ann.
struct Shop {
    orders: OrderServiceClient<Channel>,
    order_server: Running,
    user_server: Running,
    folder: TempDir,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite:{}/order.db", folder.path().display());
        Self::open_over(folder, &database).await
    }

    async fn open_over(folder: TempDir, database: &str) -> Self {
        let user_server = start_users(&folder, "127.0.0.1:0").await;
        let uri = format!("http://{}", user_server.address());
        let ann = CreateUserRequest {
            name: "Ann".into(),
            email: "ann@shop.example".into(),
            ..CreateUserRequest::default()
        };
        UserServiceClient::connect(uri.clone()).await.unwrap().create_user(ann).await.unwrap();
        let order_server = start_orders(database, &uri).await;
        let orders = client(order_server.address()).await;
        Self { orders, order_server, user_server, folder }
    }

    async fn place(&mut self, items: &[OrderItem]) -> Result<pb::Order, Status> {
        let request = pb::CreateOrderRequest { user_id: 1, items: items.to_vec() };
        self.orders.create_order(request).await.map(|answer| answer.into_inner().order.unwrap())
    }

    async fn set(&mut self, order_id: i32, status: OrderStatus) -> Result<pb::Order, Status> {
        let request = pb::UpdateOrderStatusRequest { order_id, status: status.into() };
        self.orders.update_order_status(request).await.map(|answer| answer.into_inner().order.unwrap())
    }

    async fn cancel(&mut self, order_id: i32) -> Result<pb::Order, Status> {
        let answer = self.orders.cancel_order(pb::CancelOrderRequest { order_id }).await;
        answer.map(|answer| answer.into_inner().order.unwrap())
    }
}

async fn start_users(folder: &TempDir, listen: &str) -> Running {
    let database = format!("sqlite:{}/user.db", folder.path().display());
    let variables = [("LISTEN", listen), ("DATABASE_URL", &database)];
    user_service::start(&variables.into_iter().collect()).await.unwrap()
}

async fn start_orders(database: &str, users: &str) -> Running {
    let variables = [("LISTEN", "127.0.0.1:0"), ("DATABASE_URL", database), ("USER_SERVICE_URL", users)];
    order_service::start(&variables.into_iter().collect::<Environment>()).await.unwrap()
}

async fn client(address: SocketAddr) -> OrderServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    OrderServiceClient::new(endpoint.connect().await.unwrap())
}

fn item(product_name: &str, quantity: i32, price: f64) -> OrderItem {
    OrderItem { product_name: product_name.into(), quantity, price }
}

/// The fields that a bad request names.
fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().expect("google.rpc.BadRequest");
    details.field_violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn an_order_carries_its_user_and_its_exact_total() {
    let folder = tempfile::tempdir().unwrap();
    let mut databases = vec![format!("sqlite:{}/order.db", folder.path().display())];
    let postgres = Postgres::start();
    databases.extend(postgres.as_ref().map(|postgres| postgres.database("orders")));
    for database in databases {
        let mut shop = Shop::open_over(tempfile::tempdir().unwrap(), &database).await;
        let request = pb::CreateOrderRequest {
            user_id: 1,
            items: vec![item("Laptop", 1, 999.99), item("Pen", 3, 0.1), item("Cable", 1, 1.005)],
        };
        let answer = shop.orders.create_order(request).await.unwrap().into_inner();
        assert_eq!(answer.message, "Order created successfully");
        let order = answer.order.unwrap();
        assert_eq!((order.id, order.user_id), (1, 1));
        assert_eq!((order.user_name.as_str(), order.user_email.as_str()), ("Ann", "ann@shop.example"));
        assert_eq!(order.total_amount, 1001.29);
        assert_eq!(order.items[2].price, 1.0);
        assert_eq!(order.status(), OrderStatus::Pending);
        assert!(order.created_at.unwrap().seconds > 1_700_000_000);
        let read = shop.orders.get_order(pb::GetOrderRequest { order_id: 1 }).await.unwrap();
        assert_eq!(read.into_inner().order, Some(order));
    }
}

#[tokio::test]
async fn an_unknown_user_or_order_is_not_found() {
    let mut shop = Shop::open().await;
    let strangers = pb::CreateOrderRequest { user_id: 9, items: vec![item("Laptop", 1, 1.0)] };
    let status = shop.orders.create_order(strangers).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "user not found"));
    for outcome in [
        shop.orders.get_order(pb::GetOrderRequest { order_id: 9 }).await.map(drop),
        shop.set(9, OrderStatus::Confirmed).await.map(drop),
        shop.cancel(9).await.map(drop),
    ] {
        let status = outcome.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::NotFound, "order not found"));
    }
}

#[tokio::test]
async fn a_bad_order_is_refused_with_every_field_named() {
    let mut shop = Shop::open().await;
    let many = vec![item("a", 1, 1.0); 101];
    for (user_id, items, wanted) in [
        (1, vec![], &["items"][..]),
        (0, vec![], &["user_id", "items"]),
        (-1, vec![item("a", 1, 1.0)], &["user_id"]),
        (1, many, &["items"]),
        (
            1,
            vec![item("a", 1, 1.0), item(" ", 0, -1.0)],
            &["items[1].product_name", "items[1].quantity", "items[1].price"],
        ),
        (1, vec![item("a", 10_001, 1.0)], &["items[0].quantity"]),
        (1, vec![item("a", 1, f64::NAN)], &["items[0].price"]),
        (1, vec![item("a", 1, f64::INFINITY)], &["items[0].price"]),
        (1, vec![item("a", 1, 1e300)], &["items[0].price"]),
    ] {
        let status = shop.orders.create_order(pb::CreateOrderRequest { user_id, items }).await.unwrap_err();
        assert_eq!(fields(&status), wanted);
    }
    assert_eq!(fields(&shop.set(1, OrderStatus::Unspecified).await.unwrap_err()), ["status"]);
    let strange = pb::UpdateOrderStatusRequest { order_id: 1, status: 77 };
    assert_eq!(fields(&shop.orders.update_order_status(strange).await.unwrap_err()), ["status"]);
    assert_eq!(fields(&shop.cancel(0).await.unwrap_err()), ["order_id"]);
}

#[tokio::test]
async fn an_order_follows_its_course() {
    let mut shop = Shop::open().await;
    let id = shop.place(&[item("a", 1, 1.0)]).await.unwrap().id;
    let early = shop.set(id, OrderStatus::Shipped).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    for status in [OrderStatus::Confirmed, OrderStatus::Shipped] {
        assert_eq!(shop.set(id, status).await.unwrap().status(), status);
    }
    let late = shop.cancel(id).await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    assert_eq!(late.message(), "the order is SHIPPED and cannot become CANCELLED");
    assert_eq!(late.get_details_precondition_failure().unwrap().violations.len(), 1);

    let id = shop.place(&[item("b", 1, 1.0)]).await.unwrap().id;
    assert_eq!(shop.cancel(id).await.unwrap().status(), OrderStatus::Cancelled);
    assert_eq!(shop.cancel(id).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn orders_are_listed_page_by_page() {
    let mut shop = Shop::open().await;
    for _ in 0..3 {
        shop.place(&[item("a", 1, 1.0)]).await.unwrap();
    }
    let ask = |user_id, page_token| pb::ListOrdersRequest { user_id, page_size: 2, page_token };
    for user_id in [0, 1] {
        let first = shop.orders.list_orders(ask(user_id, String::new())).await.unwrap().into_inner();
        assert_eq!(first.orders.iter().map(|order| order.id).collect::<Vec<_>>(), [1, 2]);
        let token = first.next_page_token;
        let second = shop.orders.list_orders(ask(user_id, token.clone())).await.unwrap().into_inner();
        assert_eq!((second.orders[0].id, second.next_page_token.as_str()), (3, ""));
        let crossed = shop.orders.list_orders(ask(2, token)).await.unwrap_err();
        assert_eq!(fields(&crossed), ["page_token"]);
    }
    let none = shop.orders.list_orders(ask(2, String::new())).await.unwrap().into_inner();
    assert_eq!((none.orders.len(), none.next_page_token.as_str()), (0, ""));
    assert_eq!(fields(&shop.orders.list_orders(ask(-1, String::new())).await.unwrap_err()), ["user_id"]);
}

#[tokio::test]
async fn who_watches_sees_every_change_in_its_order_until_the_service_stops() {
    let mut shop = Shop::open().await;
    let mut watch =
        shop.orders.watch_orders(pb::WatchOrdersRequest { user_id: 0 }).await.unwrap().into_inner();
    let id = shop.place(&[item("a", 1, 1.0)]).await.unwrap().id;
    shop.set(id, OrderStatus::Confirmed).await.unwrap();
    shop.cancel(id).await.unwrap();
    for (kind, status) in [
        (Kind::Created, OrderStatus::Pending),
        (Kind::StatusChanged, OrderStatus::Confirmed),
        (Kind::StatusChanged, OrderStatus::Cancelled),
    ] {
        let change = watch.message().await.unwrap().unwrap();
        assert_eq!((change.kind(), change.order.unwrap().status()), (kind, status));
    }
    assert!(shop.order_server.stop().await, "the watch did not hold the service up");
    assert_eq!(watch.message().await.unwrap(), None, "it ended in good order");
}

#[tokio::test]
async fn a_call_that_runs_is_finished_before_a_stop() {
    let Shop { mut orders, order_server, user_server, folder } = Shop::open().await;
    // CreateOrder hangs in a user service that does not answer; when that one lets go, the real one is back.
    let address = user_server.address();
    assert!(user_server.stop().await);
    let request = pb::CreateOrderRequest { user_id: 1, items: vec![item("a", 1, 1.0)] };
    let silent = tokio::net::TcpListener::bind(address).await.unwrap();
    let call = tokio::spawn(async move { orders.create_order(request).await });
    let (asked, _) = silent.accept().await.unwrap();
    let stopping = tokio::spawn(order_server.stop());
    drop(silent);
    let users = start_users(&folder, &address.to_string()).await;
    drop(asked);
    let outcome = call.await.unwrap();
    assert!(stopping.await.unwrap(), "the call finished in time");
    let order = outcome.unwrap().into_inner().order.unwrap();
    assert_eq!(order.user_name, "Ann");
    assert!(users.stop().await);
}

#[tokio::test]
async fn a_user_service_that_is_away_makes_only_new_orders_unavailable() {
    let mut shop = Shop::open().await;
    shop.place(&[item("a", 1, 1.0)]).await.unwrap();
    let address = shop.user_server.address();
    assert!(shop.user_server.stop().await);

    let items = vec![item("b", 1, 1.0)];
    let request = pb::CreateOrderRequest { user_id: 1, items };
    let status = shop.orders.create_order(request.clone()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "the user service is unavailable"));
    shop.orders.get_order(pb::GetOrderRequest { order_id: 1 }).await.unwrap();

    let users = start_users(&shop.folder, &address.to_string()).await;
    let placed = shop.orders.create_order(request).await.unwrap().into_inner();
    assert_eq!(placed.order.unwrap().id, 2, "it recovers by itself");
    assert!(users.stop().await);
}

#[tokio::test]
async fn the_service_starts_without_the_user_service() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let database = format!("sqlite:{}/order.db", folder.path().display());
    let server = start_orders(&database, &nobody.to_string()).await;
    let mut orders = client(server.address()).await;
    let none = orders.list_orders(pb::ListOrdersRequest::default()).await.unwrap().into_inner();
    assert_eq!(none.orders.len(), 0);
}

#[tokio::test]
async fn a_user_service_that_never_answers_costs_three_seconds() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let users = silent.local_addr().unwrap().to_string();
    let server = start_orders("sqlite::memory:", &users).await;
    let mut orders = client(server.address()).await;
    let begun = std::time::Instant::now();
    let request = pb::CreateOrderRequest { user_id: 1, items: vec![item("a", 1, 1.0)] };
    let status = orders.create_order(request).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(
        (status.code(), status.message()),
        (Code::DeadlineExceeded, "the user service did not answer in time")
    );
}
