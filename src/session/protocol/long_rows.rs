//! Receives a long row directly into its response, so that it is neither copied nor makes the receive buffer as long as it is.

use super::Protocol;
use super::pending::PendingResponses;
use super::recv_buffer::MAX_RECV_BUFFER_BYTES;
use crate::wire::message::tag;

/// How much of a long row is received at a time. The response grows by this much before the bytes are there, so a server that
/// announces a long row and sends nothing makes us allocate no more than this.
const STEP_BYTES: usize = 256 << 10;

/// Whether a message is received in this way.
pub(super) fn is_long_row(kind: u8, length: usize) -> bool {
    kind == tag::ROW && length > MAX_RECV_BUFFER_BYTES
}

impl PendingResponses {
    /// Takes the beginning of a long row of `length` bytes into the first response.
    pub fn begin_long_row(&mut self, received: &[u8], length: usize) {
        let Some(first) = self.first_mut() else { return };
        first.received_bytes += received.len();
        first.missing_bytes = length - received.len();
        if !first.abandoned {
            first.chunk.bytes.extend_from_slice(received);
        }
    }
}

impl Protocol {
    /// Receives more of a long row; `None` if none is incomplete, else whether anything was received.
    pub(super) fn receive_long_row(&mut self) -> Option<bool> {
        let first = self.pending.first_mut().filter(|first| first.missing_bytes > 0)?;
        let step = first.missing_bytes.min(STEP_BYTES);
        let bytes = &mut first.chunk.bytes;
        let before = bytes.len();
        bytes.resize(before + step, 0);
        let read = self.socket.read(bytes.get_mut(before..).unwrap_or_default());
        let count = read.as_ref().ok().copied().flatten().unwrap_or(0);
        bytes.truncate(if first.abandoned { 0 } else { before + count });
        first.missing_bytes -= count;
        first.received_bytes += count;
        self.recv_buffer.last_read_bytes = count;
        self.recv_buffer.holds_more = count == step && self.socket.is_secure();
        Some(self.note_read(&read))
    }
}
