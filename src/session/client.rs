//! What is asked of one connection: requests, and the replies to them. Every operation is a future
//! over the [`Protocol`](super::line::Line), which somebody else drives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use postgres_types::Type;

use super::cancel::CancelTarget;
use super::config::Address;
use super::latency::LatencyStats;
use super::protocol::{CloseReason, Protocol};
pub use super::protocol::{Notification, ResponseChunk};
use super::socket::Handle;
use super::state::{Reset, Undo};
use super::statements::Statements;
use crate::error::{Error, Result, ServerError};
use crate::wire::Malformed;

/// The asking side of a session; clones ask on the same connection.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub protocol: Mutex<Protocol>,
    pub handle: Handle,
    /// The way to the server, to cancel a statement.
    pub cancel_target: CancelTarget,
    pub statements: Mutex<Statements>,
    /// How quick the replies are to what is no kept statement.
    pub latency: Arc<LatencyStats>,
    next_name: AtomicU64,
    /// How long an operation of a few statements may take.
    limit: Option<Duration>,
    json_decimals: bool,
    /// Types that are not PostgreSQL's own, each with the modifier that it has by itself.
    types: Mutex<HashMap<u32, (Type, i32)>>,
    /// Who is told when there is something to read; 0 for nobody but a thread that waits.
    driver: AtomicU64,
    /// The server's process and what it wants to be shown before it cancels something.
    key: Mutex<Option<(i32, i32)>>,
    /// The thread that is asked for more of an open request: the line is nobody else's meanwhile.
    producing_thread: Mutex<Option<ThreadId>>,
}

/// A server's process.
#[derive(Debug, Clone)]
pub struct Backend {
    address: Address,
    /// Its number at that server.
    pub process: i32,
}

impl Backend {
    /// Whether it is another process of the same server.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.address.is_that_of(&other.address) && self.process != other.process
    }
}

/// What the names of kept statements begin with; see [`Client::new_name`].
pub(super) const STATEMENT_PREFIX: &str = "howdah_statement_";

/// Who takes notices while an operation is pumped, which knows nothing of them.
static NOTICE_HANDLER: OnceLock<fn(&Client)> = OnceLock::new();

/// Sets who takes notices while an answer is on its way; once, for the whole process.
pub fn set_notice_handler(take: fn(&Client)) {
    // Another one would be the same.
    let _ = NOTICE_HANDLER.set(take);
}

impl Client {
    /// A reference that does not keep the connection open.
    pub(super) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }
}

impl Shared {
    pub fn protocol(&self) -> MutexGuard<'_, Protocol> {
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Self {
        Self::Internal(malformed.0)
    }
}

impl Client {
    pub(super) fn new(
        protocol: Protocol,
        cancel_target: CancelTarget,
        statements: Statements,
        limit: Option<Duration>,
        json_decimals: bool,
    ) -> Self {
        Self(Arc::new(Shared {
            handle: protocol.handle(),
            protocol: Mutex::new(protocol),
            cancel_target,
            statements: Mutex::new(statements),
            latency: Arc::default(),
            next_name: AtomicU64::new(0),
            limit,
            json_decimals,
            types: Mutex::new(HashMap::new()),
            driver: AtomicU64::new(0),
            key: Mutex::new(None),
            producing_thread: Mutex::new(None),
        }))
    }

    /// What the server said last of its transaction: I outside of one, T in one, E in a failed one.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.0.protocol().status()
    }

    /// The next notice that the server has given, with its severity.
    #[must_use]
    pub fn notice(&self) -> Option<(String, ServerError)> {
        self.0.protocol().async_messages.take_notice()
    }

    /// How many notices were dropped since this was asked last: nobody had taken those before.
    #[must_use]
    pub fn notices_dropped(&self) -> u64 {
        self.0.protocol().async_messages.take_dropped()
    }

    /// Whether so many notices are there that they should be taken before the answer ends.
    #[must_use]
    pub fn has_many_notices(&self) -> bool {
        self.0.protocol().async_messages.has_many_notices()
    }

    /// Lets whoever takes notices have them: all of them at the end of an operation, and before that
    /// if they are many.
    pub(super) fn deliver_notices(&self, at_the_end: bool) {
        let wanted = if at_the_end {
            self.0.protocol().async_messages.has_notices()
        } else {
            self.has_many_notices()
        };
        if wanted && let Some(take) = NOTICE_HANDLER.get() {
            take(self);
        }
    }

    /// The next notification, if there is one.
    #[must_use]
    pub fn take_notification(&self) -> Option<Notification> {
        self.0.protocol().async_messages.notifications.pop_front()
    }

    /// Waits until there is a notification.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn notified(&self) -> Result<()> {
        std::future::poll_fn(|_| {
            let protocol = self.0.protocol();
            let there = !protocol.async_messages.notifications.is_empty();
            match protocol.broken() {
                _ if there => Poll::Ready(Ok(())),
                Some(reason) => Poll::Ready(Err(reason.error())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Notes the channels that somebody listens to from now on; forgets what nobody has taken.
    pub fn listen_to(&self, channels: Vec<String>) {
        let mut protocol = self.0.protocol();
        protocol.async_messages.channels = channels;
        protocol.async_messages.notifications.clear();
    }

    /// What undoes the state that has been left in the session, if there is any.
    #[must_use]
    pub fn undo_wanted(&self, reset: &Reset) -> Option<Undo> {
        reset.undo(self.0.protocol().state.left())
    }

    /// The session is now as its next borrower is to find it.
    pub fn settle_state(&self) {
        let names = self.0.statements().changes().0;
        self.0.protocol().state.settle(names);
    }

    /// The state that every borrower is to find has been set up.
    pub fn note_set_up(&self) {
        self.settle_state();
        self.0.protocol().state.note_set_up();
    }

    /// Whether the state that every borrower is to find has been set up, and not undone since.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.0.protocol().state.is_set_up()
    }

    /// The state of the session was undone.
    pub(super) fn note_undone(&self, undo: Undo) {
        let names = self.0.statements().changes().0;
        // Where names meant something else meanwhile, so did the statements that were prepared.
        if undo.forgets_statements || self.0.protocol().state.has_changed_names(names) {
            self.0.statements().changed_here();
        }
        self.settle_state();
    }

    /// Whether somebody listens to channels.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        !self.0.protocol().async_messages.channels.is_empty()
    }

    /// Whether numbers in JSON that are no integers are to be decimals.
    #[must_use]
    pub fn json_decimals(&self) -> bool {
        self.0.json_decimals
    }

    /// Whether nothing is left to be sent.
    #[must_use]
    pub fn has_sent_all(&self) -> bool {
        !self.0.protocol().has_to_send()
    }

    /// How many bytes are left to be sent, but for those of a COPY.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.0.protocol().send_buffer.len()
    }

    /// Says whether operations are to be polled though nothing has come for them.
    pub fn request_poll(&self, is_wanted: bool) {
        self.0.protocol().needs_poll = is_wanted;
    }

    /// Says whether somebody waits until all has been sent.
    pub fn set_drain_waiter(&self, is_wanted: bool) {
        self.0.protocol().has_drain_waiter = is_wanted;
    }

    /// How long an operation of a few statements may take.
    #[must_use]
    pub fn limit_of_statement(&self) -> Option<Duration> {
        self.0.limit
    }

    /// When an operation that begins now is given up.
    pub(super) fn limit(&self) -> Option<Instant> {
        self.0.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// Gives the connection up.
    pub fn give_up(&self, reason: &str) {
        self.0.protocol().mark_closed(reason.to_owned());
    }

    /// Runs `work`, which asks the caller for more of an open request: what the caller's code asks on
    /// this connection then, and waits for, could never be sent.
    pub fn with_row_producer<T>(&self, work: impl FnOnce() -> T) -> T {
        struct RowProducer<'a>(&'a Shared);
        impl Drop for RowProducer<'_> {
            fn drop(&mut self) {
                *self.0.producing_thread() = None;
            }
        }
        *self.0.producing_thread() = Some(std::thread::current().id());
        let _gathered = RowProducer(&self.0);
        work()
    }

    /// Whether this thread is in the midst of [`Client::gather`].
    #[must_use]
    pub fn is_producing_rows_here(&self) -> bool {
        *self.0.producing_thread() == Some(std::thread::current().id())
    }

    /// From now on an event loop drives the connection, through a carrier of this number; with 0,
    /// whichever thread waits for it.
    pub fn set_driver(&self, driver: u64) {
        self.0.driver.store(driver, Ordering::Relaxed);
    }

    /// Whether the carrier of this number drives the connection.
    #[must_use]
    pub fn is_driven_by(&self, driver: u64) -> bool {
        self.0.driver.load(Ordering::Relaxed) == driver
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle.clone()
    }

    /// Why nothing more can be said.
    #[must_use]
    pub fn broken(&self) -> Option<Error> {
        self.0.protocol().broken().map(CloseReason::error)
    }

    /// A name that nothing else has in this session.
    #[must_use]
    pub fn new_name(&self, kind: &str) -> String {
        format!("howdah_{kind}_{}", self.0.next_name.fetch_add(1, Ordering::Relaxed))
    }

    /// A type that is not PostgreSQL's own, if it has been learnt.
    #[must_use]
    pub fn learnt_type(&self, oid: u32) -> Option<Type> {
        self.0.types().get(&oid).map(|(ty, _)| ty.clone())
    }

    /// The modifier of a domain, if it has been learnt; -1 for none.
    #[must_use]
    pub fn learnt_modifier(&self, oid: u32) -> i32 {
        self.0.types().get(&oid).map_or(-1, |(_, typmod)| *typmod)
    }

    /// Keeps what was learnt of a type, and the modifier of a domain.
    pub fn learn_type(&self, ty: Type, typmod: i32) {
        self.0.types().insert(ty.oid(), (ty, typmod));
    }

    /// Forgets all types: an enum may have been given another label since.
    pub fn forget_types(&self) {
        self.0.types().clear();
    }

    /// Whether all has been said and answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.protocol().is_idle()
    }

    /// Whether a cancellation is under way.
    #[must_use]
    pub fn has_cancel_in_flight(&self) -> bool {
        self.0.protocol().cancels_in_flight > 0
    }

    /// A caller gives up what runs here: it is to end soon.
    #[expect(clippy::must_use_candidate, reason = "who only gives up need not know by when")]
    pub fn begin_cleanup(&self) -> Instant {
        self.0.protocol().begin_cleanup()
    }

    /// What was given up may have ended.
    pub fn note_cleanup(&self) {
        self.0.protocol().note_cleanup();
    }

    /// By when what was given up is to have ended, while it has not.
    #[must_use]
    pub fn cleanup_deadline(&self) -> Option<Instant> {
        self.0.protocol().cleanup_deadline()
    }

    /// That what was given up has not ended in time: who had it may ask no more on this connection,
    /// which is cleaned, or closed, when it comes back to the pool.
    #[must_use]
    pub fn overdue(&self) -> Option<Error> {
        let overdue = self.0.protocol().is_overdue();
        overdue.then(|| {
            Error::Connection(
                "the statement before did not stop in time when it was cancelled, so the connection is given up; the server rolls back what was not committed".into(),
            )
        })
    }

    /// Closes the connection if a cancellation that was sent on it may still hit what the next borrower
    /// runs.
    pub(super) fn close_if_unsafe(&self) {
        let mut protocol = self.0.protocol();
        if protocol.has_unanswered_cancel() && protocol.is_reusable() {
            protocol.mark_closed("a cancellation of a statement may still come through".into());
        }
    }

    /// Whether the connection was lost by the network's or the server's doing, not given up here.
    pub(super) fn has_lost_server(&self) -> bool {
        self.0.protocol().has_lost_server
    }

    /// Whether the server has refused to write, since it only reads.
    pub(super) fn was_read_only(&self) -> bool {
        self.0.protocol().was_read_only
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &Address {
        &self.0.cancel_target.address
    }

    /// The request whose whole answer was taken last; later requests have greater numbers.
    #[must_use]
    pub fn last_answered(&self) -> u64 {
        self.0.protocol().last_answered
    }

    /// How many cancellations were asked for.
    #[must_use]
    pub fn cancellations(&self) -> u64 {
        self.0.protocol().cancellations
    }

    /// Whether no cancellation is under way, besides.
    pub(super) fn is_reusable(&self) -> bool {
        self.0.protocol().is_reusable()
    }

    /// The server's process at the other end.
    pub(super) fn backend(&self) -> Option<Backend> {
        let (process, _) = (*self.0.key())?;
        Some(Backend { address: self.0.cancel_target.address.clone(), process })
    }

    /// A setting that the server reported, such as `server_version`.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.0.protocol().async_messages.settings.get(name).cloned()
    }
}

impl Shared {
    pub fn key(&self) -> MutexGuard<'_, Option<(i32, i32)>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn producing_thread(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.producing_thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn types(&self) -> MutexGuard<'_, HashMap<u32, (Type, i32)>> {
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the server forget the statements and portals that nobody uses any more.
    pub fn forget_unused(&self, out: &mut BytesMut) -> Result<()> {
        let (statements, portals) = self.statements().take_unused();
        for name in portals {
            frontend::close(b'P', &name, out)?;
        }
        for name in statements {
            frontend::close(b'S', &name, out)?;
        }
        Ok(())
    }
}

/// The error of a COPY among the caller's own statements.
#[must_use]
pub fn no_copy() -> Error {
    Error::NotSupported("a COPY TO or FROM the client is for load() and read() alone".into())
}
