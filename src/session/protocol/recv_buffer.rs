//! The bytes that have come and are not sorted yet.

/// A buffer whose bytes are all initialised, with a window of what has come.
pub(super) struct RecvBuffer {
    pub buffer: Vec<u8>,
    pub start: usize,
    pub end: usize,
}

pub(super) const RECV_BUFFER_BYTES: usize = 16 << 10;
pub(super) const MAX_RECV_BUFFER_BYTES: usize = 1 << 20;

impl RecvBuffer {
    /// Room to read into, behind the beginning of a message: at the front, which is still in a
    /// core's cache.
    pub fn room(&mut self) -> &mut [u8] {
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
