//! The bytes that were received and not dispatched yet.

/// A buffer whose bytes are all initialised. `start..end` are the bytes that were received and not dispatched.
#[derive(Default)]
pub(super) struct RecvBuffer {
    pub buffer: Vec<u8>,
    pub start: usize,
    pub end: usize,
    /// The size of the last read.
    pub last_read_bytes: usize,
    /// TLS may have decrypted bytes that were not received.
    pub holds_more: bool,
}

/// The first size: two of the server's send buffers, which have 8 KiB (`PQ_SEND_BUFFER_SIZE` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/libpq/pqcomm.c>), so that a short result needs one read.
pub(super) const RECV_BUFFER_BYTES: usize = 16 << 10;

/// The largest size that is kept: a connection that has read a long result does not occupy more memory than this afterwards. A
/// longer row is received into its response (`long_rows.rs`).
pub(super) const MAX_RECV_BUFFER_BYTES: usize = 1 << 20;

impl RecvBuffer {
    /// Free space behind the beginning of an incomplete message. That is moved to the front, which is still in
    /// the CPU's cache.
    pub fn free_space(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.buffer.len() > MAX_RECV_BUFFER_BYTES {
            self.buffer.truncate(MAX_RECV_BUFFER_BYTES);
            self.buffer.shrink_to_fit();
        }
        if self.end == self.buffer.len() {
            self.grow();
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    pub fn grow(&mut self) {
        self.buffer.resize((self.buffer.len() * 2).max(RECV_BUFFER_BYTES), 0);
    }
}
