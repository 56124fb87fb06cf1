//! Where users are kept: what any store promises, and how one is opened.

mod sql;

use std::sync::Arc;

use kit::database::{Database, Migrations, OpenError, Trouble};

/// A user as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Given by the store; counts up from 1, and is never given twice.
    pub id: i32,
    /// What can be changed.
    pub profile: Profile,
    /// Milliseconds since 1970, UTC.
    pub created_at: i64,
    /// Milliseconds since 1970, UTC.
    pub updated_at: i64,
}

/// What a user says about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The full name.
    pub name: String,
    /// The email address, as it was given.
    pub email: String,
    /// The telephone number, or empty.
    pub phone: String,
    /// The postal address, or empty.
    pub address: String,
}

/// What is unique about an email address: `Ann@shop.example` and `ann@SHOP.example` are one.
fn email_key(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// The fields of a profile to change; `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The new name.
    pub name: Option<String>,
    /// The new email address.
    pub email: Option<String>,
    /// The new telephone number.
    pub phone: Option<String>,
    /// The new postal address.
    pub address: Option<String>,
}

/// Why a user was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another user has this email address.
    #[error("the email address is taken")]
    EmailTaken,
    /// The database does not work.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // The email is the only thing that is unique and not made by the database.
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::EmailTaken,
            _ => Self::Trouble(error.into()),
        }
    }
}

/// What a store of users does. `now` is in milliseconds since 1970, UTC.
#[async_trait::async_trait]
pub trait UserStore: Send + Sync + 'static {
    /// Keeps a new user.
    async fn create(&self, profile: &Profile, now: i64) -> Result<User, StoreError>;
    /// The user with this id, if there is one.
    async fn get(&self, id: i32) -> Result<Option<User>, StoreError>;
    /// The users after the id `after`, by id, at most `limit`.
    async fn list(&self, after: i32, limit: i64) -> Result<Vec<User>, StoreError>;
    /// Changes a user in one step, and answers with the result, if there is such a user.
    async fn update(&self, id: i32, change: &Change, now: i64) -> Result<Option<User>, StoreError>;
    /// Removes a user; answers whether there was one.
    async fn delete(&self, id: i32) -> Result<bool, StoreError>;
    /// Proves that the users can be read.
    async fn probe(&self) -> Result<(), StoreError>;
}

const MIGRATIONS: Migrations = Migrations {
    sqlite: &[("users", include_str!("../migrations/sqlite/0001_users.sql"))],
    postgres: &[("users", include_str!("../migrations/postgres/0001_users.sql"))],
};

/// Opens the store that the URL names.
///
/// # Errors
/// The database is not there, or its tables cannot be brought up to date.
pub async fn open(url: &str) -> Result<Arc<dyn UserStore>, OpenError> {
    Ok(match kit::database::open(url, &MIGRATIONS).await? {
        Database::Sqlite(pool) => Arc::new(sql::SqliteUsers(pool)),
        Database::Postgres(pool) => Arc::new(sql::PostgresUsers(pool)),
    })
}

/// The store as the health of the service sees it.
pub struct StoreProbe(pub Arc<dyn UserStore>);

#[async_trait::async_trait]
impl kit::health::Probe for StoreProbe {
    async fn probe(&self) -> Result<(), String> {
        self.0.probe().await.map_err(|error| error.to_string())
    }
}
