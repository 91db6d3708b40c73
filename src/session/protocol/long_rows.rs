//! A long row is received where it is kept: there is no second copy of it, and no buffer that stays
//! as long as it was.

use super::Protocol;
use super::pending::PendingResponse;
use super::recv_buffer::MAX_RECV_BUFFER_BYTES;
use crate::wire::message::tag;

/// How much of it is received at a time.
const STEP_BYTES: usize = 256 << 10;

/// Whether a message is received so.
pub(super) fn is_long_row(kind: u8, length: usize) -> bool {
    kind == tag::ROW && length > MAX_RECV_BUFFER_BYTES
}

impl PendingResponse {
    /// Takes what has come of a long message of this length; the rest is lacking.
    pub fn begin_long_row(&mut self, bytes: &[u8], length: usize) {
        self.received += bytes.len();
        self.lacking = length - bytes.len();
        if !self.abandoned {
            self.chunk.bytes.extend_from_slice(bytes);
        }
    }
}

impl Protocol {
    /// Receives more of a long message, if one is lacking something; tells whether anything came.
    pub(super) fn receive_long_row(&mut self) -> Option<bool> {
        let front = self.pending.front_mut().filter(|front| front.lacking > 0)?;
        let step = front.lacking.min(STEP_BYTES);
        let bytes = &mut front.chunk.bytes;
        let before = bytes.len();
        bytes.resize(before + step, 0);
        let read = self.socket.read(bytes.get_mut(before..).unwrap_or_default());
        let count = read.as_ref().ok().copied().flatten().unwrap_or(0);
        bytes.truncate(if front.abandoned { 0 } else { before + count });
        front.lacking -= count;
        front.received += count;
        self.last_read = count;
        self.holds_more = count == step && self.socket.is_secure();
        Some(match read {
            Ok(None) => false,
            Ok(Some(0)) => {
                self.close_on_error("the server closed the connection");
                true
            }
            Ok(Some(_)) => {
                self.busy_wait.on_reply();
                true
            }
            Err(error) => {
                self.close_on_error(&super::in_words(&error));
                true
            }
        })
    }
}
