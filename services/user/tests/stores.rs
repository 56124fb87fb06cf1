//! What a store of users promises, shown for SQLite and for PostgreSQL by the same suite.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use kit::testing::Postgres;
use user_service::store::{self, Change, Profile, StoreError, UserStore};

fn profile(name: &str, email: &str) -> Profile {
    Profile { name: name.into(), email: email.into(), phone: "1".into(), address: "Main Street".into() }
}

/// Each part gets a store of its own, named after it.
macro_rules! suite {
    ($open:expr) => {{
        let open = $open;
        users_are_kept_as_given(open("kept").await).await;
        an_email_is_taken_once(open("taken").await).await;
        pages_follow_the_ids(open("pages").await).await;
        a_change_touches_only_its_fields(open("change").await).await;
        a_removed_user_is_gone(open("removed").await).await;
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
async fn sqlite_in_memory_keeps_users_as_long_as_it_is_open() {
    users_are_kept_as_given(store::open("sqlite::memory:").await.unwrap()).await;
}

#[tokio::test]
async fn users_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut urls = vec![format!("sqlite:{}/user.db", folder.path().display())];
    let postgres = Postgres::start();
    urls.extend(postgres.as_ref().map(|postgres| postgres.database("restart")));
    for url in urls {
        let made = store::open(&url).await.unwrap().create(&profile("Ann", "a@b"), 1).await.unwrap();
        assert_eq!(store::open(&url).await.unwrap().get(made.id).await.unwrap(), Some(made), "{url}");
    }
}

async fn users_are_kept_as_given(store: Arc<dyn UserStore>) {
    let given = profile("Ünï 'quoted'; --", "Ann@Shop.example");
    let made = store.create(&given, 1_767_088_800_123).await.unwrap();
    assert_eq!((made.id, &made.profile), (1, &given));
    assert_eq!((made.created_at, made.updated_at), (1_767_088_800_123, 1_767_088_800_123));
    assert_eq!(store.get(1).await.unwrap(), Some(made));
    assert_eq!(store.get(2).await.unwrap(), None);
    store.probe().await.unwrap();
}

async fn an_email_is_taken_once(store: Arc<dyn UserStore>) {
    store.create(&profile("Ann", "ann@shop.example"), 1).await.unwrap();
    let ben = store.create(&profile("Ben", "ben@shop.example"), 1).await.unwrap();
    let twice = store.create(&profile("Ann too", "ANN@shop.example"), 2).await;
    assert!(matches!(twice, Err(StoreError::EmailTaken)), "{twice:?}");
    let taken = Change { email: Some("Ann@shop.example".into()), ..Change::default() };
    let moved = store.update(ben.id, &taken, 2).await;
    assert!(matches!(moved, Err(StoreError::EmailTaken)), "{moved:?}");
    let own = Change { email: Some("BEN@shop.example".into()), ..Change::default() };
    assert_eq!(store.update(ben.id, &own, 3).await.unwrap().unwrap().profile.email, "BEN@shop.example");
}

async fn pages_follow_the_ids(store: Arc<dyn UserStore>) {
    for n in 1..=5 {
        store.create(&profile("N", &format!("{n}@shop.example")), 1).await.unwrap();
    }
    store.delete(2).await.unwrap();
    let ids = async |after, limit| -> Vec<i32> {
        store.list(after, limit).await.unwrap().iter().map(|user| user.id).collect()
    };
    assert_eq!(ids(0, 2).await, [1, 3]);
    assert_eq!(ids(3, 10).await, [4, 5]);
    assert_eq!(ids(5, 10).await, [0; 0]);
}

async fn a_change_touches_only_its_fields(store: Arc<dyn UserStore>) {
    let before = store.create(&profile("Ann", "ann@shop.example"), 1).await.unwrap();
    let change = Change { phone: Some(String::new()), name: Some("Anna".into()), ..Change::default() };
    let after = store.update(before.id, &change, 9).await.unwrap().unwrap();
    assert_eq!((after.created_at, after.updated_at), (1, 9));
    let wanted = Profile { name: "Anna".into(), phone: String::new(), ..before.profile };
    assert_eq!(after.profile, wanted);
    assert_eq!(store.get(before.id).await.unwrap(), Some(after));
    assert_eq!(store.update(77, &change, 9).await.unwrap(), None);
}

async fn a_removed_user_is_gone(store: Arc<dyn UserStore>) {
    let ann = store.create(&profile("Ann", "ann@shop.example"), 1).await.unwrap();
    assert!(store.delete(ann.id).await.unwrap());
    assert!(!store.delete(ann.id).await.unwrap());
    assert_eq!(store.get(ann.id).await.unwrap(), None);
    let again = store.create(&profile("Ann", "ann@shop.example"), 1).await.unwrap();
    assert!(again.id > ann.id, "an id is never given twice");
}

async fn writers_do_not_get_in_each_others_way(store: Arc<dyn UserStore>) {
    let writers: Vec<_> = (0..20)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.create(&profile("N", &format!("{n}@shop.example")), 1).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert_eq!(store.list(0, 100).await.unwrap().len(), 20);
}
