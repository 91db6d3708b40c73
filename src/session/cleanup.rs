//! Ends what a caller has left running or open in a session, before the next caller gets it.

use std::time::{Duration, Instant};

use super::Session;
use super::cancel::MAX_RETRY_DELAY;
use super::cancel_request::CANCEL_TIMEOUT;
use super::outcome::ROLLBACK;
use super::protocol::ABANDON_GRACE;
use super::state::Undo;

/// How long the rollback of a caller may take. It is longer than the other limits, because the caller may go on in the outer
/// transaction only if it succeeds; and limited, because a server that does not answer rolls back anyway when it notices that the
/// connection is closed.
pub const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

/// How long the reset of a session may take: a new session is there sooner than after this.
const RESET_LIMIT: Duration = CANCEL_TIMEOUT;

/// How often a thread that cleans a session checks whether the pool was closed meanwhile: once for each cancel request, which takes this
/// long at most.
const CLEANING_INTERVAL: Duration = CANCEL_TIMEOUT;

impl Session {
    /// Cancels what is running, and waits for its end for at most [`ABANDON_GRACE`], so that an interrupt returns at once. If it has
    /// not ended then, the caller may send nothing more ([`super::Client::overdue`]), and the pool cleans the session.
    pub fn cancel_and_drain(&self) {
        if !self.client.is_idle() && !self.is_broken() {
            let deadline = self.client.begin_cleanup();
            self.cancel_until(deadline);
        }
    }

    /// Cancels what is running until it ends or the deadline passes; returns false if the server could not be asked.
    fn cancel_until(&self, deadline: Instant) -> bool {
        while !self.client.is_idle() && !self.is_broken() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A cancel request has no effect if it arrives before the server has begun the statement.
            let could_ask = self.client.cancel(deadline.min(Instant::now() + CANCEL_TIMEOUT));
            self.client.drain(MAX_RETRY_DELAY.min(left));
            if !could_ask && !self.client.is_idle() {
                return false;
            }
        }
        true
    }

    /// Asks the server, from a thread of its own, to cancel what a session runs that is closed here.
    pub(super) fn cancel_in_background(&self) {
        if self.is_ours()
            && !self.client.is_idle()
            && !self.is_broken()
            && let Some(request) = self.client.cancel_request()
        {
            request.send_detached();
        }
    }

    /// Rolls back the open transaction, if there is one, before the session goes back to the pool. If the server does not answer
    /// within [`ABANDON_GRACE`], the pool does it.
    pub fn rollback(&self) {
        self.cancel_and_drain();
        if self.client.is_idle() && !self.is_clean() && !self.is_broken() {
            self.attempt(ROLLBACK, ABANDON_GRACE);
        }
    }

    /// Runs `sql`, which rolls back to a savepoint. If that fails, the caller may send nothing more.
    pub fn undo(&self, sql: &str) {
        self.cancel_and_drain();
        let limit = self.client.limit_of_statement().unwrap_or(ROLLBACK_LIMIT).min(ROLLBACK_LIMIT);
        if !self.attempt(sql, limit) {
            self.cancel_and_drain();
        }
    }

    /// Runs `sql` for at most `limit`; returns whether it was answered without an error. If not, it may still be running.
    fn attempt(&self, sql: &str, limit: Duration) -> bool {
        if self.client.overdue().is_some() {
            return false;
        }
        self.client.set_driver(0);
        let until = Some(Instant::now() + limit);
        let batch = std::pin::pin!(self.client.batch(sql));
        self.client.block_on(until, &mut || Ok(()), batch).is_ok()
    }

    /// Runs `sql`, which ends all subscriptions, if there are any. If the server does not answer within [`ABANDON_GRACE`], the
    /// connection is closed.
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

    /// Cancels what is running, and rolls back, on a thread that has nothing else to do. Closes the session if it is not clean after
    /// `timeout`, or when `may_continue` returns false.
    pub(super) fn clean(&self, timeout: Duration, may_continue: &dyn Fn() -> bool) {
        self.client.set_driver(0);
        let deadline = Instant::now() + timeout;
        while !self.client.is_idle() && !self.is_broken() {
            let until = deadline.min(Instant::now() + CLEANING_INTERVAL);
            if !self.cancel_until(until) {
                self.client.give_up("the server cannot be asked to cancel a statement");
            }
            if Instant::now() >= deadline || !may_continue() {
                self.client.give_up("the statement did not stop when it was cancelled");
            }
        }
        // A cancel request of another thread may still be under way.
        let idle = std::pin::pin!(self.client.idle());
        let _ = self.client.block_on(Some(deadline), &mut || Ok(()), idle);
        let in_transaction = self.client.is_reusable() && self.client.status() != b'I';
        let is_unclean = self.client.is_listening()
            || !self.client.is_reusable()
            || (in_transaction && !self.attempt(ROLLBACK, CANCEL_TIMEOUT));
        if is_unclean {
            self.client.give_up("the connection was not clean");
        }
    }

    /// Undoes the state left in the session, on a thread that has nothing else to do. Closes the session if that fails.
    pub(super) fn reset(&self, undo: Undo) {
        self.client.set_driver(0);
        let until = Some(Instant::now() + RESET_LIMIT);
        let undone = std::pin::pin!(self.client.undo_state(undo));
        if !matches!(self.client.block_on(until, &mut || Ok(()), undone), Ok(Ok(()))) {
            self.client.give_up("the state of the session could not be undone");
        }
    }
}
