//! Sessions with a PostgreSQL server: connections, the pool, and what runs on them. The only folder that uses the network.
//!
//! From the bottom up: `socket` and `tls` (bytes), `protocol` (one connection without I/O), `client` (operations as futures),
//! `blocking` (runs them on the calling thread), [`Session`] (a connection and its owner), [`pool`].

mod blocking;
mod busy_wait;
mod cancel;
mod cancel_request;
mod cleanup;
mod client;
pub mod config;
mod connect;
pub mod internal_query;
mod interrupt;
mod interruption;
mod latency;
mod login;
pub mod multiplex;
mod names;
mod notices;
mod outcome;
mod peer;
pub mod pool;
mod prepare;
mod protocol;
mod read_only;
mod reply;
mod request;
mod reset;
mod resolve;
mod server_error;
mod socket;
mod startup;
pub mod state;
mod statements;
mod tls;
mod unused_names;
pub mod wake;

use std::any::Any;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
pub use cleanup::ROLLBACK_LIMIT;
pub use client::{Backend, Client, Notification, ResponseChunk, ValueOptions};
pub use config::BindingData;
pub use interrupt::Interrupt;
pub use interruption::{Ended, Interruption, NO_ANSWER, OUTCOME_TIMEOUT};
pub use notices::set_notice_handler;
pub use outcome::{commit, rollback};
pub use protocol::ABANDON_GRACE;
pub use read_only::is_read_only;
pub use reply::{Reply, ResponseStream, copy_refused_error};
pub use socket::Handle;
pub use statements::Statement;

/// A connection and its owner: a pool, or the caller who has it from the pool.
pub struct Session {
    client: Client,
    /// The process that opened it: a forked child has a copy of the socket, and must not use it.
    process: u32,
    /// Data of a driver.
    attachment: Mutex<Option<Box<dyn Any + Send + Sync>>>,
}

impl Session {
    fn new(client: Client) -> Self {
        Self { client, process: std::process::id(), attachment: Mutex::default() }
    }

    /// Runs an operation to its end, on this thread; if `interrupt` returns an error, cancels it at the server, and returns that error.
    pub fn run<T>(
        &self,
        interrupt: &mut Interrupt<'_>,
        operation: impl AsyncFnOnce(&Client) -> Result<T>,
    ) -> Result<T> {
        self.run_within(self.client.limit(), interrupt, operation)
    }

    /// Runs an operation without a time limit.
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

    /// Runs an operation that may commit. If `interrupt` returns an error, the operation is cancelled at the server. If the cancellation
    /// came too late, the result is returned with that error; if the server does not answer in time, the error is
    /// [`Error::OutcomeUnknown`].
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
            Ended::Answered(Ok(value)) => Ok((value, Some(interrupt_error))),
            Ended::Answered(Err(Error::OutcomeUnknown(_))) | Ended::Unanswered => {
                Err(Error::OutcomeUnknown(Box::new(interrupt_error)))
            }
            Ended::Answered(Err(_)) | Ended::Stopped => Err(interrupt_error),
        }
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The server process.
    #[must_use]
    pub fn backend(&self) -> Option<Backend> {
        self.client.backend()
    }

    /// The major version of the server; 0 if it does not report it.
    #[must_use]
    pub fn server_version(&self) -> u32 {
        let version = self.client.setting("server_version").unwrap_or_default();
        // As in `18.1`, `18.1 (Debian)`, `19beta1`, `19rc1` and `19devel`.
        version.split(['.', ' ', 'b', 'r', 'd']).next().and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    /// Runs statements without parameters.
    pub fn batch(&self, interrupt: &mut Interrupt<'_>, sql: &str) -> Result<()> {
        self.run(interrupt, async |client| client.batch(sql).await.map(|_| ()))
    }

    /// Commits the transaction. An interrupt before COMMIT is sent leaves the transaction open; one that comes too late to cancel it is
    /// returned.
    pub fn commit(&self, interrupt: &mut Interrupt<'_>) -> Result<Option<Error>> {
        interrupt()?;
        let ((), late) = self.run_to_end(interrupt, commit(&self.client))?;
        Ok(late)
    }

    /// The attached data, if it is of this type.
    #[must_use]
    pub fn attachment<T: Clone + 'static>(&self) -> Option<T> {
        let attachment = self.attachment.lock().unwrap_or_else(PoisonError::into_inner);
        attachment.as_ref()?.downcast_ref().cloned()
    }

    /// Attaches data, in place of the former.
    pub fn attach<T: Send + Sync + 'static>(&self, data: T) {
        let mut attachment = self.attachment.lock().unwrap_or_else(PoisonError::into_inner);
        *attachment = Some(Box::new(data));
    }

    /// Whether this process opened it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.process == std::process::id()
    }

    /// Whether the connection is closed.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.client.broken().is_some()
    }

    /// Whether the next caller can have it as it is: idle outside a transaction, and with no cancel request under way.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.client.is_reusable() && self.client.status() == b'I' && !self.is_broken()
    }

    /// Whether an idle session is still open and clean; receives what the server has sent meanwhile.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        if self.client.0.handle.wait(false, Duration::ZERO) {
            let _ = self.client.receive();
        }
        self.is_clean()
    }
}

impl Drop for Session {
    /// Sends Terminate, if the socket takes it at once.
    fn drop(&mut self) {
        if self.is_ours() {
            self.client.0.protocol().terminate();
        }
    }
}
