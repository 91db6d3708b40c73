//! One conversation with the server, driven by whoever waits for it. The only folder that touches
//! the network.

mod ask;
mod cancel;
pub mod client;
pub mod config;
mod connect;
mod drive;
mod fault;
mod interrupt;
mod lent;
mod line;
mod login;
mod names;
mod pace;
mod peer;
mod plain;
pub mod pool;
mod prepare;
pub mod query;
mod reply;
mod resolve;
mod secure;
mod socket;
mod spin;
mod startup;
mod statements;
mod tls;
pub mod trial;
pub mod wake;

use std::any::Any;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::wire::message::{Messages, tag};
use cancel::ASK_AGAIN;
pub use client::{Backend, Client, Notification};
pub use interrupt::Interrupt;
pub use reply::{Parts, Reply};
pub use socket::Handle;
pub use statements::Statement;

/// A connection, and who asks on it.
pub struct Session {
    client: Client,
    /// The process that opened it: a fork's child has the socket too, and must leave it alone.
    process: u32,
    /// What its driver keeps with it.
    attachment: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

/// How long a cancelled statement may take to end before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);

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
        self.client.carry_by(0);
        let stopped = {
            let future = std::pin::pin!(operation(&self.client));
            match self.client.pump(limit, interrupt, future) {
                Ok(result) => return result,
                Err(stopped) => stopped,
            }
        };
        self.stop();
        Err(stopped)
    }

    /// Waits for the end of what cannot be undone any more; an interrupt cancels it at the server,
    /// which may come too late.
    ///
    /// # Errors
    /// The operation's own; what `interrupt` gave, unless the operation came to a good end.
    pub fn run_to_end<T>(
        &self,
        interrupt: &mut Interrupt<'_>,
        operation: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut operation = std::pin::pin!(operation);
        let stopped = match self.client.pump(self.client.limit(), interrupt, operation.as_mut()) {
            Ok(result) => return result,
            Err(stopped) => stopped,
        };
        self.client.cancel();
        let deadline = Some(Instant::now() + PATIENCE);
        match self.client.pump(deadline, &mut || Ok(()), operation) {
            Ok(Ok(value)) => Ok(value),
            _ => Err(stopped),
        }
    }

    /// Cancels what is running at the server, and waits until it has ended.
    pub fn stop(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.client.is_quiet() && !self.is_broken() {
            if Instant::now() > deadline {
                self.client.give_up("the statement did not stop when it was cancelled");
            }
            // The server takes no notice of a request that is there before it has begun.
            self.client.cancel();
            self.client.settle(ASK_AGAIN);
        }
    }

    /// Leaves a session in the midst of a statement: the server is asked, from a thread of its own,
    /// to run it no further.
    fn leave(&self) {
        if self.is_ours() && !self.client.is_quiet() && !self.is_broken() {
            let client = self.client.clone();
            let ask = move || client.request_cancel();
            // Without a thread the statement runs to its end.
            let _ = std::thread::Builder::new().name("howdah cancel".into()).spawn(ask);
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

    /// Commits the transaction. From here on the caller waits: an interrupt would leave it not
    /// knowing whether the server had committed.
    ///
    /// # Errors
    /// As [`Session::run`]; when the connection broke, nobody knows whether the server committed.
    pub fn commit(&self) -> Result<()> {
        self.run(&mut || Ok(()), commit)
    }

    /// Rolls back whatever transaction there is; a session that cannot is broken.
    pub fn rollback(&self) {
        self.stop();
        if !self.is_clean() && !self.is_broken() {
            // The failure breaks the session, and that is all there is to say.
            let _ = self.batch(&mut || Ok(()), ROLLBACK);
        }
    }

    /// What was attached, if it is of this type.
    #[must_use]
    pub fn attached<T: Clone + 'static>(&self) -> Option<T> {
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
        self.client.is_free() && self.client.status() == b'I' && !self.is_broken()
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

/// Commits a transaction.
///
/// # Errors
/// What the server says. When the connection broke, nobody knows whether the server committed,
/// and the error says so.
pub async fn commit(client: &Client) -> Result<()> {
    let committed = client.script(COMMIT).await.map_err(|error| client.outcome_unknown(error))?;
    let mut completed = Messages(&committed).filter(|message| message.tag == tag::COMPLETE);
    if completed.any(|message| message.body.starts_with(b"ROLLBACK")) {
        return Err(Error::Programming(
            "a statement of the transaction had failed, so it was rolled back, not committed; let its error end the block, or nest a transaction around the statement".into(),
        ));
    }
    Ok(())
}

const COMMIT: &str = "COMMIT";

/// Rolls a transaction back; without one, this is nothing.
///
/// # Errors
/// That the connection is lost.
pub async fn rollback(client: &Client) -> Result<()> {
    client.batch(ROLLBACK).await.map(|_| ())
}

impl Client {
    /// The error of a commit. When the connection broke before the answer, it says that nobody
    /// knows what became of it.
    #[must_use]
    pub fn outcome_unknown(&self, error: Error) -> Error {
        match error {
            Error::Connection(_) | Error::Server(_) if self.broken().is_some() => {
                Error::Connection(format!(
                    "{error}; the answer to the commit was lost, so its outcome is unknown: look whether the rows are there before you repeat it"
                ))
            }
            error => error,
        }
    }
}

impl Drop for Session {
    /// Says goodbye, if the socket takes it at once.
    fn drop(&mut self) {
        if self.is_ours() {
            self.client.0.line().say_goodbye();
        }
    }
}
