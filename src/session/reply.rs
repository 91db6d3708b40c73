//! The response to a request, as it is received, and the messages that an open request still sends.

use std::task::Poll;

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;

use super::client::{Client, ResponseChunk};
use crate::error::{Error, Result};
use crate::wire::message::{End, Ends};

/// The least size of a chunk: any message, or nothing before the whole response.
const ANY: usize = 1;
const ALL: usize = usize::MAX;

/// The largest `CopyData` message: the server allocates memory for a whole one, and refuses one of 1 GiB (`MaxAllocSize`). At a
/// sixteenth of that limit, the five bytes of each header are negligible.
const MAX_COPY_DATA_BYTES: usize = 64 << 20;

/// The messages that complete a request when its reply is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDrop {
    /// None: it was sent completely.
    Sent,
    /// Sync.
    Sync,
    /// An Execute that fails, and Sync: what has been run of the request must be rolled back.
    Abort,
    /// `CopyFail`.
    CopyFail,
}

/// The response to a request. If it is dropped before its end, the protocol discards the rest.
pub struct Reply {
    pub(super) client: Client,
    pub(super) request_id: u64,
    pub(super) on_drop: OnDrop,
    pub(super) ended: bool,
}

impl Reply {
    /// The whole response, up to `ReadyForQuery`; the server's error if there is one.
    pub async fn complete(mut self) -> Result<ResponseChunk> {
        let chunk = std::future::poll_fn(|_| self.poll(ALL)).await?;
        match chunk.error {
            _ if chunk.copy_refused => Err(copy_refused_error()),
            Some(error) => Err(Error::Server(error)),
            None => Ok(chunk),
        }
    }

    /// The response to Executes, chunk by chunk.
    #[must_use]
    pub fn stream(self) -> ResponseStream {
        ResponseStream { reply: self, ends: Ends::default() }
    }

    /// The whole response to Executes, none of which has a row limit.
    pub async fn collect(self) -> Result<Vec<u8>> {
        self.stream().rest().await
    }

    /// The whole response to Parse, Describe and Execute.
    pub(super) async fn collect_described(self) -> Result<Vec<u8>> {
        ResponseStream { reply: self, ends: Ends::described() }.rest().await
    }

    /// The next chunk, of at least one message; the server's error if there is one.
    pub async fn next_chunk(&mut self) -> Result<ResponseChunk> {
        let chunk = std::future::poll_fn(|_| self.poll(ANY)).await?;
        match chunk.error {
            Some(error) => Err(Error::Server(error)),
            None => Ok(chunk),
        }
    }

    /// The next chunk, with the server's error in it, if one was received. If not, the protocol notes that the caller waits for it.
    pub fn try_next_chunk(&mut self) -> Result<Option<ResponseChunk>> {
        match self.poll(ANY) {
            Poll::Ready(chunk) => chunk.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    /// Returns the buffer of a chunk that was read, so that it is reused.
    pub fn recycle(&self, bytes: Vec<u8>) {
        self.client.0.protocol().pending.recycle_buffer(bytes);
    }

    /// The whole response, with the server's error in it.
    pub async fn end(mut self) -> Result<ResponseChunk> {
        std::future::poll_fn(|_| self.poll(ALL)).await
    }

    /// What has been received, with the server's error in it; does not wait.
    pub fn take_received(&mut self) -> Result<ResponseChunk> {
        let taken = self.client.0.protocol().try_take_response(self.request_id);
        let chunk = taken.transpose()?.unwrap_or_default();
        self.ended |= chunk.ended;
        Ok(chunk)
    }

    /// Makes the server roll back what it has run of the request, if the reply is dropped before the request's end.
    pub fn all_or_nothing(&mut self) {
        self.on_drop = OnDrop::Abort;
    }

    fn poll(&mut self, least_bytes: usize) -> Poll<Result<ResponseChunk>> {
        if self.ended {
            let nothing = ResponseChunk { ended: true, ..ResponseChunk::default() };
            return Poll::Ready(Ok(nothing));
        }
        match self.client.0.protocol().take_response(self.request_id, least_bytes) {
            None => Poll::Pending,
            Some(chunk) => {
                self.ended = chunk.as_ref().map_or(true, |chunk| chunk.ended);
                Poll::Ready(chunk)
            }
        }
    }

    /// Adds messages to an open request; sends none of them if `write` fails.
    pub fn send_more(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
        let mut protocol = self.client.0.protocol();
        if protocol.cancellation.refuses_requests {
            return Err(Error::Interrupted);
        }
        let before = protocol.sending.buffer.len();
        let written = write(&mut protocol.sending.buffer);
        if written.is_err() {
            protocol.sending.buffer.truncate(before);
        }
        written
    }

    /// Sends rows of a COPY, of any length.
    pub fn send_copied(&mut self, rows: Bytes) {
        let mut protocol = self.client.0.protocol();
        for part in split(rows, MAX_COPY_DATA_BYTES) {
            let length = u32::try_from(part.len() + 4).unwrap_or(u32::MAX);
            protocol.sending.buffer.extend_from_slice(b"d");
            protocol.sending.buffer.extend_from_slice(&length.to_be_bytes());
            protocol.sending.push_chunk(part);
        }
    }

    /// Waits until everything is sent, or the server has sent an error.
    pub async fn sent(&self) {
        std::future::poll_fn(|_| {
            let mut protocol = self.client.0.protocol();
            let waits = protocol.sending.has_unsent() && !protocol.has_failed(self.request_id);
            protocol.sending.has_drain_waiter = waits;
            if waits { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Whether the server has sent an error.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.client.0.protocol().has_failed(self.request_id)
    }

    /// Ends an open request.
    pub fn sync(&mut self) {
        let mut protocol = self.client.0.protocol();
        frontend::sync(&mut protocol.sending.buffer);
        protocol.sending.finish_request(self.request_id);
        self.on_drop = OnDrop::Sent;
    }

    /// Ends an open request, and discards the rest of its response.
    pub async fn end_early(mut self) -> Result<()> {
        self.sync();
        self.complete().await.map(|_| ())
    }

    /// Ends a COPY after its last row.
    pub fn copy_done(&mut self) {
        let mut protocol = self.client.0.protocol();
        frontend::copy_done(&mut protocol.sending.buffer);
        protocol.sending.finish_request(self.request_id);
        self.on_drop = OnDrop::Sent;
    }
}

/// The response to Executes, none of which has a row limit; checks that it is complete.
pub struct ResponseStream {
    reply: Reply,
    ends: Ends,
}

impl ResponseStream {
    /// The next messages: at least `least_bytes`, or the rest.
    pub async fn next(&mut self, least_bytes: usize) -> Result<Vec<u8>> {
        let mut chunk = std::future::poll_fn(|_| self.reply.poll(least_bytes)).await?;
        if let Some(error) = chunk.error.take() {
            // Waits for `ReadyForQuery`, which has the transaction status. If the connection is lost instead, the server's error
            // says why.
            let rest = std::future::poll_fn(|_| self.reply.poll(ALL)).await;
            let is_copy = chunk.copy_refused || rest.is_ok_and(|rest| rest.copy_refused);
            return Err(if is_copy { copy_refused_error() } else { Error::Server(error) });
        }
        self.ends.see(&chunk.bytes)?;
        if chunk.ended {
            match self.ends.end()? {
                End::Complete => {}
                End::Copy => return Err(copy_refused_error()),
                End::Suspended => {
                    return Err(Error::Internal(
                        "the server has sent PortalSuspended, and no row limit was set".into(),
                    ));
                }
            }
        }
        Ok(chunk.bytes)
    }

    /// All that is left.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        self.next(ALL).await
    }

    /// Whether the response has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.reply.ended
    }

    /// Returns the buffer of a chunk that was read, so that it is reused.
    pub fn recycle(&self, bytes: Vec<u8>) {
        self.reply.recycle(bytes);
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.ended && self.on_drop == OnDrop::Sent {
            return;
        }
        let mut protocol = self.client.0.protocol();
        match self.on_drop {
            // If the COPY has failed, its response has ended, and CopyFail must not be sent.
            OnDrop::CopyFail if !self.ended => {
                // It only fails for a text with a NUL byte.
                let _ = frontend::copy_fail("the load was given up", &mut protocol.sending.buffer);
            }
            OnDrop::Sync if !self.ended => frontend::sync(&mut protocol.sending.buffer),
            OnDrop::Abort if !self.ended => {
                // There is no such portal: the error makes the server roll back.
                let _ = frontend::execute("howdah_given_up", 0, &mut protocol.sending.buffer);
                frontend::sync(&mut protocol.sending.buffer);
            }
            _ => {}
        }
        protocol.sending.finish_request(self.request_id);
        protocol.pending.abandon(self.request_id);
    }
}

/// Splits bytes into parts of at most `max_bytes`, none of which is empty.
fn split(mut bytes: Bytes, max_bytes: usize) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(max_bytes)))
    })
}

/// The error of a COPY among the caller's own statements.
#[must_use]
pub fn copy_refused_error() -> Error {
    Error::NotSupported(
        "a COPY TO STDOUT or FROM STDIN is not supported here; use read() or load()".into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_split_returns_all_bytes_and_no_empty_part() {
        let parts = |bytes: &'static [u8]| split(bytes.into(), 4).collect::<Vec<_>>();
        assert_eq!(parts(b"0123456789"), ["0123", "4567", "89"]);
        assert_eq!(parts(b"01234567"), ["0123", "4567"]);
        assert!(parts(b"").is_empty());
    }
}
