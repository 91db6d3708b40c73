//! One conversation with the server, driven by whoever waits for it. The only folder that touches
//! the network.

mod blocking;
mod busy_wait;
mod cancel;
pub mod client;
pub mod config;
mod connect;
pub mod internal_query;
mod interrupt;
mod interruption;
mod latency;
mod login;
pub mod multiplex;
mod names;
mod peer;
pub mod pool;
mod prepare;
mod protocol;
mod read_only;
mod reply;
mod request;
mod resolve;
mod server_error;
mod socket;
mod startup;
pub mod state;
mod statements;
mod tls;
pub mod wake;

use std::any::Any;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::wire::message::{Messages, tag};
use cancel::{CANCEL_TIMEOUT, MAX_RETRY_DELAY, cancel_detached};
pub use client::{Backend, Client, Notification};
pub use interrupt::Interrupt;
pub use interruption::{Ended, Interruption, NO_ANSWER, OUTCOME_TIMEOUT};
pub use protocol::ABANDON_GRACE;
pub use read_only::is_read_only;
pub use reply::{Reply, ResponseStream};
pub use socket::Handle;
use state::Undo;
pub use statements::Statement;

/// A connection, and who asks on it.
pub struct Session {
    client: Client,
    /// The process that opened it: a fork's child has the socket too, and must leave it alone.
    process: u32,
    /// What its driver keeps with it.
    attachment: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// How long an undoing may take that somebody waits for. A server that is gone is not waited for
/// longer: without it, nothing stays.
pub const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

impl Session {
    fn new(client: Client) -> Self {
        Self { client, process: std::process::id(), attachment: Mutex::default() }
    }

    /// Runs an operation to its end, on this thread.
    ///
    /// # Errors
    /// The operation's own; [`Error::Connection`] when the connection broke; what `interrupt`
    /// gave, after the running statement was cancelled at the server.
    pub fn run<T>(
        &self,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        self.run_within(self.client.limit(), interrupt, operation)
    }

    /// As [`Session::run`], for as long as it takes.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_long<T>(
        &self,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        self.run_within(None, interrupt, operation)
    }

    fn run_within<T>(
        &self,
        limit: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        if let Some(overdue) = self.client.overdue() {
            return Err(overdue);
        }
        self.client.set_driver(0);
        let interrupt_error = {
            let future = std::pin::pin!(operation(&self.client));
            match self.client.block_on(limit, interrupt, future) {
                Ok(result) => return result,
                Err(interrupt_error) => interrupt_error,
            }
        };
        self.cancel_and_drain();
        Err(interrupt_error)
    }

    /// Waits for the end of what may be committed; an interrupt cancels it at the server, which may
    /// come too late: then the result comes with the interrupt.
    ///
    /// # Errors
    /// The operation's own; what `interrupt` gave, as [`Error::OutcomeUnknown`] where the server's
    /// answer was lost or did not come in time.
    pub fn run_to_end<T>(
        &self,
        interrupt: &mut Interrupt<'_>,
        operation: impl Future<Output = Result<T>>,
    ) -> Result<(T, Option<Error>)> {
        self.client.set_driver(0);
        let mut operation = std::pin::pin!(operation);
        let interrupt_error =
            match self.client.block_on(self.client.limit(), interrupt, operation.as_mut()) {
                Ok(result) => return result.map(|value| (value, None)),
                Err(interrupt_error) => interrupt_error,
            };
        let Some(interruption) = Interruption::begin(&self.client) else {
            return Err(interrupt_error);
        };
        let ended = loop {
            if let Some(ended) = interruption.poll(operation.as_mut()) {
                break ended;
            }
            interruption.wait();
        };
        interruption.finish();
        match ended {
            Ended::Heard(Ok(value)) => Ok((value, Some(interrupt_error))),
            Ended::Heard(Err(Error::OutcomeUnknown(_))) | Ended::Unheard => {
                Err(Error::OutcomeUnknown(Box::new(interrupt_error)))
            }
            Ended::Heard(Err(_)) | Ended::Undone => Err(interrupt_error),
        }
    }

    /// Cancels what is running at the server, and waits until it has ended, for a moment: whatever the
    /// network does, an interrupt is not kept waiting. What has not ended by then is left to the
    /// pool, and whoever has the session may ask no more on it.
    pub fn cancel_and_drain(&self) {
        if !self.client.is_idle() && !self.is_broken() {
            let deadline = self.client.begin_cleanup();
            self.cancel_until(deadline);
        }
    }

    /// Tells whether all has ended, or the server could at least be asked to cancel it.
    fn cancel_until(&self, deadline: Instant) -> bool {
        while !self.client.is_idle() && !self.is_broken() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // The server takes no notice of a request that is there before it has begun.
            let asked = self.client.cancel(deadline.min(Instant::now() + CANCEL_TIMEOUT));
            self.client.drain(MAX_RETRY_DELAY.min(left));
            if !asked && !self.client.is_idle() {
                return false;
            }
        }
        true
    }

    /// Leaves a session that is closed in the midst of a statement: the server is asked, from a thread
    /// of its own, to run it no further.
    fn cancel_in_background(&self) {
        if self.is_ours()
            && !self.client.is_idle()
            && !self.is_broken()
            && let Some(request) = self.client.cancel_request()
        {
            cancel_detached(request);
        }
    }

    /// Who asks on this connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The server's process at the other end, as it said when it took the connection.
    #[must_use]
    pub fn backend(&self) -> Option<Backend> {
        self.client.backend()
    }

    /// The major version of the server; 0 when it does not tell.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        let version = self.client.setting("server_version").unwrap_or_default();
        version.split(['.', ' ', 'b', 'r', 'd']).next().and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn batch(&self, interrupt: &mut Interrupt<'_>, sql: &str) -> Result<()> {
        self.run(interrupt, async |client| client.batch(sql).await.map(|_| ()))
    }

    /// Commits the transaction. What interrupts it before the server is asked leaves it to be rolled
    /// back; what comes too late to stop the server is given back.
    ///
    /// # Errors
    /// As [`Session::run_to_end`].
    pub fn commit(&self, interrupt: &mut Interrupt<'_>) -> Result<Option<Error>> {
        interrupt()?;
        let ((), late) = self.run_to_end(interrupt, commit(&self.client))?;
        Ok(late)
    }

    /// Rolls back whatever transaction there is, before the session goes back to the pool, which cleans
    /// it where this is not answered in a moment.
    pub fn rollback(&self) {
        self.cancel_and_drain();
        if self.client.is_idle() && !self.is_clean() && !self.is_broken() {
            self.attempt(ROLLBACK, ABANDON_GRACE);
        }
    }

    /// Undoes what was done since a savepoint. A session that cannot is of no more use to whoever has
    /// it.
    pub fn undo(&self, sql: &str) {
        self.cancel_and_drain();
        let limit = self.client.limit_of_statement().unwrap_or(ROLLBACK_LIMIT).min(ROLLBACK_LIMIT);
        if !self.attempt(sql, limit) {
            self.cancel_and_drain();
        }
    }

    /// Runs something for so long at the most; tells whether it was answered. Otherwise it is still
    /// under way, and not cancelled.
    fn attempt(&self, sql: &str, limit: Duration) -> bool {
        if self.client.overdue().is_some() {
            return false;
        }
        self.client.set_driver(0);
        let until = Some(Instant::now() + limit);
        let batch = std::pin::pin!(self.client.batch(sql));
        self.client.block_on(until, &mut || Ok(()), batch).is_ok()
    }

    /// Ends all subscriptions, if there are any; a connection on which that is not answered in a
    /// moment is closed.
    pub fn unlisten(&self, sql: &str) {
        if self.client.is_listening() && !self.is_broken() {
            self.cancel_and_drain();
            if self.client.is_idle() && self.attempt(sql, ABANDON_GRACE) {
                self.client.listen_to(Vec::new());
            } else {
                self.client.give_up("the server did not answer UNLISTEN");
            }
        }
    }

    /// Waits, on a thread that has nothing else to do, until the session is as the next caller wants
    /// it; one that does not come so far in time is broken.
    fn clean(&self, timeout: Duration, may_go_on: &dyn Fn() -> bool) {
        self.client.set_driver(0);
        let deadline = Instant::now() + timeout;
        while !self.client.is_idle() && !self.is_broken() {
            let turn = deadline.min(Instant::now() + CLEANING_TURN);
            if !self.cancel_until(turn) {
                self.client.give_up("the server cannot be asked to cancel a statement");
            }
            if Instant::now() >= deadline || !may_go_on() {
                self.client.give_up("the statement did not stop when it was cancelled");
            }
        }
        // Somebody else's cancellation may still be under way.
        let free = std::pin::pin!(self.client.idle());
        let _ = self.client.block_on(Some(deadline), &mut || Ok(()), free);
        let in_transaction = self.client.is_reusable() && self.client.status() != b'I';
        let unfit = self.client.is_listening()
            || !self.client.is_reusable()
            || (in_transaction && !self.attempt(ROLLBACK, CANCEL_TIMEOUT));
        if unfit {
            self.client.give_up("the connection was not clean");
        }
    }

    /// Undoes the state that was left, on a thread that has nothing else to do; a session whose state
    /// cannot be undone in a moment is broken.
    fn reset(&self, undo: Undo) {
        self.client.set_driver(0);
        let until = Some(Instant::now() + RESET_LIMIT);
        let undone = std::pin::pin!(self.client.undo_state(undo));
        if !matches!(self.client.block_on(until, &mut || Ok(()), undone), Ok(Ok(()))) {
            self.client.give_up("the state of the session could not be undone");
        }
    }

    /// What was attached, if it is of this type.
    #[must_use]
    pub fn attachment<T: Clone + 'static>(&self) -> Option<T> {
        let attachment = self.attachment.lock().unwrap_or_else(PoisonError::into_inner);
        attachment.as_ref()?.downcast_ref().cloned()
    }

    /// Keeps something with the session, in the place of what was there.
    pub fn attach<T: Send + Sync + 'static>(&self, what: T) {
        let mut attachment = self.attachment.lock().unwrap_or_else(PoisonError::into_inner);
        *attachment = Some(Box::new(what));
    }

    /// Whether this process opened it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// Whether nothing more can be sent.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.client.broken().is_some()
    }

    /// Whether the next caller can have it as it is: outside of any transaction, all said, and no
    /// cancellation under way that could hit what it says.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.client.is_reusable() && self.client.status() == b'I' && !self.is_broken()
    }

    /// Whether an idle session is still good; takes in what the server has said meanwhile.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        if self.client.0.handle.wait(false, Duration::ZERO) {
            let _ = self.client.receive();
        }
        self.is_clean()
    }
}

const ROLLBACK: &str = "ROLLBACK";

/// How long it may take to undo the state of a session: no more than to cancel what it runs.
const RESET_LIMIT: Duration = CANCEL_TIMEOUT;

/// How often whoever cleans looks whether that is still wanted.
const CLEANING_TURN: Duration = CANCEL_TIMEOUT;

/// Commits a transaction.
///
/// # Errors
/// What the server says. When the connection broke, nobody knows whether the server committed,
/// and the error says so.
pub async fn commit(client: &Client) -> Result<()> {
    let was_there = client.broken().is_none();
    let committed = client
        .script(COMMIT)
        .await
        .map_err(|error| if was_there { client.outcome_unknown(error, "commit") } else { error })?;
    let mut completed = Messages(&committed).filter(|message| message.tag == tag::COMPLETE);
    if completed.any(|message| message.body.starts_with(b"ROLLBACK")) {
        return Err(Error::Programming(
            "a statement of the transaction had failed, so it was rolled back, not committed; let its error end the block, or nest a transaction around the statement".into(),
        ));
    }
    Ok(())
}

const COMMIT: &str = "COMMIT";
/// The timeouts of a session that waits for a statement: `idle_in_transaction_session_timeout`, `idle_session_timeout`.
const ENDED_WAITING: [&str; 2] = ["25P03", "57P05"];

/// Rolls a transaction back; without one, this is nothing.
///
/// # Errors
/// That the connection is lost.
pub async fn rollback(client: &Client) -> Result<()> {
    client.batch(ROLLBACK).await.map(|_| ())
}

impl Client {
    /// Whether a statement surely only reads: by its text, or because the server is a standby. One that
    /// only reads may be taken for one that writes, never the other way round.
    #[must_use]
    pub fn is_read_only(&self, sql: &str) -> bool {
        is_read_only(sql) || self.setting("in_hot_standby").as_deref() == Some("on")
    }

    /// The error of a statement whose answer did not come whole. Outside of a transaction it may be
    /// committed, unless it surely only reads.
    #[must_use]
    pub fn answer_lost(&self, sql: &str, error: Error) -> Error {
        // The server has not answered, and so this was so before the statement.
        let is_alone = self.status() == b'I';
        if is_alone && self.broken().is_some() && !self.is_read_only(sql) {
            self.outcome_unknown(error, "statement")
        } else {
            error
        }
    }

    /// The error of a commit, or of a statement that is a transaction of its own. When it was sent,
    /// and the connection broke before the answer, it says that nobody knows what became of it.
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
            // It waited for a message of ours, in vain, and has read none of them since.
            Error::Server(server) if ENDED_WAITING.contains(&&*server.sqlstate) => {
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

impl Drop for Session {
    /// Says goodbye, if the socket takes it at once.
    fn drop(&mut self) {
        if self.is_ours() {
            self.client.0.protocol().terminate();
        }
    }
}
