//! What begins and ends a transaction, or listening.

use crate::error::{Error, Result};
use crate::session::{self, Client};
use crate::sql::render;

/// Begins a transaction.
pub(in crate::python) async fn begin(
    client: Client,
    isolation: Option<String>,
    readonly: bool,
    deferrable: bool,
) -> Result<()> {
    let sql = render::begin(isolation.as_deref(), readonly, deferrable);
    let sql = sql.ok_or_else(|| {
        Error::Interface(format!(
            "isolation {:?}: expected read committed, repeatable read or serializable",
            isolation.unwrap_or_default()
        ))
    })?;
    client.batch(&sql).await.map(|_| ())
}

/// Commits a transaction.
pub(in crate::python) async fn commit(client: Client) -> Result<()> {
    if client.is_quiet() && client.status() == b'I' {
        return Err(Error::Interface(
            "a statement of the block has ended its transaction, and what came after it was committed by itself; commit by leaving the block alone".into(),
        ));
    }
    session::commit(&client).await
}

/// Rolls a transaction back.
pub(in crate::python) async fn rollback(client: Client) -> Result<()> {
    session::rollback(&client).await
}

/// Sets a savepoint.
pub(in crate::python) async fn savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::savepoint(depth)).await.map(|_| ())
}

/// Keeps what was done since a savepoint.
pub(in crate::python) async fn release_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::release_savepoint(depth)).await.map(|_| ())
}

/// Undoes what was done since a savepoint.
pub(in crate::python) async fn rollback_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::rollback_savepoint(depth)).await.map(|_| ())
}

/// Subscribes to channels.
pub(in crate::python) async fn listen(client: Client, channels: Vec<String>) -> Result<()> {
    let sql = render::listen(&channels)?;
    client.listen_to(channels);
    client.batch(&sql).await.map(|_| ())
}

/// Ends all subscriptions, if there are any.
pub(in crate::python) async fn unlisten(client: &Client) -> Result<()> {
    if client.is_listening() {
        client.listen_to(Vec::new());
        client.batch(render::UNLISTEN).await?;
    }
    Ok(())
}
