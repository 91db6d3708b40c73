//! The messages that are to be sent, and which request may add to them.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes, BytesMut};

use super::super::socket::Socket;
use super::recv_buffer::MAX_RECV_BUFFER_BYTES;

/// How many pieces are passed to one `writev(2)`. A load queues two for each `CopyData` message, the header and the rows: these
/// are four messages, more bytes than a socket takes at once. More would only fill a longer array on the stack.
const MAX_SLICES: usize = 8;

/// A request counts as long, for `tcp_user_timeout`, after this many bytes. Fewer fit into the receive buffer of the server's
/// socket, whatever the server's process does: Linux gives it 87,380 bytes or more by default (`tcp_rmem` in
/// <https://man7.org/linux/man-pages/man7/tcp.7.html>), of which a part is for its own records.
const SOCKET_BUFFER_BYTES: usize = 32 << 10;

/// What is to be sent, and who waits for that.
#[derive(Default)]
pub struct Sending {
    /// The last messages that are to be sent. Requests write theirs here.
    pub buffer: BytesMut,
    /// Bytes that are sent before `buffer`. The chunks of a COPY are queued here without being copied.
    chunks: VecDeque<Bytes>,
    /// The request that will add more messages: no other one may begin.
    open_request: Option<u64>,
    /// The socket is full: send again when it is writable.
    pub wants_write: bool,
    /// An operation waits until everything is sent.
    pub has_drain_waiter: bool,
    /// The number of operations that wait until they may begin a request.
    pub send_waiters: usize,
    /// The bytes sent since the connection was last idle.
    sent_bytes: usize,
}

impl Sending {
    pub fn has_unsent(&self) -> bool {
        !self.buffer.is_empty() || !self.chunks.is_empty()
    }

    pub fn is_open(&self) -> bool {
        self.open_request.is_some()
    }

    /// Notes a request that will add more messages.
    pub fn open_request(&mut self, request_id: u64) {
        self.open_request = Some(request_id);
    }

    /// Notes that a request adds no more messages.
    pub fn finish_request(&mut self, request_id: u64) {
        if self.open_request == Some(request_id) {
            self.open_request = None;
            self.has_drain_waiter = false;
        }
    }

    /// Queues a chunk behind what is in the buffer, without copying it.
    pub fn push_chunk(&mut self, chunk: Bytes) {
        if !self.buffer.is_empty() {
            self.chunks.push_back(self.buffer.split().freeze());
        }
        self.chunks.push_back(chunk);
    }

    /// Whether an operation waits until everything is sent, and it is.
    pub fn has_drained_for_waiter(&self) -> bool {
        self.has_drain_waiter && !self.has_unsent()
    }

    /// Notes that the connection is idle: the next request is measured by itself.
    pub fn reset_sent(&mut self) {
        self.sent_bytes = 0;
    }

    /// Writes as much as the socket takes.
    pub fn write_to(&mut self, socket: &mut Socket) -> io::Result<()> {
        self.wants_write = false;
        while self.has_unsent() {
            let chunks = self.chunks.iter().map(|chunk| &**chunk).chain([&*self.buffer]);
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(chunks.filter(|bytes| !bytes.is_empty())) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            let Some(written) = socket.write_vectored(slices.get(..count).unwrap_or_default())?
            else {
                self.wants_write = true;
                return Ok(());
            };
            self.sent_bytes += written;
            if self.sent_bytes > SOCKET_BUFFER_BYTES {
                socket.suspend_user_timeout();
            }
            self.discard_sent(written);
        }
        self.wants_write = !socket.flush()?;
        Ok(())
    }

    /// Removes bytes that were sent.
    fn discard_sent(&mut self, mut count: usize) {
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                return chunk.advance(count);
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
        if count == self.buffer.len() {
            self.buffer.clear();
            // A long parameter was sent; its memory is freed.
            if self.buffer.capacity() > MAX_RECV_BUFFER_BYTES {
                self.buffer = BytesMut::new();
            }
        } else {
            self.buffer.advance(count);
        }
    }
}
