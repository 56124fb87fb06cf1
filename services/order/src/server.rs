//! The methods of the order service: checks, the question to the user service, calls of the store, answers.

use std::sync::Arc;

use kit::clock;
use kit::page::Page;
use kit::violations::Violations;
use prost_types::Timestamp;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::money::Cents;
use crate::pb;
use crate::pb::OrderStatus;
use crate::pb::order_change::Kind;
use crate::pb::order_service_server::OrderService;
use crate::progress;
use crate::store::{Item, NewOrder, Order, OrderStore};
use crate::users::Users;
use crate::watch::{Board, Changes};

const MOST_ITEMS: usize = 100;
const PRODUCT_NAME_LENGTH: usize = 200;
/// With the dearest price and the most items, a total stays below 2^53 cents and thereby exact as a double.
const MOST_OF_ONE: i32 = 10_000;
/// How many orders can change at once in this process; changes of the same order wait for each other.
const LANES: usize = 64;

/// The order service over a store and a user service.
pub(crate) struct Orders {
    store: Arc<dyn OrderStore>,
    users: Users,
    board: Board,
    /// Changes of one order are made and told one after the other, so that watchers see them in that order.
    lanes: [Mutex<()>; LANES],
}

impl Orders {
    pub(crate) fn new(store: Arc<dyn OrderStore>, users: Users, stop: CancellationToken) -> Self {
        let lanes = std::array::from_fn(|_| Mutex::new(()));
        Self { store, users, board: Board::new(stop), lanes }
    }

    /// Moves an order to a status that may follow its own.
    async fn advance(&self, id: i32, to: OrderStatus) -> Result<pb::Order, Status> {
        let lane = usize::try_from(id).unwrap_or_default() % LANES;
        let _one_after_the_other = match self.lanes.get(lane) {
            Some(lane) => Some(lane.lock().await),
            None => None,
        };
        loop {
            let order = self.store.get(id).await?.ok_or_else(unknown_order)?;
            progress::check(id, order.status, to)?;
            let now = clock::now();
            // Another process may have changed the order since it was read: then the step is judged anew.
            if self.store.set_status(id, order.status, to, now).await? {
                let order: pb::Order = Order { status: to, updated_at: now, ..order }.into();
                self.board.tell(change(Kind::StatusChanged, &order));
                return Ok(order);
            }
        }
    }
}

#[tonic::async_trait]
impl OrderService for Orders {
    type WatchOrdersStream = Changes;

    async fn create_order(
        &self,
        request: Request<pb::CreateOrderRequest>,
    ) -> Result<Response<pb::CreateOrderResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let items = read_items(request.user_id, request.items)?;
        let user = self.users.validate(request.user_id, &metadata).await?;
        let user = user.ok_or_else(|| Status::not_found("user not found"))?;
        let order = NewOrder { user_id: user.id, user_name: user.name, user_email: user.email, items };
        let order: pb::Order = self.store.create(&order, clock::now()).await?.into();
        self.board.tell(change(Kind::Created, &order));
        let message = "Order created successfully".to_owned();
        Ok(Response::new(pb::CreateOrderResponse { order: Some(order), message }))
    }

    async fn get_order(
        &self,
        request: Request<pb::GetOrderRequest>,
    ) -> Result<Response<pb::GetOrderResponse>, Status> {
        let id = known_id(request.into_inner().order_id)?;
        let order = self.store.get(id).await?.ok_or_else(unknown_order)?;
        Ok(Response::new(pb::GetOrderResponse { order: Some(order.into()) }))
    }

    async fn list_orders(
        &self,
        request: Request<pb::ListOrdersRequest>,
    ) -> Result<Response<pb::ListOrdersResponse>, Status> {
        let request = request.into_inner();
        check_filter(request.user_id)?;
        let page = Page::read(request.page_size, &request.page_token, request.user_id)?;
        let mut orders = self.store.list(request.user_id, page.after, page.fetch()).await?;
        let next_page_token = page.finish(&mut orders, |order| order.id);
        let orders = orders.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListOrdersResponse { orders, next_page_token }))
    }

    async fn update_order_status(
        &self,
        request: Request<pb::UpdateOrderStatusRequest>,
    ) -> Result<Response<pb::UpdateOrderStatusResponse>, Status> {
        let request = request.into_inner();
        let id = known_id(request.order_id)?;
        let to = match OrderStatus::try_from(request.status) {
            Ok(OrderStatus::Unspecified) => return Err(Violations::one("status", "is required")),
            Ok(status) => status,
            Err(_) => return Err(Violations::one("status", "is not a status of an order")),
        };
        let order = self.advance(id, to).await?;
        Ok(Response::new(pb::UpdateOrderStatusResponse { order: Some(order) }))
    }

    async fn cancel_order(
        &self,
        request: Request<pb::CancelOrderRequest>,
    ) -> Result<Response<pb::CancelOrderResponse>, Status> {
        let id = known_id(request.into_inner().order_id)?;
        let order = self.advance(id, OrderStatus::Cancelled).await?;
        Ok(Response::new(pb::CancelOrderResponse { order: Some(order) }))
    }

    async fn watch_orders(
        &self,
        request: Request<pb::WatchOrdersRequest>,
    ) -> Result<Response<Self::WatchOrdersStream>, Status> {
        let user_id = request.into_inner().user_id;
        check_filter(user_id)?;
        Ok(Response::new(self.board.watch(user_id)?))
    }
}

/// Checks all that a new order says, and turns its prices into cents.
fn read_items(user_id: i32, items: Vec<pb::OrderItem>) -> Result<Vec<Item>, Status> {
    let mut violations = Violations::new();
    violations.check(user_id > 0, "user_id", "must be a positive number");
    violations.check(!items.is_empty(), "items", "must not be empty");
    if items.len() > MOST_ITEMS {
        return Err(Violations::one("items", format!("must be at most {MOST_ITEMS}")));
    }
    let mut read = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let field = |name: &str| format!("items[{index}].{name}");
        violations.text(&field("product_name"), &item.product_name, true, PRODUCT_NAME_LENGTH);
        if !(1..=MOST_OF_ONE).contains(&item.quantity) {
            violations.add(field("quantity"), format!("must be 1 to {MOST_OF_ONE}"));
        }
        let price = Cents::from_price(item.price).unwrap_or_else(|error| {
            violations.add(field("price"), error.to_string());
            Cents::default()
        });
        read.push(Item { product_name: item.product_name, quantity: item.quantity, price });
    }
    violations.finish()?;
    Ok(read)
}

fn known_id(id: i32) -> Result<i32, Status> {
    if id > 0 { Ok(id) } else { Err(Violations::one("order_id", "must be a positive number")) }
}

/// The user whose orders are wanted; 0 is everybody.
fn check_filter(user_id: i32) -> Result<(), Status> {
    if user_id >= 0 { Ok(()) } else { Err(Violations::one("user_id", "must not be negative")) }
}

fn unknown_order() -> Status {
    Status::not_found("order not found")
}

fn change(kind: Kind, order: &pb::Order) -> pb::OrderChange {
    pb::OrderChange { kind: kind.into(), order: Some(order.clone()) }
}

impl From<Order> for pb::Order {
    fn from(order: Order) -> Self {
        let items = order.placed.items.into_iter().map(|item| pb::OrderItem {
            product_name: item.product_name,
            quantity: item.quantity,
            price: item.price.to_wire(),
        });
        Self {
            id: order.id,
            user_id: order.placed.user_id,
            user_name: order.placed.user_name,
            user_email: order.placed.user_email,
            items: items.collect(),
            total_amount: order.total.to_wire(),
            status: order.status.into(),
            created_at: Some(timestamp(order.created_at)),
        }
    }
}

fn timestamp(millis: i64) -> Timestamp {
    let (seconds, nanos) = clock::parts(millis);
    Timestamp { seconds, nanos }
}
