//! The protocol of one connection as a state machine without I/O of its own: buffers of what is to be sent and was received, the
//! responses that are outstanding, and what the server reports.
//!
//! It never waits. A driver (`session/blocking.rs` or `python/asyncio/driver/`) calls [`Protocol::send`] and
//! [`Protocol::receive`] when the socket is ready, and polls the operations that wait.
//!
//! # States
//!
//! ```text
//!              Protocol::new
//!                   │
//!               ┌───▼───┐
//!               │ login │
//!               └───┬───┘
//!                   │ ReadyForQuery
//!               ┌───▼───┐   ReadyForQuery of the last request
//!          ┌────┤ idle  ◀───────────────────┬──────────────────┐
//!          │    └───┬───┘                   │                  │
//!   request that    │ request that is       │                  │
//!   stays open      │ sent completely       │                  │
//!          │        └──────────────────┐    │                  │
//!    ┌─────▼────────┐  Sync,        ┌──▼────┴──┐               │
//!    │ open request ├───────────────▶   busy   │               │
//!    │ or COPY in   │  CopyDone     └────┬─────┘               │
//!    └─────┬────────┘                    │                     │
//!          │                             │ the caller drops    │
//!          │ the caller drops            │ its response        │
//!          │ its response          ┌─────▼────┐                │
//!          └───────────────────────▶ draining ├────────────────┘
//!                                  └──────────┘
//!
//! any state ── the socket breaks, the server ends the session, mark_closed ──▶ closed
//! ```
//!
//! In a transaction (`T`) or a failed one (`E`), "idle" is idle within that. While a cancel request is in flight, no request begins.
//!
//! The state is not one variable, because a connection is in several of them at once. These fields make it up:
//!
//! | state | fields | what leaves it |
//! |---|---|---|
//! | login | `login_phase` is not `Begun` | `ReadyForQuery` |
//! | idle | `pending` and `sending` are empty | a request |
//! | busy | `pending` has responses, `sending` has no open request | `ReadyForQuery` for each request; the next one may begin before |
//! | open request | `sending` has an open request; no other may begin | Sync |
//! | COPY in | the same, with [`CopyInPolicy::Accept`] | `CopyDone`, `CopyFail` |
//! | in transaction, failed | `status` is `T`, `E`, beside any of the above | the `ReadyForQuery` after COMMIT or ROLLBACK |
//! | cancel in flight | `cancellation` is in flight; no request may begin | the end of the cancel request |
//! | draining | `pending` has abandoned responses; `timing` has the deadline | their `ReadyForQuery` |
//! | closed | `close_reason` is set | nothing |
//!
//! What ends an operation early does this:
//!
//! | state | cancelled by the caller | timeout | broken socket |
//! |---|---|---|---|
//! | login | the socket is closed; nothing is sent | the same, after `connect_timeout` | the next address is tried |
//! | idle | nothing is running | none here; the pool closes it after `max_idle_s` | closed; the pool opens another |
//! | busy | the response is abandoned, and a cancel request is sent: draining. A commit, or a statement that may be one, is marked as cancelled instead, and its outcome is awaited (`interruption.rs`) | the same, after `statement_timeout_s` | closed; each caller gets the server's last error, or that the connection is lost. Of a commit it is that the outcome is unknown |
//! | open request | Sync is sent (after a message that fails, where the whole must not stay), then as when busy | the same | the same |
//! | COPY in | `CopyFail` is sent, then as when busy | the same | the same |
//! | in transaction, failed | as in the state beside it; then ROLLBACK, or ROLLBACK TO SAVEPOINT | the same | the server rolls back |
//! | cancel in flight | nothing more: the cancel request is repeated until the server stops | unanswered after `CANCEL_TIMEOUT`: closed before another caller gets the connection | the cancel request ends |
//! | draining | nothing more | after [`ABANDON_GRACE`] the caller may send nothing more; the pool cleans the connection on a thread, or closes it after `CLEANUP_TIMEOUT` | closed |
//! | closed | nothing | none | nothing |

mod async_messages;
mod cancellation;
mod close_reason;
mod dispatch;
mod login_phase;
mod long_rows;
mod pending;
mod recv_buffer;
mod response;
mod sending;
mod timing;
mod transfer;

use std::sync::Arc;
use std::time::Instant;

pub use async_messages::Notification;
pub(super) use close_reason::CloseReason;
pub(super) use login_phase::LoginPhase;
pub(super) use response::CopyInPolicy;
pub use response::ResponseChunk;
pub use timing::ABANDON_GRACE;

use async_messages::AsyncMessages;
use cancellation::Cancellation;
use pending::PendingResponses;
use recv_buffer::RecvBuffer;
use sending::Sending;
use timing::Timing;

use super::busy_wait::BusyWait;
use super::latency::LatencyStats;
use super::names::NameWatch;
use super::socket::{Handle, Socket};
use super::state::SessionState;
use crate::error::Result;

/// The protocol of one connection.
pub(super) struct Protocol {
    socket: Socket,
    /// The server's address, for error messages.
    label: String,
    recv_buffer: RecvBuffer,
    pub sending: Sending,
    pub pending: PendingResponses,
    pub cancellation: Cancellation,
    timing: Timing,
    pub async_messages: AsyncMessages,
    pub login_phase: LoginPhase,
    status: u8,
    names: NameWatch,
    /// What statements have left in the session since it was clean.
    pub state: SessionState,
    close_reason: Option<CloseReason>,
    /// The connection was closed by the server or the network, not here.
    pub has_lost_server: bool,
    /// The server has refused to write because it is read-only (SQLSTATE 25006).
    pub was_read_only: bool,
    /// Operations must be polled although nothing was received: another operation has written a request for one of them.
    pub needs_poll: bool,
    /// The number of operations that wait until the connection is reusable.
    pub idle_waiters: usize,
}

impl Protocol {
    pub fn new(socket: Socket, label: String, busy_wait: BusyWait, names: NameWatch) -> Self {
        Self {
            socket,
            label,
            recv_buffer: RecvBuffer::default(),
            sending: Sending::default(),
            pending: PendingResponses::default(),
            cancellation: Cancellation::default(),
            timing: Timing::new(busy_wait),
            async_messages: AsyncMessages::default(),
            login_phase: LoginPhase::Login,
            status: 0,
            names,
            state: SessionState::default(),
            close_reason: None,
            has_lost_server: false,
            was_read_only: false,
            needs_poll: false,
            idle_waiters: 0,
        }
    }

    pub fn handle(&self) -> Handle {
        self.socket.handle()
    }

    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.close_reason.as_ref()
    }

    /// Closes the connection for a reason of the client's.
    pub fn mark_closed(&mut self, reason: String) {
        self.close(CloseReason::Io(reason));
    }

    /// Closes the connection; the first reason stays.
    fn close(&mut self, reason: CloseReason) {
        self.close_reason.get_or_insert(reason);
        self.sending.wants_write = false;
        self.timing.busy_wait.stop();
    }

    /// The transaction status of the last `ReadyForQuery`: I outside a transaction, T in one, E in a failed one.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Whether TLS may have decrypted bytes that were not received: the socket does not become readable for them.
    pub fn holds_more(&self) -> bool {
        self.recv_buffer.holds_more
    }

    /// Whether everything is sent and answered.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.sending.has_unsent()
    }

    /// Whether everything is sent and answered, and no cancel request is under way.
    pub fn is_reusable(&self) -> bool {
        self.is_idle() && !self.cancellation.is_in_flight()
    }

    /// Whether a request may begin.
    pub fn can_send(&self) -> bool {
        !self.sending.is_open() && !self.cancellation.is_in_flight()
    }

    /// The number of outstanding responses if a read of another caller may be sent behind them: outside a transaction, and with no
    /// cancel request that could hit it.
    pub fn reads_ahead(&self) -> Option<usize> {
        let is_joinable = self.can_send()
            && self.close_reason.is_none()
            && !self.cancellation.is_unanswered()
            && self.status == b'I';
        is_joinable.then(|| self.pending.len())
    }

    /// Begins a request, whose messages the caller then writes to the send buffer. If it is open, more messages follow, and no other
    /// request may begin before it is finished.
    pub fn begin(
        &mut self,
        open_request: bool,
        copy_in_policy: CopyInPolicy,
        latency: &Arc<LatencyStats>,
    ) -> u64 {
        self.timing.on_request(self.pending.is_empty(), latency);
        let request_id = self.pending.push(copy_in_policy, latency);
        if open_request {
            self.sending.open_request(request_id);
        }
        request_id
    }

    /// Removes a request of which nothing was sent.
    pub fn withdraw(&mut self, request_id: u64) {
        self.pending.withdraw(request_id);
        self.stop_busy_wait_when_idle();
        self.sending.finish_request(request_id);
    }

    /// Takes what was received for a request: the rest of a complete response, else at least `least_bytes`. `None`: less was received,
    /// and the caller waits.
    pub fn take_response(
        &mut self,
        request_id: u64,
        least_bytes: usize,
    ) -> Option<Result<ResponseChunk>> {
        if let Some(chunk) = self.pending.take_answered(request_id) {
            return Some(Ok(chunk));
        }
        if let Some(reason) = &self.close_reason {
            return Some(Err(reason.error()));
        }
        self.pending.take_part(request_id, least_bytes).map(Ok)
    }

    /// Takes what was received for a request; the caller does not wait for more.
    pub fn try_take_response(&mut self, request_id: u64) -> Option<Result<ResponseChunk>> {
        let taken = self.take_response(request_id, 1);
        self.pending.stop_waiting(request_id);
        taken
    }

    /// Whether the server has sent an error for a request, or the connection is closed.
    pub fn has_failed(&self, request_id: u64) -> bool {
        self.close_reason.is_some() || self.pending.has_failed(request_id)
    }

    /// Whether an outstanding response is abandoned.
    pub fn has_abandoned(&self) -> bool {
        self.close_reason.is_none() && self.pending.has_abandoned()
    }

    /// The request that the server runs now, if it is to be cancelled and not later than `request_id`.
    pub fn unwanted_request_running(&self, request_id: u64) -> Option<u64> {
        let is_open = self.close_reason.is_none();
        is_open.then(|| self.pending.unwanted_request_running(request_id))?
    }

    /// Marks all requests as cancelled, whose callers wait for their outcome; returns false, and does nothing, if one of them is not
    /// completely sent.
    pub fn cancel_all(&mut self) -> bool {
        let is_sent = !self.sending.is_open();
        if is_sent {
            self.pending.mark_cancelled();
        }
        is_sent
    }

    /// Whether a statement that was given up has not ended, or is being cancelled.
    fn is_being_cleaned(&self) -> bool {
        self.close_reason.is_none() && (self.cancellation.is_in_flight() || self.has_abandoned())
    }

    /// Notes that a caller gives up what runs here; returns when that must have ended.
    pub fn begin_cleanup(&mut self) -> Instant {
        self.timing.begin_cleanup()
    }

    /// When the statements that were given up must have ended; `None` if they have.
    pub fn cleanup_deadline(&self) -> Option<Instant> {
        self.timing.cleanup_deadline().filter(|_| self.is_being_cleaned())
    }

    /// Ends the cleanup if everything that was given up has ended.
    pub fn note_cleanup(&mut self) {
        if !self.is_being_cleaned() {
            self.timing.end_cleanup();
        }
    }

    /// Whether a statement that was given up has not ended in time, so that its caller may send nothing more.
    pub fn is_overdue(&self) -> bool {
        self.cleanup_deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }
}
