//! What is asked of one connection: requests, and the replies to them. Every operation is a future
//! over the [`Line`](super::line::Line), which somebody else drives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;
use postgres_types::Type;

use super::cancel::Again;
pub use super::line::{Arrived, Notification};
use super::line::{Line, Lost, OnCopy};
use super::socket::Handle;
use super::statements::{Statement, Statements};
use crate::error::{Error, Result, ServerError};
use crate::wire::Malformed;
use crate::wire::message::{self, End, Message, Messages, tag};

/// The asking side of a session; clones ask on the same connection.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub line: Mutex<Line>,
    pub handle: Handle,
    /// The way to the server, to cancel a statement.
    pub again: Again,
    pub statements: Mutex<Statements>,
    next_name: AtomicU64,
    /// How long an operation of a few statements may take.
    limit: Option<Duration>,
    types: Mutex<HashMap<u32, Type>>,
    /// Who is told when there is something to read; 0 for nobody but a thread that waits.
    carrier: AtomicU64,
    /// The server's process and what it wants to be shown before it cancels something.
    key: Mutex<Option<(i32, i32)>>,
}

impl Shared {
    pub fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Internal(malformed.0)
    }
}

/// How a request that is given up in its middle is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
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
    client: Client,
    ticket: u64,
    ending: Ending,
    ended: bool,
}

impl Client {
    pub(super) fn new(
        line: Line,
        again: Again,
        statement_cache_size: usize,
        limit: Option<Duration>,
    ) -> Self {
        Self(Arc::new(Shared {
            handle: line.handle(),
            line: Mutex::new(line),
            again,
            statements: Mutex::new(Statements::new(statement_cache_size)),
            next_name: AtomicU64::new(0),
            limit,
            types: Mutex::new(HashMap::new()),
            carrier: AtomicU64::new(0),
            key: Mutex::new(None),
        }))
    }

    /// Makes a request of what `write` writes; waits while another is not all sent yet.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    async fn ask(
        &self,
        ending: Ending,
        on_copy: OnCopy,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        let mut line = std::future::poll_fn(|_| {
            let mut line = self.0.line();
            line.wants_turn = !line.may_begin();
            match line.broken() {
                Some(lost) => Poll::Ready(Err(lost.error())),
                None if line.wants_turn => Poll::Pending,
                None => Poll::Ready(Ok(line)),
            }
        })
        .await?;
        let before = line.outbox.len();
        self.0.forget_statements(&mut line.outbox)?;
        let ticket = line.begin(ending != Ending::Sent, on_copy);
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
        let answer = self.script(sql).await?;
        let mut rows = 0;
        for message in Messages(&answer) {
            match message.tag {
                tag::COMPLETE => rows = message::rows_affected(message.body),
                tag::COPY_OUT | tag::COPY_DATA => {
                    return Err(Error::NotSupported(
                        "a COPY TO STDOUT is for read() alone: its rows are lost, and what else the script did is done".into(),
                    ));
                }
                _ => {}
            }
        }
        Ok(rows)
    }

    /// Runs statements without parameters; gives back all that the server answers.
    ///
    /// # Errors
    /// What the server says.
    pub async fn script(&self, sql: &str) -> Result<Vec<u8>> {
        let reply =
            self.ask(Ending::Sent, OnCopy::Fails, |out| Ok(frontend::query(sql, out)?)).await?;
        let bytes = reply.whole().await?.bytes;
        let ends = |message: &Message<'_>| matches!(message.tag, tag::COMPLETE | tag::EMPTY);
        match Messages(&bytes).filter(|message| message.tag != tag::READY).last() {
            Some(message) if ends(&message) => Ok(bytes),
            _ => Err(Error::Internal("an answer without an end".into())),
        }
    }

    /// Describes a statement, and keeps it; tells whether it was kept before.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(&self, sql: &str) -> Result<(Arc<Statement>, bool)> {
        if let Some(statement) = self.0.statements().recall(sql) {
            return Ok((statement, true));
        }
        let statement = self.prepare_once(sql).await?;
        let pushed_out = self.0.statements().keep(sql, &statement);
        drop(pushed_out);
        Ok((statement, false))
    }

    /// Describes a statement, by a name that is forgotten with it; where no statements are kept,
    /// without one, until another is described.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare_once(&self, sql: &str) -> Result<Arc<Statement>> {
        let keeps = self.keeps_statements();
        let name = if keeps { self.new_name("statement") } else { String::new() };
        let reply = self
            .ask(Ending::Sent, OnCopy::FailsAndSyncs, |out| {
                frontend::parse(&name, sql, [], out)?;
                frontend::describe(b'S', &name, out)?;
                frontend::sync(out);
                Ok(())
            })
            .await?;
        let arrived = reply.whole().await?;
        Ok(Arc::new(Statement::described(&arrived.bytes, name, Arc::downgrade(&self.0))?))
    }

    /// Describes a statement without a name. The request stays open: nothing lets a pooler give the
    /// server's process to somebody else before the statement is run.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare_unnamed(&self, sql: &str) -> Result<(Arc<Statement>, Reply)> {
        let mut reply = self
            .ask(Ending::Sync, OnCopy::FailsAndSyncs, |out| {
                frontend::parse("", sql, [], out)?;
                frontend::describe(b'S', "", out)?;
                frontend::flush(out);
                Ok(())
            })
            .await?;
        let mut bytes = Vec::new();
        loop {
            let arrived = reply.some().await?;
            bytes.extend(arrived.bytes);
            let described = |kind| kind == tag::COLUMNS || kind == tag::NO_DATA;
            if Messages(&bytes).any(|message| described(message.tag)) {
                break;
            }
        }
        let statement = Statement::described(&bytes, String::new(), std::sync::Weak::new())?;
        Ok((Arc::new(statement), reply))
    }

    /// Whether statements are kept under names.
    #[must_use]
    pub fn keeps_statements(&self) -> bool {
        self.0.statements().capacity() > 0
    }

    /// Forgets a statement that was kept.
    pub fn forget(&self, sql: &str) {
        let forgotten = self.0.statements().forget(sql);
        drop(forgotten);
    }

    /// Sends what `write` writes, a Bind and what follows it, and asks for the end of the reply.
    ///
    /// # Errors
    /// When the connection is lost, or `write` fails; nothing is sent then.
    pub async fn send(&self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<Reply> {
        self.ask(Ending::Sent, OnCopy::FailsAndSyncs, |out| {
            write(out)?;
            frontend::sync(out);
            Ok(())
        })
        .await
    }

    /// Sends what `write` writes, as it is.
    pub(super) async fn send_plain(
        &self,
        write: impl FnOnce(&mut BytesMut) -> Result<()>,
    ) -> Result<Reply> {
        self.ask(Ending::Sent, OnCopy::Fails, write).await
    }

    /// Begins a request of many messages: [`Reply::send_more`] sends them, [`Reply::sync`] ends it.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn send_open(&self) -> Result<Reply> {
        self.ask(Ending::Sync, OnCopy::FailsAndSyncs, |_| Ok(())).await
    }

    /// Begins a COPY into a table.
    ///
    /// # Errors
    /// When the connection is lost; what the server says comes with the reply.
    pub async fn copy_in(&self, sql: &str) -> Result<Reply> {
        self.ask(Ending::CopyFail, OnCopy::Goes, |out| Ok(frontend::query(sql, out)?)).await
    }

    /// What the server said last of its transaction: I outside of one, T in one, E in a failed one.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.0.line().status()
    }

    /// The next notice that the server has given, with its severity.
    #[must_use]
    pub fn notice(&self) -> Option<(String, ServerError)> {
        self.0.line().unasked.notices.pop_front()
    }

    /// The next notification, if there is one.
    #[must_use]
    pub fn take_notification(&self) -> Option<Notification> {
        self.0.line().unasked.notifications.pop_front()
    }

    /// Waits until there is a notification.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn notified(&self) -> Result<()> {
        std::future::poll_fn(|_| {
            let line = self.0.line();
            let there = !line.unasked.notifications.is_empty();
            match line.broken() {
                _ if there => Poll::Ready(Ok(())),
                Some(lost) => Poll::Ready(Err(lost.error())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Notes whether the session has subscribed to channels; tells whether it had.
    #[must_use]
    pub fn set_listening(&self, listening: bool) -> bool {
        std::mem::replace(&mut self.0.line().unasked.listening, listening)
    }

    /// Whether the session has subscribed to channels.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.0.line().unasked.listening
    }

    /// Forgets notifications that nobody has taken.
    pub fn forget_notifications(&self) {
        let mut line = self.0.line();
        line.unasked.notifications.clear();
    }

    /// Whether nothing is left to be sent.
    #[must_use]
    pub fn has_sent_all(&self) -> bool {
        !self.0.line().has_to_send()
    }

    /// When an operation that begins now is given up.
    pub(super) fn limit(&self) -> Option<Instant> {
        self.0.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// Gives the connection up.
    pub fn give_up(&self, reason: &str) {
        self.0.line().break_off(reason.to_owned());
    }

    /// Waits until all has been said and answered.
    pub async fn quiet(&self) {
        std::future::poll_fn(|_| {
            let mut line = self.0.line();
            line.wants_quiet = !line.is_quiet() && line.broken().is_none();
            if line.wants_quiet { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// From now on an event loop drives the connection, through a carrier of this number; with 0,
    /// whichever thread waits for it.
    pub fn carry_by(&self, carrier: u64) {
        self.0.carrier.store(carrier, Ordering::Relaxed);
    }

    /// Whether the carrier of this number drives the connection.
    #[must_use]
    pub fn is_carried_by(&self, carrier: u64) -> bool {
        self.0.carrier.load(Ordering::Relaxed) == carrier
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle.clone()
    }

    /// Why nothing more can be said.
    #[must_use]
    pub fn broken(&self) -> Option<Error> {
        self.0.line().broken().map(Lost::error)
    }

    /// A name that nothing else has in this session.
    #[must_use]
    pub fn new_name(&self, kind: &str) -> String {
        format!("howdah_{kind}_{}", self.0.next_name.fetch_add(1, Ordering::Relaxed))
    }

    /// A type that is not PostgreSQL's own, if it has been learnt.
    #[must_use]
    pub fn learnt_type(&self, oid: u32) -> Option<Type> {
        self.0.types().get(&oid).cloned()
    }

    /// Keeps what was learnt of a type.
    pub fn learn_type(&self, ty: Type) {
        self.0.types().insert(ty.oid(), ty);
    }

    /// Forgets all types: an enum may have been given another label since.
    pub fn forget_types(&self) {
        self.0.types().clear();
    }

    /// Whether all has been said and answered.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.0.line().is_quiet()
    }

    /// A setting that the server reported, such as `server_version`.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.0.line().unasked.settings.get(name).cloned()
    }
}

impl Shared {
    pub fn key(&self) -> MutexGuard<'_, Option<(i32, i32)>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn types(&self) -> MutexGuard<'_, HashMap<u32, Type>> {
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the server forget the statements that nobody uses any more.
    fn forget_statements(&self, out: &mut BytesMut) -> Result<()> {
        for name in self.statements().take_unused() {
            frontend::close(b'S', &name, out)?;
        }
        Ok(())
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Interface(format!("the statement cannot be sent: {error}"))
    }
}

/// The error of a COPY among the caller's own statements.
#[must_use]
pub fn no_copy() -> Error {
    Error::NotSupported("a COPY TO or FROM the client is for load() and read() alone".into())
}

impl Reply {
    /// All that comes, up to the server's being ready again.
    ///
    /// # Errors
    /// What the server says; that the connection is lost.
    pub async fn whole(mut self) -> Result<Arrived> {
        let arrived = std::future::poll_fn(|_| self.poll(true)).await?;
        match arrived.error {
            _ if arrived.copy_refused => Err(no_copy()),
            Some(error) => Err(Error::Server(error)),
            None => Ok(arrived),
        }
    }

    /// The whole answer to Executes, which is complete.
    ///
    /// # Errors
    /// As [`Reply::whole`]; that it is no answer to Executes.
    pub async fn answer(self) -> Result<Vec<u8>> {
        self.answer_of(false).await
    }

    /// The same, of a statement that was prepared in the same request.
    pub(super) async fn answer_of(self, described: bool) -> Result<Vec<u8>> {
        let bytes = self.whole().await?.bytes;
        match message::end_of(&bytes, described)? {
            End::Complete => Ok(bytes),
            End::Copy => Err(no_copy()),
            End::Suspended => Err(Error::Internal("an answer that was cut off".into())),
        }
    }

    /// What has come meanwhile: at least one message.
    ///
    /// # Errors
    /// What the server says; that the connection is lost.
    pub async fn some(&mut self) -> Result<Arrived> {
        let arrived = std::future::poll_fn(|_| self.poll(false)).await?;
        match arrived.error {
            Some(error) => Err(Error::Server(error)),
            None => Ok(arrived),
        }
    }

    /// All that comes, with the error that may be among it.
    ///
    /// # Errors
    /// That the connection is lost.
    pub async fn end(mut self) -> Result<Arrived> {
        std::future::poll_fn(|_| self.poll(true)).await
    }

    /// What has come already, with the error that may be among it.
    ///
    /// # Errors
    /// That the connection is lost.
    pub fn already(&mut self) -> Result<Arrived> {
        match self.poll(false) {
            Poll::Pending => Ok(Arrived::default()),
            Poll::Ready(arrived) => arrived,
        }
    }

    /// From now on, to give the request up means to undo what was run of it.
    pub fn all_or_nothing(&mut self) {
        self.ending = Ending::Abort;
    }

    fn poll(&mut self, whole: bool) -> Poll<Result<Arrived>> {
        if self.ended {
            let nothing = Arrived { ended: true, ..Arrived::default() };
            return Poll::Ready(Ok(nothing));
        }
        match self.client.0.line().take(self.ticket, whole) {
            None => Poll::Pending,
            Some(arrived) => {
                self.ended = arrived.as_ref().map_or(true, |arrived| arrived.ended);
                Poll::Ready(arrived)
            }
        }
    }

    /// Sends more of an open request.
    ///
    /// # Errors
    /// When `write` fails; nothing of it is sent then.
    pub fn send_more(&mut self, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
        let mut line = self.client.0.line();
        let before = line.outbox.len();
        let written = write(&mut line.outbox);
        if written.is_err() {
            line.outbox.truncate(before);
        }
        written
    }

    /// Sends a part of a COPY.
    ///
    /// # Errors
    /// When it is longer than a message can be.
    pub fn send_copied(&mut self, chunk: Bytes) -> Result<()> {
        let length = i32::try_from(chunk.len() + 4)
            .map_err(|_| Error::Internal("a chunk of a COPY over 2 GiB".into()))?;
        let mut line = self.client.0.line();
        line.outbox.extend_from_slice(b"d");
        line.outbox.extend_from_slice(&length.to_be_bytes());
        line.send_chunk(chunk);
        Ok(())
    }

    /// Waits until all has been sent, or the server has failed.
    pub async fn sent(&self) {
        std::future::poll_fn(|_| {
            let mut line = self.client.0.line();
            line.wants_room = line.has_to_send() && !line.has_failed(self.ticket);
            if line.wants_room { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    /// Whether the server has failed already.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.client.0.line().has_failed(self.ticket)
    }

    /// Ends an open request.
    pub fn sync(&mut self) {
        let mut line = self.client.0.line();
        frontend::sync(&mut line.outbox);
        line.close(self.ticket);
        self.ending = Ending::Sent;
    }

    /// Ends an open request of which nothing more is wanted.
    ///
    /// # Errors
    /// What the server says.
    pub async fn give_up(mut self) -> Result<()> {
        self.sync();
        self.whole().await.map(|_| ())
    }

    /// Ends a COPY: all its rows are sent.
    pub fn copy_done(&mut self) {
        let mut line = self.client.0.line();
        frontend::copy_done(&mut line.outbox);
        line.close(self.ticket);
        self.ending = Ending::Sent;
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.ended && self.ending == Ending::Sent {
            return;
        }
        let mut line = self.client.0.line();
        match self.ending {
            // A COPY that failed has ended; a Sync too many would be answered for nobody.
            Ending::CopyFail if !self.ended => {
                // A text without a zero byte, and short.
                let _ = frontend::copy_fail("the load was given up", &mut line.outbox);
            }
            Ending::Sync if !self.ended => frontend::sync(&mut line.outbox),
            Ending::Abort if !self.ended => {
                // There is no such portal, which fails the transaction.
                let _ = frontend::execute("howdah_given_up", 0, &mut line.outbox);
                frontend::sync(&mut line.outbox);
            }
            _ => {}
        }
        line.close(self.ticket);
        line.abandon(self.ticket);
    }
}
