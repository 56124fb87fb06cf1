//! Where orders are kept: what any store promises, and how one is opened.

mod sql;

use std::sync::Arc;

use kit::database::{Database, Migrations, OpenError, Trouble};

use crate::money::Cents;
use crate::pb::OrderStatus;

/// An order as it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Who orders.
    pub user_id: i32,
    /// The user's name on this day.
    pub user_name: String,
    /// The user's email address on this day.
    pub user_email: String,
    /// What is ordered.
    pub items: Vec<Item>,
}

impl NewOrder {
    /// What the order costs.
    #[must_use]
    pub fn total(&self) -> Cents {
        self.items.iter().map(|item| item.price.times(item.quantity)).sum()
    }
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What is bought.
    pub product_name: String,
    /// How many.
    pub quantity: i32,
    /// The price of one.
    pub price: Cents,
}

/// An order as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Given by the store; counts up from 1.
    pub id: i32,
    /// What was placed.
    pub placed: NewOrder,
    /// The sum over all items.
    pub total: Cents,
    /// How far it has come.
    pub status: OrderStatus,
    /// Milliseconds since 1970, UTC.
    pub created_at: i64,
    /// Milliseconds since 1970, UTC.
    pub updated_at: i64,
}

/// What a store of orders does. `now` is in milliseconds since 1970, UTC.
#[async_trait::async_trait]
pub trait OrderStore: Send + Sync + 'static {
    /// Keeps a new order, which is PENDING, whole or not at all.
    async fn create(&self, order: &NewOrder, now: i64) -> Result<Order, Trouble>;
    /// The order with this id, if there is one.
    async fn get(&self, id: i32) -> Result<Option<Order>, Trouble>;
    /// The orders after the id `after`, by id, at most `limit`; of one user, or of all when `user_id` is 0.
    async fn list(&self, user_id: i32, after: i32, limit: i64) -> Result<Vec<Order>, Trouble>;
    /// Gives an order the status `to` if it still has the status `from`; answers whether it did.
    async fn set_status(
        &self,
        id: i32,
        from: OrderStatus,
        to: OrderStatus,
        now: i64,
    ) -> Result<bool, Trouble>;
    /// Proves that the orders can be read.
    async fn probe(&self) -> Result<(), Trouble>;
}

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[("orders", include_str!("../migrations/sqlite/0001_orders.sql"))],
    postgres: &[("orders", include_str!("../migrations/postgres/0001_orders.sql"))],
};

/// Opens the store that the URL names.
///
/// # Errors
/// The database is not there, or its tables cannot be brought up to date.
pub async fn open(url: &str) -> Result<Arc<dyn OrderStore>, OpenError> {
    Ok(match kit::database::open(url, &MIGRATIONS).await? {
        Database::Sqlite(pool) => Arc::new(sql::SqliteOrders(pool)),
        Database::Postgres(pool) => Arc::new(sql::PostgresOrders(pool)),
    })
}

/// The store as the health of the service sees it.
pub struct StoreProbe(pub Arc<dyn OrderStore>);

#[async_trait::async_trait]
impl kit::health::Probe for StoreProbe {
    async fn probe(&self) -> Result<(), String> {
        self.0.probe().await.map_err(|error| error.to_string())
    }
}
