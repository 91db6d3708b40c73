//! Begins requests on a connection, one after another.

use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::{Client, Shared};
use super::latency::LatencyStats;
use super::names::NameEffect;
use super::protocol::{CopyInPolicy, Protocol};
use super::reply::{OnDrop, Reply};
use super::state::SessionEffect;
use super::statements::Statement;
use crate::error::{Error, Result};
use crate::wire::message::{self, Message, Messages, tag};

impl Client {
    /// Begins a request of the messages that `write` writes; waits while another one is open. Sends nothing if `write` fails.
    pub(super) async fn begin_request(
        &self,
        on_drop: OnDrop,
        copy_in_policy: CopyInPolicy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.begin_request_with(&self.0.latency, on_drop, copy_in_policy, write).await
    }

    pub(super) async fn begin_request_with(
        &self,
        latency: &Arc<LatencyStats>,
        on_drop: OnDrop,
        copy_in_policy: CopyInPolicy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let mut waiter = WaiterCount::new(&self.0, |protocol| &mut protocol.sending.send_waiters);
        let mut protocol = std::future::poll_fn(|_| {
            let mut protocol = self.0.protocol();
            let waits = !protocol.can_send() && protocol.close_reason().is_none();
            waiter.note(&mut protocol, waits);
            match protocol.close_reason() {
                Some(reason) => Poll::Ready(Err(reason.error())),
                None if protocol.cancellation.refuses_requests => {
                    Poll::Ready(Err(Error::Interrupted))
                }
                None if waits => Poll::Pending,
                None => Poll::Ready(Ok(protocol)),
            }
        })
        .await?;
        let before = protocol.sending.buffer.len();
        self.0.close_unused(&mut protocol.sending.buffer)?;
        let request_id = protocol.begin(on_drop != OnDrop::Sent, copy_in_policy, latency);
        if let Err(error) = write(&mut protocol.sending.buffer) {
            protocol.sending.buffer.truncate(before);
            protocol.withdraw(request_id);
            return Err(error);
        }
        drop(protocol);
        Ok(Reply { client: self.clone(), request_id, on_drop, ended: false })
    }

    /// Runs statements without parameters; returns how many rows the last one affected.
    pub async fn batch(&self, sql: &str) -> Result<u64> {
        rows_of_last(&self.script(sql).await?)
    }

    /// Runs statements of the caller's, without parameters. If the response is lost and they may be committed, the error says so.
    pub async fn execute(&self, sql: &str) -> Result<u64> {
        let reply = self.send_script(sql).await?;
        let response = whole_script(reply).await;
        rows_of_last(&response.map_err(|error| self.answer_lost(sql, error))?)
    }

    /// Runs statements without parameters; returns the whole response.
    pub async fn script(&self, sql: &str) -> Result<Vec<u8>> {
        whole_script(self.send_script(sql).await?).await
    }

    /// Sends statements without parameters, as a simple query.
    pub async fn send_script(&self, sql: &str) -> Result<Reply> {
        let write = |out: &mut BytesMut| Ok(frontend::query(sql, out)?);
        self.note_session_effect(SessionEffect::of(sql));
        let name_effect = NameEffect::of(sql);
        if name_effect == NameEffect::Nothing {
            return self.begin_request(OnDrop::Sent, CopyInPolicy::Fail, write).await;
        }
        let latency = Arc::new(LatencyStats::with_name_effect(name_effect));
        self.note_name_effect(name_effect);
        self.begin_request_with(&latency, OnDrop::Sent, CopyInPolicy::Fail, write).await
    }

    /// Sends the messages that `write` writes, a Bind and those after it, and a Sync.
    pub async fn send(&self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Reply> {
        self.send_with(&self.0.latency, write).await
    }

    /// Sends the same for a cached statement, whose latency is recorded.
    pub async fn send_for(
        &self,
        statement: &Statement,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.note_name_effect(statement.latency.name_effect);
        self.send_with(&statement.latency, write).await
    }

    /// Makes the cached statements outdated if a statement that is sent now may change the meaning of names: none of them may be sent
    /// behind it before it is answered.
    fn note_name_effect(&self, name_effect: NameEffect) {
        if matches!(name_effect, NameEffect::Settings | NameEffect::Always) {
            self.0.statements().note_session_change();
        }
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

    /// Sends the messages that `write` writes, without a Sync.
    pub(super) async fn send_plain(
        &self,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.begin_request(OnDrop::Sent, CopyInPolicy::Fail, write).await
    }

    /// Opens a request for many messages of a statement: [`Reply::send_more`] adds them, [`Reply::sync`] ends it.
    pub async fn send_open(&self, statement: &Statement) -> Result<Reply> {
        let name_effect = statement.latency.name_effect;
        self.note_name_effect(name_effect);
        let latency = match name_effect {
            // The latency of many executions says nothing about one.
            NameEffect::Nothing => Arc::clone(&self.0.latency),
            name_effect => Arc::new(LatencyStats::with_name_effect(name_effect)),
        };
        self.begin_request_with(&latency, OnDrop::Sync, CopyInPolicy::FailAndSync, |_| Ok(())).await
    }

    /// Notes what a statement may leave in the session that is sent in an open request.
    pub fn note_sent(&self, statement: &Statement) {
        self.note_session_effect(statement.latency.session_effect);
    }

    /// Begins a COPY FROM STDIN; the server's errors come with the reply.
    pub async fn copy_in(&self, sql: &str) -> Result<Reply> {
        self.begin_request(OnDrop::CopyFail, CopyInPolicy::Accept, |out| {
            Ok(frontend::query(sql, out)?)
        })
        .await
    }

    /// Waits until everything is sent and answered, and no cancel request is under way.
    pub async fn idle(&self) {
        let mut waiter = WaiterCount::new(&self.0, |protocol| &mut protocol.idle_waiters);
        std::future::poll_fn(|_| {
            let mut protocol = self.0.protocol();
            let waits = !protocol.is_reusable() && protocol.close_reason().is_none();
            waiter.note(&mut protocol, waits);
            if waits { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

/// The number of rows that the last statement of a script affected.
fn rows_of_last(response: &[u8]) -> Result<u64> {
    let mut rows = 0;
    for message in Messages(response) {
        match message.tag {
            tag::COMPLETE => rows = message::rows_affected(message.body),
            tag::COPY_OUT | tag::COPY_DATA => {
                return Err(Error::NotSupported(
                    "a COPY TO STDOUT is not supported here, so its rows were discarded, and the other statements of the script have run; use read() for rows".into(),
                ));
            }
            _ => {}
        }
    }
    Ok(rows)
}

/// The whole response to a script.
pub(super) async fn whole_script(reply: Reply) -> Result<Vec<u8>> {
    let bytes = reply.complete().await?.bytes;
    let is_end = |message: &Message<'_>| matches!(message.tag, tag::COMPLETE | tag::EMPTY);
    match Messages(&bytes).filter(|message| message.tag != tag::READY).last() {
        Some(message) if is_end(&message) => Ok(bytes),
        _ => Err(Error::Internal(
            "the server's response does not end with CommandComplete or EmptyQueryResponse".into(),
        )),
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Interface(format!("the statement cannot be sent: {error}"))
    }
}

/// Counts an operation among those that wait for something, as long as it waits.
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
