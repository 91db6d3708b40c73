//! Begins and ends transactions, savepoints and LISTEN.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::session::{self, ABANDON_GRACE, Client, ROLLBACK_LIMIT};
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
    if client.is_idle() && client.status() != b'I' {
        return Err(Error::Interface(
            "a transaction, such as that of a stream, is already open on this connection; end it before you begin the next one".into(),
        ));
    }
    client.batch(&sql).await.map(|_| ())
}

/// Commits a transaction.
pub(in crate::python) async fn commit(client: Client) -> Result<()> {
    if client.is_idle() && client.status() == b'I' {
        return Err(Error::Interface(
            "a statement of the block has ended its transaction, and the statements after it were committed one by one; let only the end of the block commit".into(),
        ));
    }
    session::commit(&client).await
}

/// The timeout of a rollback. After an interrupt the caller must not wait: a connection that does not respond
/// within [`ABANDON_GRACE`] is closed, which has the server roll back.
pub(in crate::python) fn rollback_limit(limit: Option<Duration>, interrupted: bool) -> Duration {
    let max = if interrupted { ABANDON_GRACE } else { ROLLBACK_LIMIT };
    limit.map_or(max, |limit| limit.min(max))
}

/// Rolls a transaction back.
pub(in crate::python) async fn rollback(client: Client) -> Result<()> {
    session::rollback(&client).await
}

/// Sets a savepoint.
pub(in crate::python) async fn savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::savepoint(depth)).await.map(|_| ())
}

/// Releases a savepoint; its changes remain part of the transaction.
pub(in crate::python) async fn release_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::release_savepoint(depth)).await.map(|_| ())
}

/// Rolls back to a savepoint.
pub(in crate::python) async fn rollback_savepoint(client: Client, depth: u32) -> Result<()> {
    client.batch(&render::rollback_savepoint(depth)).await.map(|_| ())
}

/// Listens to channels.
pub(in crate::python) async fn listen(client: Client, channels: Vec<String>) -> Result<()> {
    let sql = render::listen(&channels)?;
    client.listen_to(channels);
    client.batch(&sql).await.map(|_| ())
}

/// Stops listening to all channels, if there are any.
pub(in crate::python) async fn unlisten(client: &Client) -> Result<()> {
    if client.is_listening() {
        client.listen_to(Vec::new());
        client.batch(render::UNLISTEN).await?;
    }
    Ok(())
}
