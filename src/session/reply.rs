//! The reply to a request, as it comes; and what an open request is still to say.

use std::task::Poll;

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;

use super::client::{Client, no_copy};
use super::protocol::ResponseChunk;
use crate::error::{Error, Result};
use crate::wire::message::{End, Ends};

/// So many bytes of an answer: whatever there is, or no part of it before its end.
const ANY: usize = 1;
const ALL: usize = usize::MAX;

/// How many bytes of a COPY are put into one message: the server makes room for a whole one, and takes
/// none of 1 GiB.
const COPY_DATA_AT_MOST: usize = 64 << 20;

/// How a request that is given up in its middle is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDrop {
    /// It was sent whole.
    Sent,
    /// By a Sync.
    Sync,
    /// By a failure and a Sync: what has been run of it must not stay.
    Abort,
    /// By the failure of a COPY.
    CopyFail,
}

/// The reply to a request, as it comes. When dropped before its end, the rest is left to the line.
pub struct Reply {
    pub(super) client: Client,
    pub(super) request_id: u64,
    pub(super) on_drop: OnDrop,
    pub(super) ended: bool,
}

impl Reply {
    /// All that comes, up to the server's being ready again.
    ///
    /// # Errors
    /// What the server says; that the connection is lost.
    pub async fn complete(mut self) -> Result<ResponseChunk> {
        let chunk = std::future::poll_fn(|_| self.poll(ALL)).await?;
        match chunk.error {
            _ if chunk.copy_refused => Err(no_copy()),
            Some(error) => Err(Error::Server(error)),
            None => Ok(chunk),
        }
    }

    /// The answer to Executes, part by part.
    #[must_use]
    pub fn stream(self) -> ResponseStream {
        ResponseStream { reply: self, ends: Ends::default() }
    }

    /// The whole answer to Executes, which is complete.
    ///
    /// # Errors
    /// As [`ResponseStream::next`].
    pub async fn collect(self) -> Result<Vec<u8>> {
        self.stream().rest().await
    }

    /// The same, of a statement that was prepared in the same request.
    pub(super) async fn collect_described(self) -> Result<Vec<u8>> {
        ResponseStream { reply: self, ends: Ends::described() }.rest().await
    }

    /// What has come meanwhile: at least one message.
    ///
    /// # Errors
    /// What the server says; that the connection is lost.
    pub async fn next_chunk(&mut self) -> Result<ResponseChunk> {
        let chunk = std::future::poll_fn(|_| self.poll(ANY)).await?;
        match chunk.error {
            Some(error) => Err(Error::Server(error)),
            None => Ok(chunk),
        }
    }

    /// What has come meanwhile, with the error that may be among it; whoever drives the connection is told that more is
    /// waited for where nothing has.
    ///
    /// # Errors
    /// That the connection is lost.
    pub fn try_next_chunk(&mut self) -> Result<Option<ResponseChunk>> {
        match self.poll(ANY) {
            Poll::Ready(chunk) => chunk.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    /// Gives back the room of a part that is read.
    pub fn recycle(&self, bytes: Vec<u8>) {
        self.client.0.protocol().recycle_buffer(bytes);
    }

    /// All that comes, with the error that may be among it.
    ///
    /// # Errors
    /// That the connection is lost.
    pub async fn end(mut self) -> Result<ResponseChunk> {
        std::future::poll_fn(|_| self.poll(ALL)).await
    }

    /// What has come already, with the error that may be among it.
    ///
    /// # Errors
    /// That the connection is lost.
    pub fn take_received(&mut self) -> Result<ResponseChunk> {
        let taken = self.client.0.protocol().try_take_response(self.request_id);
        let chunk = taken.transpose()?.unwrap_or_default();
        self.ended |= chunk.ended;
        Ok(chunk)
    }

    /// From now on, to give the request up means to undo what was run of it.
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

    /// Sends more of an open request.
    ///
    /// # Errors
    /// When `write` fails; nothing of it is sent then.
    pub fn send_more(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
        let mut protocol = self.client.0.protocol();
        if protocol.refuses_requests {
            return Err(Error::Interrupted);
        }
        let before = protocol.send_buffer.len();
        let written = write(&mut protocol.send_buffer);
        if written.is_err() {
            protocol.send_buffer.truncate(before);
        }
        written
    }

    /// Sends a part of a COPY, of any length.
    pub fn send_copied(&mut self, chunk: Bytes) {
        let mut protocol = self.client.0.protocol();
        for part in cut(chunk, COPY_DATA_AT_MOST) {
            let length = u32::try_from(part.len() + 4).unwrap_or(u32::MAX);
            protocol.send_buffer.extend_from_slice(b"d");
            protocol.send_buffer.extend_from_slice(&length.to_be_bytes());
            protocol.send_chunk(part);
        }
    }

    /// Waits until all has been sent, or the server has failed.
    pub async fn sent(&self) {
        std::future::poll_fn(|_| {
            let mut protocol = self.client.0.protocol();
            protocol.has_drain_waiter =
                protocol.has_to_send() && !protocol.has_failed(self.request_id);
            if protocol.has_drain_waiter { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Whether the server has failed already.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.client.0.protocol().has_failed(self.request_id)
    }

    /// Ends an open request.
    pub fn sync(&mut self) {
        let mut protocol = self.client.0.protocol();
        frontend::sync(&mut protocol.send_buffer);
        protocol.finish_request(self.request_id);
        self.on_drop = OnDrop::Sent;
    }

    /// Ends an open request of which nothing more is wanted.
    ///
    /// # Errors
    /// What the server says.
    pub async fn end_early(mut self) -> Result<()> {
        self.sync();
        self.complete().await.map(|_| ())
    }

    /// Ends a COPY: all its rows are sent.
    pub fn copy_done(&mut self) {
        let mut protocol = self.client.0.protocol();
        frontend::copy_done(&mut protocol.send_buffer);
        protocol.finish_request(self.request_id);
        self.on_drop = OnDrop::Sent;
    }
}

/// The complete answer to Executes, as it comes.
pub struct ResponseStream {
    reply: Reply,
    ends: Ends,
}

impl ResponseStream {
    /// The next whole messages: so many bytes of them at the least, or all that is left.
    ///
    /// # Errors
    /// What the server says; that the connection is lost; that this is no answer to Executes, or
    /// not the whole of one.
    pub async fn next(&mut self, least_bytes: usize) -> Result<Vec<u8>> {
        let mut chunk = std::future::poll_fn(|_| self.reply.poll(least_bytes)).await?;
        if let Some(error) = chunk.error.take() {
            // What became of the transaction is known at the end. Where there is none, because the
            // connection is lost, the server has told why.
            let rest = std::future::poll_fn(|_| self.reply.poll(ALL)).await;
            let copied = chunk.copy_refused || rest.is_ok_and(|rest| rest.copy_refused);
            return Err(if copied { no_copy() } else { Error::Server(error) });
        }
        self.ends.see(&chunk.bytes)?;
        if chunk.ended {
            match self.ends.end()? {
                End::Complete => {}
                End::Copy => return Err(no_copy()),
                End::Suspended => return Err(Error::Internal("an answer that was cut off".into())),
            }
        }
        Ok(chunk.bytes)
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`ResponseStream::next`].
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        self.next(ALL).await
    }

    /// Whether that was all.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.reply.ended
    }

    /// Gives back the room of a part that is read.
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
            // A COPY that failed has ended; a Sync too many would be answered for nobody.
            OnDrop::CopyFail if !self.ended => {
                // A text without a zero byte, and short.
                let _ = frontend::copy_fail("the load was given up", &mut protocol.send_buffer);
            }
            OnDrop::Sync if !self.ended => frontend::sync(&mut protocol.send_buffer),
            OnDrop::Abort if !self.ended => {
                // There is no such portal, which fails the transaction.
                let _ = frontend::execute("howdah_given_up", 0, &mut protocol.send_buffer);
                frontend::sync(&mut protocol.send_buffer);
            }
            _ => {}
        }
        protocol.finish_request(self.request_id);
        protocol.abandon(self.request_id);
    }
}

/// Cuts bytes into parts of no more than so many.
fn cut(mut bytes: Bytes, most: usize) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(most))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_cut_gives_all_of_the_bytes_and_no_empty_part() {
        let parts = |bytes: &'static [u8]| cut(bytes.into(), 4).collect::<Vec<_>>();
        assert_eq!(parts(b"0123456789"), ["0123", "4567", "89"]);
        assert_eq!(parts(b"01234567"), ["0123", "4567"]);
        assert!(parts(b"").is_empty());
    }
}
