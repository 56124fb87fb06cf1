//! Databases: SQLite in a file, or PostgreSQL, chosen by the URL; migrated when they are opened.

use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions, PgPool, SqlSafeStr, SqliteConnection, SqlitePool};

use crate::settings::SettingError;

/// How long a call waits for a connection, and a writer of SQLite for the one before it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a PostgreSQL server that is away when the service starts is waited for.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// Connections of a pool at most.
const CONNECTIONS: u32 = 10;

/// An open database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A file, or memory.
    Sqlite(SqlitePool),
    /// A server.
    Postgres(PgPool),
}

/// The steps that make and change a service's tables, oldest first, each with its name. A step that has been released
/// is never edited: its checksum is kept in the database.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// For SQLite.
    pub sqlite: &'static [(&'static str, &'static str)],
    /// For PostgreSQL.
    pub postgres: &'static [(&'static str, &'static str)],
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `DATABASE_URL` is no URL of a database, or there is no database there.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The tables could not be made or changed.
    #[error("the migrations of the database failed: {0}")]
    Migrate(#[from] MigrateError),
}

/// What can go wrong with an open database, as far as a caller of the service is concerned.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It cannot be reached now; the same call may work later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(#[source] sqlx::Error),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        if is_unavailable(&error) { Self::Unavailable(error) } else { Self::Failed(error) }
    }
}

impl From<Trouble> for tonic::Status {
    /// The caller learns what kind of trouble it is; the log has the rest.
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Unavailable(error) => {
                tracing::warn!(%error, "the database is unavailable");
                Self::unavailable("the database is unavailable")
            }
            Trouble::Failed(error) => {
                tracing::error!(%error, "the database failed");
                Self::internal("the database failed")
            }
        }
    }
}

/// Whether the error is that of a database which is away, starting, stopping or too busy.
fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // SQLite: busy. PostgreSQL: class 57P (shutting or starting up), class 08 (connection), too many connections.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            code == "5" || code == "53300" || code.starts_with("57P") || code.starts_with("08")
        }),
        _ => false,
    }
}

/// Opens the database that `url` names and brings its tables up to date.
///
/// # Errors
/// The URL is not understood, the database is not there, or a migration fails.
pub async fn open(url: &str, migrations: &Migrations) -> Result<Database, OpenError> {
    let database = if url.starts_with("sqlite:") {
        Database::Sqlite(open_sqlite(url).await?)
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        Database::Postgres(open_postgres(url).await?)
    } else {
        return Err(wrong(url, "expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE").into());
    };
    match &database {
        Database::Sqlite(pool) => migrator(migrations.sqlite).run(pool).await?,
        Database::Postgres(pool) => migrator(migrations.postgres).run(pool).await?,
    }
    Ok(database)
}

async fn open_sqlite(url: &str) -> Result<SqlitePool, SettingError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| wrong(url, error.to_string()))?;
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    if !in_memory {
        make_folder_of(options.get_filename())
            .map_err(|error| wrong(url, format!("its folder cannot be made: {error}")))?;
    }
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(PATIENCE)
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE);
    let pool = if in_memory {
        let keeper = options.connect().await.map_err(|error| wrong(url, error.to_string()))?;
        keep(pool.max_connections(1), keeper)
    } else {
        pool.max_connections(CONNECTIONS)
    };
    pool.connect_with(options).await.map_err(|error| wrong(url, error.to_string()))
}

/// A database in memory goes with its last connection, and the pool gives one up when a call is cancelled at a bad moment. So
/// another one, which nobody uses, lives as long as the pool.
fn keep(pool: SqlitePoolOptions, keeper: SqliteConnection) -> SqlitePoolOptions {
    let keeper = Arc::new(Mutex::new(keeper));
    pool.after_connect(move |_, _| {
        let kept = Arc::clone(&keeper);
        Box::pin(async move {
            drop(kept);
            Ok(())
        })
    })
}

fn make_folder_of(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
        _ => Ok(()),
    }
}

async fn open_postgres(url: &str) -> Result<PgPool, SettingError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| wrong(url, error.to_string()))?;
    let begun = Instant::now();
    loop {
        let pool = PgPoolOptions::new().acquire_timeout(PATIENCE).max_connections(CONNECTIONS);
        match pool.connect_with(options.clone()).await {
            Ok(pool) => return Ok(pool),
            Err(error) if is_unavailable(&error) && begun.elapsed() < START_PATIENCE => {
                tracing::warn!(%error, "waiting for the database");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(wrong(url, error.to_string())),
        }
    }
}

fn wrong(url: &str, problem: impl Into<String>) -> SettingError {
    SettingError::new("DATABASE_URL", url, problem)
}

fn migrator(steps: &[(&'static str, &'static str)]) -> Migrator {
    let migrations = (1..).zip(steps).map(|(version, &(name, sql))| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIGRATIONS: Migrations =
        Migrations { sqlite: &[("one", "CREATE TABLE t (x INTEGER)")], postgres: &[] };

    #[tokio::test]
    async fn a_url_of_something_else_is_refused() {
        let error = open("mysql://shop:secret@db/users", &MIGRATIONS).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "DATABASE_URL=\"mysql://shop:***@db/users\": \
             expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE"
        );
    }

    #[tokio::test]
    async fn a_sqlite_file_is_made_with_its_folder_and_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/a/b/user.db", folder.path().display());
        for _ in 0..2 {
            let Database::Sqlite(pool) = open(&url, &MIGRATIONS).await.unwrap() else {
                panic!("a sqlite: URL opens SQLite")
            };
            sqlx::query("SELECT x FROM t").fetch_all(&pool).await.unwrap();
            pool.close().await;
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = format!("sqlite:{}/user.db", file.path().display());
        let error = open(&url, &MIGRATIONS).await.unwrap_err().to_string();
        assert!(error.starts_with("DATABASE_URL=") && error.contains("folder cannot be made"), "{error}");
    }

    #[tokio::test]
    async fn memory_keeps_its_rows() {
        let Database::Sqlite(pool) = open("sqlite::memory:", &MIGRATIONS).await.unwrap() else {
            panic!("a sqlite: URL opens SQLite")
        };
        sqlx::query("INSERT INTO t VALUES (1)").execute(&pool).await.unwrap();
        assert_eq!(sqlx::query("SELECT x FROM t").fetch_all(&pool).await.unwrap().len(), 1);
        pool.acquire().await.unwrap().close().await.unwrap();
        let rows = sqlx::query("SELECT x FROM t").fetch_all(&pool).await.unwrap();
        assert_eq!(rows.len(), 1, "also when its connection has gone");
    }
}
