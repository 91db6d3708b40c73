//! Refuses statements that begin or end a transaction; callers use the blocks of `transaction()` for that.

use crate::error::{Error, Result};
use crate::session::{self, Client};
use crate::sql::control::transaction_control;

/// `ReadyForQuery`'s transaction status of a connection without a transaction.
const OUTSIDE: u8 = b'I';

/// Refuses a statement that would begin or end a transaction, before it is sent. A script outside of a
/// transaction may contain whole transactions.
pub(in crate::python) fn refuse_control(client: &Client, sql: &str, is_script: bool) -> Result<()> {
    let Some(control) = transaction_control(sql, is_script) else { return Ok(()) };
    let command = control.command;
    let inside = client.status() != OUTSIDE;
    let message = match (inside, control.begins) {
        (true, true) => format!(
            "{command} inside of a transaction has no effect; nest db.transaction() for a savepoint"
        ),
        (true, false) => format!(
            "{command} would end the transaction of the block around it; leave the block to commit, leave it by an exception or call its rollback() to roll back"
        ),
        (false, _) if !control.is_alone => return Ok(()),
        (false, true) => format!(
            "{command} alone begins a transaction that ends at once, since the next statement may run on another connection; use db.transaction()"
        ),
        (false, false) => format!(
            "{command} outside of a transaction has no effect, since each statement is committed by itself; use db.transaction()"
        ),
    };
    Err(Error::Interface(message))
}

/// Whether a connection is outside of a transaction, for [`expect_outside`].
pub(in crate::python) fn is_outside(client: &Client) -> bool {
    client.status() == OUTSIDE
}

/// Rolls back a transaction that a statement has begun and left open, and returns an error.
pub(in crate::python) async fn expect_outside(client: &Client, was_outside: bool) -> Result<()> {
    if was_outside && client.status() != OUTSIDE {
        session::rollback(client).await?;
        return Err(Error::Interface(
            "the statement began a transaction and did not end it, so it was rolled back; use db.transaction()".into(),
        ));
    }
    Ok(())
}
