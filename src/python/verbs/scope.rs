//! What begins and ends a transaction, or listening.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::session::{self, Client, GRACE, ROLLBACK_LIMIT};
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
    if client.is_quiet() && client.status() != b'I' {
        return Err(Error::Interface(
            "a transaction is open on this connection already, as that of a stream; end it before the next one".into(),
        ));
    }
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

/// How long to wait for the answer to a rollback. Who interrupts a block is not kept waiting: a
/// connection on which that is not answered in a moment is given up, and nothing stays of what was
/// done on it.
pub(in crate::python) fn rollback_limit(limit: Option<Duration>, interrupted: bool) -> Duration {
    let most = if interrupted { GRACE } else { ROLLBACK_LIMIT };
    limit.map_or(most, |limit| limit.min(most))
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
