//! Commits and rolls back, and says what is known of a statement whose response was lost.

use super::client::Client;
use super::read_only::is_read_only;
use crate::error::{Error, Result};
use crate::wire::message::{Messages, tag};

const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

/// The errors of a session that waited for a statement: `idle_in_transaction_session_timeout` and `idle_session_timeout`.
const IDLE_TIMEOUTS: [&str; 2] = ["25P03", "57P05"];

/// Commits a transaction. If the connection is lost, the error says that the outcome is unknown.
pub async fn commit(client: &Client) -> Result<()> {
    let was_open = client.broken().is_none();
    let response = client
        .script(COMMIT)
        .await
        .map_err(|error| if was_open { client.outcome_unknown(error, "commit") } else { error })?;
    let mut completed = Messages(&response).filter(|message| message.tag == tag::COMPLETE);
    if completed.any(|message| message.body.starts_with(b"ROLLBACK")) {
        return Err(Error::Programming(
            "a statement of the transaction had failed, so it was rolled back, not committed; let its error end the block, or nest a transaction around the statement".into(),
        ));
    }
    Ok(())
}

/// Rolls back a transaction; does nothing outside one.
pub async fn rollback(client: &Client) -> Result<()> {
    client.batch(ROLLBACK).await.map(|_| ())
}

impl Client {
    /// Whether a statement certainly only reads: by its text, or because the server is a standby.
    #[must_use]
    pub fn is_read_only(&self, sql: &str) -> bool {
        is_read_only(sql) || self.setting("in_hot_standby").as_deref() == Some("on")
    }

    /// The error of a statement whose response was lost. Outside a transaction it may be committed, unless it only reads.
    #[must_use]
    pub fn answer_lost(&self, sql: &str, error: Error) -> Error {
        // The status is that before the statement, because the server has not sent another.
        let is_outside_transaction = self.status() == b'I';
        if is_outside_transaction && self.broken().is_some() && !self.is_read_only(sql) {
            self.outcome_unknown(error, "statement")
        } else {
            error
        }
    }

    /// The error of a commit, or of a statement outside a transaction. If it was sent and the connection is lost, the error says that
    /// the outcome is unknown.
    #[must_use]
    pub fn outcome_unknown(&self, error: Error, of: &str) -> Error {
        if self.broken().is_none() || !self.has_sent_all() {
            return error;
        }
        let unknown = format!(
            "; the answer to the {of} was lost, so its outcome is unknown: look what is stored before you repeat it"
        );
        match error {
            Error::Connection(message) => {
                Error::OutcomeUnknown(Box::new(Error::Connection(message + &unknown)))
            }
            // The server waited for a statement until its timeout, so it has not read this one.
            Error::Server(server) if IDLE_TIMEOUTS.contains(&&*server.sqlstate) => {
                Error::Server(server)
            }
            Error::Server(mut server) => {
                server.message += &unknown;
                Error::OutcomeUnknown(Box::new(Error::Server(server)))
            }
            error => error,
        }
    }
}
