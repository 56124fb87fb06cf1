//! Users in a SQL database. SQLite and PostgreSQL understand the same statements, so one text serves both; a macro
//! writes it down for each, because sqlx's types for the two differ in every step.

use sqlx::{PgPool, Row, SqlitePool};

use super::{Change, Profile, StoreError, User, UserStore, email_key};

const CREATE: &str = "INSERT INTO users (name, email, email_key, phone, address, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $6) \
     RETURNING id, name, email, phone, address, created_at, updated_at";
const GET: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM users WHERE id = $1";
const LIST: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM users \
     WHERE id > $1 ORDER BY id LIMIT $2";
const UPDATE: &str = "UPDATE users SET name = COALESCE($2, name), email = COALESCE($3, email), \
     email_key = COALESCE($4, email_key), phone = COALESCE($5, phone), address = COALESCE($6, address), \
     updated_at = $7 WHERE id = $1 \
     RETURNING id, name, email, phone, address, created_at, updated_at";
const DELETE: &str = "DELETE FROM users WHERE id = $1";
const PROBE: &str = "SELECT id FROM users LIMIT 1";

/// Users in a SQLite database.
pub(super) struct SqliteUsers(pub(super) SqlitePool);

/// Users in a PostgreSQL database.
pub(super) struct PostgresUsers(pub(super) PgPool);

macro_rules! user_store {
    ($store:ty, $row:ty) => {
        impl $store {
            fn read(row: &$row) -> Result<User, sqlx::Error> {
                let profile = Profile {
                    name: row.try_get("name")?,
                    email: row.try_get("email")?,
                    phone: row.try_get("phone")?,
                    address: row.try_get("address")?,
                };
                let (created_at, updated_at) = (row.try_get("created_at")?, row.try_get("updated_at")?);
                Ok(User { id: row.try_get("id")?, profile, created_at, updated_at })
            }
        }

        #[async_trait::async_trait]
        impl UserStore for $store {
            async fn create(&self, profile: &Profile, now: i64) -> Result<User, StoreError> {
                let row = sqlx::query(CREATE)
                    .bind(&profile.name)
                    .bind(&profile.email)
                    .bind(email_key(&profile.email))
                    .bind(&profile.phone)
                    .bind(&profile.address)
                    .bind(now)
                    .fetch_one(&self.0)
                    .await?;
                Ok(Self::read(&row)?)
            }

            async fn get(&self, id: i32) -> Result<Option<User>, StoreError> {
                let row = sqlx::query(GET).bind(id).fetch_optional(&self.0).await?;
                Ok(row.as_ref().map(Self::read).transpose()?)
            }

            async fn list(&self, after: i32, limit: i64) -> Result<Vec<User>, StoreError> {
                let rows = sqlx::query(LIST).bind(after).bind(limit).fetch_all(&self.0).await?;
                Ok(rows.iter().map(Self::read).collect::<Result<_, _>>()?)
            }

            async fn update(&self, id: i32, change: &Change, now: i64) -> Result<Option<User>, StoreError> {
                let row = sqlx::query(UPDATE)
                    .bind(id)
                    .bind(&change.name)
                    .bind(&change.email)
                    .bind(change.email.as_deref().map(email_key))
                    .bind(&change.phone)
                    .bind(&change.address)
                    .bind(now)
                    .fetch_optional(&self.0)
                    .await?;
                Ok(row.as_ref().map(Self::read).transpose()?)
            }

            async fn delete(&self, id: i32) -> Result<bool, StoreError> {
                let done = sqlx::query(DELETE).bind(id).execute(&self.0).await?;
                Ok(done.rows_affected() > 0)
            }

            async fn probe(&self) -> Result<(), StoreError> {
                sqlx::query(PROBE).fetch_optional(&self.0).await?;
                Ok(())
            }
        }
    };
}

user_store!(SqliteUsers, sqlx::sqlite::SqliteRow);
user_store!(PostgresUsers, sqlx::postgres::PgRow);
