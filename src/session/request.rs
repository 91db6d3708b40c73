//! Makes requests of a connection, each in its turn.

use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::{Client, Shared};
use super::latency::LatencyStats;
use super::names::Mentions;
use super::protocol::{CopyInPolicy, Protocol};
use super::reply::{OnDrop, Reply};
use super::state::{Leaves, Undo};
use super::statements::Statement;
use crate::error::{Error, Result};
use crate::wire::message::{self, Message, Messages, tag};

impl Client {
    /// Makes a request of what `write` writes; waits while another is not all sent yet.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    pub(super) async fn begin_request(
        &self,
        on_drop: OnDrop,
        copy_in_policy: CopyInPolicy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.begin_request_with(&self.0.latency, on_drop, copy_in_policy, write).await
    }

    async fn begin_request_with(
        &self,
        latency: &Arc<LatencyStats>,
        on_drop: OnDrop,
        copy_in_policy: CopyInPolicy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let mut waiter = WaiterCount::new(&self.0, |protocol| &mut protocol.send_waiters);
        let mut protocol = std::future::poll_fn(|_| {
            let mut protocol = self.0.protocol();
            let waits = !protocol.can_send() && protocol.broken().is_none();
            waiter.note(&mut protocol, waits);
            match protocol.broken() {
                Some(reason) => Poll::Ready(Err(reason.error())),
                None if protocol.refuses_requests => Poll::Ready(Err(Error::Interrupted)),
                None if waits => Poll::Pending,
                None => Poll::Ready(Ok(protocol)),
            }
        })
        .await?;
        let before = protocol.send_buffer.len();
        self.0.forget_unused(&mut protocol.send_buffer)?;
        let request_id = protocol.begin(on_drop != OnDrop::Sent, copy_in_policy, latency);
        if let Err(error) = write(&mut protocol.send_buffer) {
            protocol.send_buffer.truncate(before);
            protocol.withdraw(request_id);
            return Err(error);
        }
        drop(protocol);
        Ok(Reply { client: self.clone(), request_id, on_drop, ended: false })
    }

    /// Runs statements without parameters; gives back how many rows the last one touched.
    ///
    /// # Errors
    /// What the server says.
    pub async fn batch(&self, sql: &str) -> Result<u64> {
        rows_of_last(&self.script(sql).await?)
    }

    /// The same for statements of the caller's own: where they may be committed and the answer is
    /// lost, the error says that nobody knows.
    ///
    /// # Errors
    /// As [`Client::batch`].
    pub async fn execute(&self, sql: &str) -> Result<u64> {
        let reply = self.send_script(sql).await?;
        let answer = end_of_script(reply).await;
        rows_of_last(&answer.map_err(|error| self.answer_lost(sql, error))?)
    }

    /// Runs statements without parameters; gives back all that the server answers.
    ///
    /// # Errors
    /// What the server says.
    pub async fn script(&self, sql: &str) -> Result<Vec<u8>> {
        end_of_script(self.send_script(sql).await?).await
    }

    /// Sends statements without parameters.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_script(&self, sql: &str) -> Result<Reply> {
        let write = |out: &mut BytesMut| Ok(frontend::query(sql, out)?);
        self.note_leaves(Leaves::of(sql));
        let mentions = Mentions::of(sql);
        if mentions == Mentions::Nothing {
            return self.begin_request(OnDrop::Sent, CopyInPolicy::Fail, write).await;
        }
        let latency = Arc::new(LatencyStats::mentioning(mentions));
        self.note_mentions(mentions);
        self.begin_request_with(&latency, OnDrop::Sent, CopyInPolicy::Fail, write).await
    }

    /// Sends what `write` writes, a Bind and what follows it, and asks for the end of the reply.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    pub async fn send(&self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Reply> {
        self.send_with(&self.0.latency, write).await
    }

    /// The same for a statement that is kept, of which it is learnt how quick its replies are.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn send_for(
        &self,
        statement: &Statement,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.note_mentions(statement.latency.mentions);
        self.send_with(&statement.latency, write).await
    }

    /// Notes that what is sent may change the meaning of names: what is sent behind it, before it is
    /// answered, must not be a statement that is kept.
    fn note_mentions(&self, mentions: Mentions) {
        if matches!(mentions, Mentions::Settings | Mentions::Always) {
            self.0.statements().changed_here();
        }
    }

    /// Notes what a statement may leave in the session.
    pub(super) fn note_leaves(&self, leaves: Leaves) {
        if leaves != Leaves::Nothing {
            self.0.protocol().state.note(leaves);
        }
    }

    /// Undoes the state that has been left in the session.
    ///
    /// # Errors
    /// What the server says.
    pub async fn undo_state(&self, undo: Undo) -> Result<()> {
        // The tag RESET would have all statements prepared anew, which only some resets need.
        let latency = Arc::new(LatencyStats::mentioning(Mentions::Stage));
        let write = |out: &mut BytesMut| Ok(frontend::query(undo.sql, out)?);
        end_of_script(
            self.begin_request_with(&latency, OnDrop::Sent, CopyInPolicy::Fail, write).await?,
        )
        .await?;
        self.note_undone(undo);
        Ok(())
    }

    async fn send_with(
        &self,
        latency: &Arc<LatencyStats>,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let write = |out: &mut BytesMut| {
            write(out)?;
            frontend::sync(out);
            Ok(())
        };
        self.begin_request_with(latency, OnDrop::Sent, CopyInPolicy::FailAndSync, write).await
    }

    /// Sends what `write` writes, as it is.
    pub(super) async fn send_plain(
        &self,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.begin_request(OnDrop::Sent, CopyInPolicy::Fail, write).await
    }

    /// Begins a request of many messages of a statement: [`Reply::send_more`] sends them, [`Reply::sync`] ends it.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_open(&self, statement: &Statement) -> Result<Reply> {
        let mentions = statement.latency.mentions;
        self.note_mentions(mentions);
        let latency = match mentions {
            // How long many of them take tells nothing of one.
            Mentions::Nothing => Arc::clone(&self.0.latency),
            mentions => Arc::new(LatencyStats::mentioning(mentions)),
        };
        self.begin_request_with(&latency, OnDrop::Sync, CopyInPolicy::FailAndSync, |_| Ok(())).await
    }

    /// Notes what a statement may leave in the session that is sent within an open request.
    pub fn note_sent(&self, statement: &Statement) {
        self.note_leaves(statement.latency.leaves);
    }

    /// Begins a COPY into a table.
    ///
    /// # Errors
    /// When the connection is lost; what the server says comes with the reply.
    pub async fn copy_in(&self, sql: &str) -> Result<Reply> {
        self.begin_request(OnDrop::CopyFail, CopyInPolicy::Accept, |out| {
            Ok(frontend::query(sql, out)?)
        })
        .await
    }

    /// Waits until all has been said and answered, and no cancellation is under way.
    pub async fn idle(&self) {
        let mut waiter = WaiterCount::new(&self.0, |protocol| &mut protocol.idle_waiters);
        std::future::poll_fn(|_| {
            let mut protocol = self.0.protocol();
            let waits = !protocol.is_reusable() && protocol.broken().is_none();
            waiter.note(&mut protocol, waits);
            if waits { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

/// How many rows the last statement of a script touched.
fn rows_of_last(answer: &[u8]) -> Result<u64> {
    let mut rows = 0;
    for message in Messages(answer) {
        match message.tag {
            tag::COMPLETE => rows = message::rows_affected(message.body),
            tag::COPY_OUT | tag::COPY_DATA => {
                return Err(Error::NotSupported(
                    "a COPY TO STDOUT is for read() alone, as one FROM STDIN for load(): its rows are lost, and what else the script did is done".into(),
                ));
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// The whole answer to a script.
async fn end_of_script(reply: Reply) -> Result<Vec<u8>> {
    let bytes = reply.complete().await?.bytes;
    let ends = |message: &Message<'_>| matches!(message.tag, tag::COMPLETE | tag::EMPTY);
    match Messages(&bytes).filter(|message| message.tag != tag::READY).last() {
        Some(message) if ends(&message) => Ok(bytes),
        _ => Err(Error::Internal("an answer without an end".into())),
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Interface(format!("the statement cannot be sent: {error}"))
    }
}

/// Somebody's waiting for something, counted: several may wait for the same.
struct WaiterCount<'a> {
    shared: &'a Shared,
    count: fn(&mut Protocol) -> &mut usize,
    waits: bool,
}

impl<'a> WaiterCount<'a> {
    fn new(shared: &'a Shared, count: fn(&mut Protocol) -> &mut usize) -> Self {
        Self { shared, count, waits: false }
    }

    fn note(&mut self, protocol: &mut Protocol, waits: bool) {
        let count = (self.count)(protocol);
        *count += usize::from(waits);
        *count -= usize::from(self.waits);
        self.waits = waits;
    }
}

impl Drop for WaiterCount<'_> {
    fn drop(&mut self) {
        if self.waits {
            *(self.count)(&mut self.shared.protocol()) -= 1;
        }
    }
}
