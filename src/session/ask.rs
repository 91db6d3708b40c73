//! Makes requests of a connection, each in its turn.

use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::{Client, Shared};
use super::line::{Line, OnCopy};
use super::names::Mentions;
use super::pace::Pace;
use super::reply::{Ending, Reply};
use super::state::{Leaves, Undo};
use super::statements::Statement;
use crate::error::{Error, Result};
use crate::wire::message::{self, Message, Messages, tag};

impl Client {
    /// Makes a request of what `write` writes; waits while another is not all sent yet.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    pub(super) async fn ask(
        &self,
        ending: Ending,
        on_copy: OnCopy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.ask_at(&self.0.pace, ending, on_copy, write).await
    }

    async fn ask_at(
        &self,
        pace: &Arc<Pace>,
        ending: Ending,
        on_copy: OnCopy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let mut wish = Wish::new(&self.0, |line| &mut line.turns_wanted);
        let mut line = std::future::poll_fn(|_| {
            let mut line = self.0.line();
            let waits = !line.may_begin() && line.broken().is_none();
            wish.note(&mut line, waits);
            match line.broken() {
                Some(lost) => Poll::Ready(Err(lost.error())),
                None if line.refuses => Poll::Ready(Err(Error::Interrupted)),
                None if waits => Poll::Pending,
                None => Poll::Ready(Ok(line)),
            }
        })
        .await?;
        let before = line.outbox.len();
        self.0.forget_unused(&mut line.outbox)?;
        let ticket = line.begin(ending != Ending::Sent, on_copy, pace);
        if let Err(error) = write(&mut line.outbox) {
            line.outbox.truncate(before);
            line.take_back(ticket);
            return Err(error);
        }
        drop(line);
        Ok(Reply { client: self.clone(), ticket, ending, ended: false })
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
            return self.ask(Ending::Sent, OnCopy::Fails, write).await;
        }
        let pace = Arc::new(Pace::mentioning(mentions));
        self.note_mentions(mentions);
        self.ask_at(&pace, Ending::Sent, OnCopy::Fails, write).await
    }

    /// Sends what `write` writes, a Bind and what follows it, and asks for the end of the reply.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    pub async fn send(&self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Reply> {
        self.send_at(&self.0.pace, write).await
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
        self.note_mentions(statement.pace.mentions);
        self.send_at(&statement.pace, write).await
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
            self.0.line().state.note(leaves);
        }
    }

    /// Undoes the state that has been left in the session.
    ///
    /// # Errors
    /// What the server says.
    pub async fn undo_state(&self, undo: Undo) -> Result<()> {
        // The tag RESET would have all statements prepared anew, which only some resets need.
        let pace = Arc::new(Pace::mentioning(Mentions::Stage));
        let write = |out: &mut BytesMut| Ok(frontend::query(undo.sql, out)?);
        end_of_script(self.ask_at(&pace, Ending::Sent, OnCopy::Fails, write).await?).await?;
        self.note_undone(undo);
        Ok(())
    }

    async fn send_at(
        &self,
        pace: &Arc<Pace>,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let write = |out: &mut BytesMut| {
            write(out)?;
            frontend::sync(out);
            Ok(())
        };
        self.ask_at(pace, Ending::Sent, OnCopy::FailsAndSyncs, write).await
    }

    /// Sends what `write` writes, as it is.
    pub(super) async fn send_plain(
        &self,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.ask(Ending::Sent, OnCopy::Fails, write).await
    }

    /// Begins a request of many messages of a statement: [`Reply::send_more`] sends them, [`Reply::sync`] ends it.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_open(&self, statement: &Statement) -> Result<Reply> {
        let mentions = statement.pace.mentions;
        self.note_mentions(mentions);
        let pace = match mentions {
            // How long many of them take tells nothing of one.
            Mentions::Nothing => Arc::clone(&self.0.pace),
            mentions => Arc::new(Pace::mentioning(mentions)),
        };
        self.ask_at(&pace, Ending::Sync, OnCopy::FailsAndSyncs, |_| Ok(())).await
    }

    /// Notes what a statement may leave in the session that is sent within an open request.
    pub fn note_sent(&self, statement: &Statement) {
        self.note_leaves(statement.pace.leaves);
    }

    /// Begins a COPY into a table.
    ///
    /// # Errors
    /// When the connection is lost; what the server says comes with the reply.
    pub async fn copy_in(&self, sql: &str) -> Result<Reply> {
        self.ask(Ending::CopyFail, OnCopy::Goes, |out| Ok(frontend::query(sql, out)?)).await
    }

    /// Waits until all has been said and answered, and no cancellation is under way.
    pub async fn quiet(&self) {
        let mut wish = Wish::new(&self.0, |line| &mut line.quiets_wanted);
        std::future::poll_fn(|_| {
            let mut line = self.0.line();
            let waits = !line.is_free() && line.broken().is_none();
            wish.note(&mut line, waits);
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
    let bytes = reply.whole().await?.bytes;
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
struct Wish<'a> {
    shared: &'a Shared,
    count: fn(&mut Line) -> &mut usize,
    waits: bool,
}

impl<'a> Wish<'a> {
    fn new(shared: &'a Shared, count: fn(&mut Line) -> &mut usize) -> Self {
        Self { shared, count, waits: false }
    }

    fn note(&mut self, line: &mut Line, waits: bool) {
        let count = (self.count)(line);
        *count += usize::from(waits);
        *count -= usize::from(self.waits);
        self.waits = waits;
    }
}

impl Drop for Wish<'_> {
    fn drop(&mut self) {
        if self.waits {
            *(self.count)(&mut self.shared.line()) -= 1;
        }
    }
}
