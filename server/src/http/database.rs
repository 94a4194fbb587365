//! The core's rows in `SQLite`: loads what a command needs, applies what was decided, in one transaction.
//!
//! One connection, so transactions run one after the other and positions are in commit order. A change
//! is answered only after its commit is durable. Decides nothing itself.

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Row, Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::sync::Arc;

use crate::core::{Command, CoreResponse, Decision, Document, DocumentKey, PageNeed, Rows, StoredResult, Writes};

type Result<T> = std::result::Result<T, sqlx::Error>;
type Tx = Transaction<'static, Sqlite>;

/// Each entry brings a database from the version of its index to the next.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/1.sql")];

/// The server's tables in one `SQLite` database.
#[derive(Debug)]
pub(super) struct Database {
    pool: SqlitePool,
}

impl Database {
    /// Opens a file, or memory without one; a new database gets that epoch.
    pub(super) async fn open(file: Option<&Path>, fresh_epoch: &str) -> Result<Self> {
        let options = match file {
            Some(file) => SqliteConnectOptions::new().filename(file).create_if_missing(true),
            None => SqliteConnectOptions::new().in_memory(true),
        };
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).min_connections(1);
        // The connection must outlive idleness: in memory it is the database.
        let pool = pool.idle_timeout(None).max_lifetime(None).connect_with(options).await?;
        let database = Self { pool };
        database.migrate(fresh_epoch).await?;
        Ok(database)
    }

    async fn migrate(&self, fresh_epoch: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await?;
        for migration in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            sqlx::raw_sql(migration).execute(&mut *tx).await?;
        }
        sqlx::raw_sql(&format!("PRAGMA user_version = {}", MIGRATIONS.len())).execute(&mut *tx).await?;
        sqlx::query("INSERT OR IGNORE INTO history (one, epoch, head) VALUES (1, ?, 0)")
            .bind(fresh_epoch)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    async fn begin(&self) -> Result<Tx> {
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    /// Loads, decides and writes in one transaction; says also where the log ends now.
    pub(super) async fn transact(
        &self,
        command: &Command,
        decide: impl FnOnce(&Rows) -> Decision,
    ) -> Result<(CoreResponse, u64)> {
        let mut tx = self.begin().await?;
        let rows = load(&mut tx, command).await?;
        let decision = decide(&rows);
        let head = decision.writes.documents.last().map_or(rows.head, |(last, _)| last.position);
        apply(&mut tx, decision.writes).await?;
        tx.commit().await?;
        Ok((decision.response, head))
    }

    /// Position of the last change.
    pub(super) async fn head(&self) -> Result<u64> {
        let head: i64 = sqlx::query_scalar("SELECT head FROM history").fetch_one(&self.pool).await?;
        Ok(unsigned(head))
    }

    /// Collections changed after that position, each with the position of its last change.
    pub(super) async fn changed_after(&self, position: u64) -> Result<Vec<(String, u64)>> {
        const SQL: &str = "SELECT collection, MAX(position) AS last FROM documents
            WHERE position > ? GROUP BY collection ORDER BY last";
        let rows = sqlx::query(SQL).bind(signed(position)).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, unsigned(row.try_get(1)?)))).collect()
    }

    /// Empties everything and starts a history of that name.
    pub(super) async fn reset(&self, epoch: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        for sql in ["DELETE FROM documents", "DELETE FROM results"] {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        sqlx::query("UPDATE history SET epoch = ?, head = 0").bind(epoch).execute(&mut *tx).await?;
        tx.commit().await
    }

    /// Closes the file, its write-ahead log folded in.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn load(tx: &mut Tx, command: &Command) -> Result<Rows> {
    let needs = command.needs();
    let history = sqlx::query("SELECT epoch, head FROM history").fetch_one(&mut **tx).await?;
    let mut rows =
        Rows { epoch: history.try_get("epoch")?, head: unsigned(history.try_get("head")?), ..Rows::default() };
    for key in needs.keys {
        if let Some(result) = load_result(tx, &key).await? {
            rows.results.insert(key, result);
        }
    }
    for key in needs.documents {
        if let Some(document) = load_document(tx, &key).await? {
            rows.documents.insert(key, document);
        }
    }
    if let Some(need) = needs.page {
        rows.page = load_page(tx, &need, &rows).await?;
    }
    Ok(rows)
}

async fn load_result(tx: &mut Tx, key: &str) -> Result<Option<StoredResult>> {
    let row = sqlx::query("SELECT * FROM results WHERE key = ?").bind(key);
    row.fetch_optional(&mut **tx).await?.as_ref().map(result).transpose()
}

async fn load_document(tx: &mut Tx, (collection, id): &DocumentKey) -> Result<Option<Document>> {
    let row = sqlx::query("SELECT * FROM documents WHERE collection = ? AND id = ?");
    let row = row.bind(collection).bind(id).fetch_optional(&mut **tx).await?;
    row.as_ref().map(document).transpose()
}

async fn load_page(tx: &mut Tx, need: &PageNeed, rows: &Rows) -> Result<Vec<Document>> {
    const SQL: &str = "SELECT * FROM documents WHERE collection = ? AND position > ?
        ORDER BY position LIMIT ?";
    let Some(after) = need.after(&rows.epoch, rows.head) else {
        return Ok(Vec::new());
    };
    let query = sqlx::query(SQL).bind(&need.collection).bind(signed(after));
    let page = query.bind(signed(need.rows() as u64)).fetch_all(&mut **tx).await?;
    page.iter().map(document).collect()
}

async fn apply(tx: &mut Tx, writes: Writes) -> Result<()> {
    for (document, _) in &writes.documents {
        store_document(tx, document).await?;
    }
    for result in &writes.results {
        store_result(tx, result).await?;
    }
    if let Some(before) = writes.forget_before {
        let forget = sqlx::query("DELETE FROM results WHERE at < ?").bind(signed(before));
        forget.execute(&mut **tx).await?;
    }
    Ok(())
}

async fn store_document(tx: &mut Tx, document: &Document) -> Result<()> {
    const SQL: &str = "INSERT OR REPLACE INTO documents
        (collection, id, revision, changes, created_at, updated_at, position, text)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(SQL)
        .bind(&document.collection)
        .bind(&document.id)
        .bind(&document.revision)
        .bind(signed(document.changes))
        .bind(signed(document.created_at))
        .bind(signed(document.updated_at))
        .bind(signed(document.position))
        .bind(document.text.as_deref())
        .execute(&mut **tx)
        .await?;
    let head = sqlx::query("UPDATE history SET head = ?").bind(signed(document.position));
    head.execute(&mut **tx).await?;
    Ok(())
}

async fn store_result(tx: &mut Tx, result: &StoredResult) -> Result<()> {
    const SQL: &str = "INSERT INTO results (key, fingerprint, at, status, headers, body)
        VALUES (?, ?, ?, ?, ?, ?)";
    let headers = serde_json::to_string(&result.response.headers).map_err(broken)?;
    sqlx::query(SQL)
        .bind(&result.key)
        .bind(&result.fingerprint)
        .bind(signed(result.at))
        .bind(i64::from(result.response.status))
        .bind(headers)
        .bind(&result.response.body)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn document(row: &SqliteRow) -> Result<Document> {
    Ok(Document {
        collection: row.try_get("collection")?,
        id: row.try_get("id")?,
        revision: row.try_get("revision")?,
        changes: unsigned(row.try_get("changes")?),
        created_at: unsigned(row.try_get("created_at")?),
        updated_at: unsigned(row.try_get("updated_at")?),
        position: unsigned(row.try_get("position")?),
        text: row.try_get::<Option<String>, _>("text")?.map(Arc::from),
    })
}

fn result(row: &SqliteRow) -> Result<StoredResult> {
    let headers: String = row.try_get("headers")?;
    Ok(StoredResult {
        key: row.try_get("key")?,
        fingerprint: row.try_get("fingerprint")?,
        at: unsigned(row.try_get("at")?),
        response: CoreResponse {
            status: row.try_get::<i64, _>("status")? as u16,
            headers: serde_json::from_str(&headers).map_err(broken)?,
            body: row.try_get("body")?,
        },
    })
}

fn broken(error: serde_json::Error) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

// SQLite knows signed numbers only; ours stay far below the border.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
