//! What is asked of one connection: requests, and the replies to them. Every operation is a future
//! over the [`Line`](super::line::Line), which somebody else drives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use postgres_types::Type;

use super::cancel::Again;
pub use super::line::{Arrived, Notification};
use super::line::{Line, Lost, OnCopy};
use super::reply::{Ending, Reply};
use super::socket::Handle;
use super::spin::Pace;
use super::statements::{Statement, Statements};
use crate::error::{Error, Result, ServerError};
use crate::wire::Malformed;
use crate::wire::message::{self, Message, Messages, tag};

/// The asking side of a session; clones ask on the same connection.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub line: Mutex<Line>,
    pub handle: Handle,
    /// The way to the server, to cancel a statement.
    pub again: Again,
    pub statements: Mutex<Statements>,
    /// How quick the replies are to what is no kept statement.
    pace: Arc<Pace>,
    next_name: AtomicU64,
    /// How long an operation of a few statements may take.
    limit: Option<Duration>,
    types: Mutex<HashMap<u32, Type>>,
    /// Who is told when there is something to read; 0 for nobody but a thread that waits.
    carrier: AtomicU64,
    /// The server's process and what it wants to be shown before it cancels something.
    key: Mutex<Option<(i32, i32)>>,
    /// The thread that is asked for more of an open request: the line is nobody else's meanwhile.
    gathering: Mutex<Option<ThreadId>>,
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
            pace: Arc::default(),
            next_name: AtomicU64::new(0),
            limit,
            types: Mutex::new(HashMap::new()),
            carrier: AtomicU64::new(0),
            key: Mutex::new(None),
            gathering: Mutex::new(None),
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
                None if waits => Poll::Pending,
                None => Poll::Ready(Ok(line)),
            }
        })
        .await?;
        let before = line.outbox.len();
        self.0.forget_statements(&mut line.outbox)?;
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
        let answer = self.script(sql).await?;
        let mut rows = 0;
        for message in Messages(&answer) {
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
        self.send_at(&statement.pace, write).await
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

    /// Notes the channels that somebody listens to from now on; forgets what nobody has taken.
    pub fn listen_to(&self, channels: Vec<String>) {
        let mut line = self.0.line();
        line.unasked.channels = channels;
        line.unasked.notifications.clear();
    }

    /// Whether somebody listens to channels.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        !self.0.line().unasked.channels.is_empty()
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

    /// Runs `work`, which asks the caller for more of an open request: what the caller's code asks on
    /// this connection then, and waits for, could never be sent.
    pub fn gather<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Gathered<'a>(&'a Shared);
        impl Drop for Gathered<'_> {
            fn drop(&mut self) {
                *self.0.gathering() = None;
            }
        }
        *self.0.gathering() = Some(std::thread::current().id());
        let _gathered = Gathered(&self.0);
        work()
    }

    /// Whether this thread is in the midst of [`Client::gather`].
    #[must_use]
    pub fn is_gathering_here(&self) -> bool {
        *self.0.gathering() == Some(std::thread::current().id())
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

    /// Whether no cancellation is under way, besides.
    pub(super) fn is_free(&self) -> bool {
        self.0.line().is_free()
    }

    /// A setting that the server reported, such as `server_version`.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.0.line().unasked.settings.get(name).cloned()
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

impl Shared {
    pub fn key(&self) -> MutexGuard<'_, Option<(i32, i32)>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gathering(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
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
