//! Moves bytes between the socket and the buffers, and says when that is worth a system call.

use std::io;

use postgres_protocol::message::frontend;

use super::super::socket::describe_error;
use super::recv_buffer::MAX_RECV_BUFFER_BYTES;
use super::{CloseReason, Protocol};

/// A response counts as long after this many bytes: more than the receive buffer of a Unix socket holds (208 KiB by default on Linux), so
/// the server is still sending. Reads of shorter responses are never delayed.
const LONG_RESULT_BYTES: usize = 256 << 10;
/// A read of a long response counts as small below this. The server sends 8 KiB at a time (`PQ_SEND_BUFFER_SIZE`): at this size, a
/// wake-up of the thread already receives eight of these, and a sleep would gain little.
const MIN_READ_BYTES: usize = 64 << 10;

impl Protocol {
    /// Sends as much as the socket takes.
    pub fn send(&mut self) {
        if self.close_reason.is_some() {
            return;
        }
        if let Err(error) = self.sending.write_to(&mut self.socket) {
            // The server's last message says more than that it closed the connection.
            self.receive();
            self.close_on_error(&describe_error(&error));
        }
    }

    /// Receives and dispatches what the socket has; returns whether that was anything, the end of the connection included.
    pub fn receive(&mut self) -> bool {
        if self.close_reason.is_some() {
            return false;
        }
        self.recv_buffer.holds_more = false;
        if let Some(has_received) = self.receive_long_row() {
            return has_received;
        }
        let space = self.recv_buffer.free_space();
        let size = space.len();
        let read = self.socket.read(space);
        let has_received = self.note_read(&read);
        if let Ok(Some(count @ 1..)) = read {
            self.recv_buffer.end += count;
            self.recv_buffer.last_read_bytes = count;
            if let Err(error) = self.dispatch_messages() {
                self.close_on_error(&format!("the server's messages break the protocol: {error}"));
                return true;
            }
            self.stop_busy_wait_when_idle();
            let is_filled = count == size;
            if is_filled && self.recv_buffer.buffer.len() < MAX_RECV_BUFFER_BYTES {
                self.recv_buffer.grow();
            }
            self.recv_buffer.holds_more = is_filled && self.socket.is_secure();
        }
        has_received
    }

    /// Closes the connection if a read has failed or found its end; returns whether it received anything, the end included.
    pub(super) fn note_read(&mut self, read: &io::Result<Option<usize>>) -> bool {
        match read {
            Ok(None) => return false,
            Ok(Some(0)) => self.close_on_error("the server closed the connection"),
            Ok(Some(_)) => self.timing.busy_wait.on_reply(),
            Err(error) => self.close_on_error(&describe_error(error)),
        }
        true
    }

    /// Closes the connection because it was lost. An error that the server has sent for the current request is a better reason
    /// than the one given here.
    fn close_on_error(&mut self, reason: &str) {
        let reason = match self.pending.error_of_first() {
            Some(error) => CloseReason::ServerError(Box::new(error.clone())),
            None => CloseReason::Io(format!(
                "lost the connection to {}: {reason}; check the server's log and the network between",
                self.label
            )),
        };
        self.has_lost_server |= self.close_reason.is_none();
        self.close(reason);
    }

    pub(super) fn stop_busy_wait_when_idle(&mut self) {
        if self.pending.is_empty() || self.close_reason.is_some() {
            self.timing.busy_wait.stop();
            self.sending.reset_sent();
            self.socket.resume_user_timeout();
        }
    }

    /// Whether to poll the socket without sleeping, because the response is expected sooner than a thread would wake.
    pub fn should_busy_wait(&self) -> bool {
        self.timing.busy_wait.should_spin()
            && !self.sending.has_unsent()
            && !self.has_ready_waiter()
    }

    /// Whether an operation that waits can make progress.
    pub fn has_ready_waiter(&self) -> bool {
        self.close_reason.is_some()
            || self.needs_poll
            || self.pending.has_awaited()
            || self.sending.has_drained_for_waiter()
            || (self.sending.send_waiters > 0 && self.can_send())
            || (self.idle_waiters > 0 && self.is_reusable())
            || !self.async_messages.notifications.is_empty()
            || self.async_messages.has_many_notices()
    }

    /// Whether a long response arrives in small reads, so that a short sleep lets the next read receive more at once.
    pub fn should_coalesce_reads(&self) -> bool {
        let is_long = |received_bytes: usize| received_bytes > LONG_RESULT_BYTES;
        self.pending.first().is_some_and(|first| is_long(first.received_bytes))
            && self.recv_buffer.last_read_bytes < MIN_READ_BYTES
            && !self.recv_buffer.holds_more
            && !self.has_ready_waiter()
    }

    /// Closes the connection; tells the server so if it is idle and the socket takes the message at once.
    pub fn terminate(&mut self) {
        if self.close_reason.is_none() && self.is_idle() {
            frontend::terminate(&mut self.sending.buffer);
            let _ = self.sending.write_to(&mut self.socket);
        }
        self.socket.finish();
        self.mark_closed("the connection is closed".into());
    }
}
