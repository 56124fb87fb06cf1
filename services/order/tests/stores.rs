//! What a store of orders promises, shown for SQLite and for PostgreSQL by the same suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use kit::testing::Postgres;
use order_service::money::Cents;
use order_service::pb::OrderStatus;
use order_service::store::{self, Item, NewOrder, OrderStore};

fn item(product_name: &str, quantity: i32, cents: i64) -> Item {
    Item { product_name: product_name.into(), quantity, price: Cents(cents) }
}

fn order(user_id: i32, items: &[Item]) -> NewOrder {
    let (user_name, user_email) = ("Ann".to_owned(), "ann@shop.example".to_owned());
    NewOrder { user_id, user_name, user_email, items: items.to_vec() }
}

/// Each part gets a store of its own, named after it.
macro_rules! suite {
    ($open:expr) => {{
        let open = $open;
        orders_are_kept_as_placed(open("kept").await).await;
        pages_follow_the_ids_of_one_user_or_all(open("pages").await).await;
        a_status_changes_only_from_the_expected_one(open("status").await).await;
        writers_do_not_get_in_each_others_way(open("writers").await).await;
    }};
}

#[tokio::test]
async fn sqlite_keeps_the_promises() {
    let folder = tempfile::tempdir().unwrap();
    suite!(async |name: &str| {
        store::open(&format!("sqlite:{}/{name}.db", folder.path().display())).await.unwrap()
    });
}

#[tokio::test]
async fn postgres_keeps_the_promises() {
    let Some(postgres) = Postgres::start() else { return };
    suite!(async |name: &str| store::open(&postgres.database(name)).await.unwrap());
}

#[tokio::test]
async fn orders_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite:{}/order.db", folder.path().display())];
    let postgres = Postgres::start();
    urls.extend(postgres.as_ref().map(|postgres| postgres.database("restart")));
    for url in urls {
        let placed = order(1, &[item("Laptop", 1, 99_999)]);
        let made = store::open(&url).await.unwrap().create(&placed, 1).await.unwrap();
        assert_eq!(store::open(&url).await.unwrap().get(made.id).await.unwrap(), Some(made), "{url}");
    }
}

async fn orders_are_kept_as_placed(store: Arc<dyn OrderStore>) {
    let placed =
        order(7, &[item("Laptop", 1, 99_999), item("Ünï 'quoted'; --", 3, 1_999), item("Gift", 1, 0)]);
    let made = store.create(&placed, 1_767_088_800_123).await.unwrap();
    assert_eq!((made.id, made.status, made.total), (1, OrderStatus::Pending, Cents(105_996)));
    assert_eq!((made.created_at, made.updated_at), (1_767_088_800_123, 1_767_088_800_123));
    assert_eq!(made.placed, placed);
    store.create(&order(8, &[item("Other", 1, 1)]), 1).await.unwrap();
    assert_eq!(store.get(1).await.unwrap(), Some(made));
    assert_eq!(store.get(9).await.unwrap(), None);
    store.probe().await.unwrap();
}

async fn pages_follow_the_ids_of_one_user_or_all(store: Arc<dyn OrderStore>) {
    for (user_id, product) in [(1, "a"), (2, "b"), (1, "c"), (2, "d"), (1, "e")] {
        store.create(&order(user_id, &[item(product, 1, 1), item("more", 1, 1)]), 1).await.unwrap();
    }
    let found = async |user_id, after, limit| -> Vec<(i32, String)> {
        let orders = store.list(user_id, after, limit).await.unwrap();
        assert!(orders.iter().all(|order| order.placed.items.len() == 2));
        orders.into_iter().map(|order| (order.id, order.placed.items[0].product_name.clone())).collect()
    };
    let row = |id, product: &str| (id, product.to_owned());
    assert_eq!(found(0, 0, 2).await, [row(1, "a"), row(2, "b")]);
    assert_eq!(found(0, 2, 100).await, [row(3, "c"), row(4, "d"), row(5, "e")]);
    assert_eq!(found(1, 0, 2).await, [row(1, "a"), row(3, "c")]);
    assert_eq!(found(1, 3, 100).await, [row(5, "e")]);
    assert_eq!(found(2, 4, 100).await, []);
    assert_eq!(found(3, 0, 100).await, []);
}

async fn a_status_changes_only_from_the_expected_one(store: Arc<dyn OrderStore>) {
    let id = store.create(&order(1, &[item("a", 1, 1)]), 1).await.unwrap().id;
    let (pending, confirmed, cancelled) =
        (OrderStatus::Pending, OrderStatus::Confirmed, OrderStatus::Cancelled);
    assert!(store.set_status(id, pending, confirmed, 5).await.unwrap());
    assert!(!store.set_status(id, pending, cancelled, 6).await.unwrap());
    assert!(!store.set_status(99, pending, cancelled, 6).await.unwrap());
    let now = store.get(id).await.unwrap().unwrap();
    assert_eq!((now.status, now.created_at, now.updated_at), (confirmed, 1, 5));
}

async fn writers_do_not_get_in_each_others_way(store: Arc<dyn OrderStore>) {
    let writers: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create(&order(n, &[item("a", 1, 1), item("b", 1, 1)]), 1).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(store.list(0, 0, 100).await.unwrap().len(), 20);
}
