//! Orders in a SQL database. SQLite and PostgreSQL understand the same statements, so one text serves both; a macro
//! writes it down for each, because sqlx's types for the two differ in every step.

use sqlx::{PgPool, Row, SqlitePool};

use super::{Item, NewOrder, Order, OrderStore, Trouble};
use crate::money::Cents;
use crate::pb::OrderStatus;

const CREATE: &str = "INSERT INTO orders (user_id, user_name, user_email, total_cents, status, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id";
const ADD_ITEM: &str = "INSERT INTO order_items (order_id, line, product_name, quantity, price_cents) \
     VALUES ($1, $2, $3, $4, $5)";
const LIST: &str = "SELECT id, user_id, user_name, user_email, total_cents, status, created_at, updated_at FROM orders \
     WHERE id > $1 ORDER BY id LIMIT $2";
const LIST_OF_USER: &str = "SELECT id, user_id, user_name, user_email, total_cents, status, created_at, updated_at FROM orders \
     WHERE user_id = $3 AND id > $1 ORDER BY id LIMIT $2";
const GET: &str = "SELECT id, user_id, user_name, user_email, total_cents, status, created_at, updated_at FROM orders \
     WHERE id = $1";
/// The items of the orders from one id to another; of one user, or of all when that is 0.
const ITEMS: &str = "SELECT i.order_id, i.product_name, i.quantity, i.price_cents \
     FROM order_items i JOIN orders o ON o.id = i.order_id \
     WHERE o.id >= $1 AND o.id <= $2 AND ($3 = 0 OR o.user_id = $3) ORDER BY i.order_id, i.line";
const SET_STATUS: &str = "UPDATE orders SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2";
const PROBE: &str = "SELECT id FROM orders LIMIT 1";

/// Orders in a SQLite database.
pub(super) struct SqliteOrders(pub(super) SqlitePool);

/// Orders in a PostgreSQL database.
pub(super) struct PostgresOrders(pub(super) PgPool);

/// A status that this program does not know, written by a newer one, reads as UNSPECIFIED.
fn status_of(text: &str) -> OrderStatus {
    OrderStatus::from_str_name(text).unwrap_or_default()
}

macro_rules! order_store {
    ($store:ty, $row:ty) => {
        impl $store {
            /// An order without its items.
            fn read(row: &$row) -> Result<Order, sqlx::Error> {
                let placed = NewOrder {
                    user_id: row.try_get("user_id")?,
                    user_name: row.try_get("user_name")?,
                    user_email: row.try_get("user_email")?,
                    items: Vec::new(),
                };
                Ok(Order {
                    id: row.try_get("id")?,
                    placed,
                    total: Cents(row.try_get("total_cents")?),
                    status: status_of(row.try_get("status")?),
                    created_at: row.try_get("created_at")?,
                    updated_at: row.try_get("updated_at")?,
                })
            }

            /// Reads the items of orders that are in the order of their ids.
            async fn add_items(&self, orders: &mut [Order], user_id: i32) -> Result<(), sqlx::Error> {
                let (Some(first), Some(last)) = (orders.first(), orders.last()) else { return Ok(()) };
                let (first, last) = (first.id, last.id);
                let query = sqlx::query(ITEMS).bind(first).bind(last).bind(user_id);
                let mut orders = orders.iter_mut().peekable();
                for row in query.fetch_all(&self.0).await? {
                    let order_id: i32 = row.try_get("order_id")?;
                    while orders.next_if(|order| order.id < order_id).is_some() {}
                    let Some(order) = orders.peek_mut().filter(|order| order.id == order_id) else {
                        continue;
                    };
                    order.placed.items.push(Item {
                        product_name: row.try_get("product_name")?,
                        quantity: row.try_get("quantity")?,
                        price: Cents(row.try_get("price_cents")?),
                    });
                }
                Ok(())
            }
        }

        #[async_trait::async_trait]
        impl OrderStore for $store {
            async fn create(&self, order: &NewOrder, now: i64) -> Result<Order, Trouble> {
                let total = order.total();
                let mut transaction = self.0.begin().await?;
                let row = sqlx::query(CREATE)
                    .bind(order.user_id)
                    .bind(&order.user_name)
                    .bind(&order.user_email)
                    .bind(total.0)
                    .bind(OrderStatus::Pending.as_str_name())
                    .bind(now)
                    .fetch_one(&mut *transaction)
                    .await?;
                let id: i32 = row.try_get("id")?;
                for (line, item) in (0i32..).zip(&order.items) {
                    sqlx::query(ADD_ITEM)
                        .bind(id)
                        .bind(line)
                        .bind(&item.product_name)
                        .bind(item.quantity)
                        .bind(item.price.0)
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await?;
                let (placed, status) = (order.clone(), OrderStatus::Pending);
                Ok(Order { id, placed, total, status, created_at: now, updated_at: now })
            }

            async fn get(&self, id: i32) -> Result<Option<Order>, Trouble> {
                let row = sqlx::query(GET).bind(id).fetch_optional(&self.0).await?;
                let Some(row) = row else { return Ok(None) };
                let mut order = Self::read(&row)?;
                self.add_items(std::slice::from_mut(&mut order), 0).await?;
                Ok(Some(order))
            }

            async fn list(&self, user_id: i32, after: i32, limit: i64) -> Result<Vec<Order>, Trouble> {
                let query = match user_id {
                    0 => sqlx::query(LIST).bind(after).bind(limit),
                    user => sqlx::query(LIST_OF_USER).bind(after).bind(limit).bind(user),
                };
                let rows = query.fetch_all(&self.0).await?;
                let mut orders = rows.iter().map(Self::read).collect::<Result<Vec<_>, _>>()?;
                self.add_items(&mut orders, user_id).await?;
                Ok(orders)
            }

            async fn set_status(
                &self,
                id: i32,
                from: OrderStatus,
                to: OrderStatus,
                now: i64,
            ) -> Result<bool, Trouble> {
                let done = sqlx::query(SET_STATUS)
                    .bind(id)
                    .bind(from.as_str_name())
                    .bind(to.as_str_name())
                    .bind(now)
                    .execute(&self.0)
                    .await?;
                Ok(done.rows_affected() > 0)
            }

            async fn probe(&self) -> Result<(), Trouble> {
                sqlx::query(PROBE).fetch_optional(&self.0).await?;
                Ok(())
            }
        }
    };
}

order_store!(SqliteOrders, sqlx::sqlite::SqliteRow);
order_store!(PostgresOrders, sqlx::postgres::PgRow);
