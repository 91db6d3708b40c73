//! The operations on one connection, each a future over its [`Protocol`], which a driver runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use postgres_types::Type;

use super::cancel_request::CancelTarget;
use super::config::Address;
use super::config::BindingData;
use super::latency::LatencyStats;
use super::protocol::{CloseReason, Protocol};
pub use super::protocol::{Notification, ResponseChunk};
use super::socket::Handle;
use super::statements::Statements;
use super::unused_names::UnusedNames;
use crate::error::{Error, Result};
use crate::wire::Malformed;

/// A reference to a connection, through which its operations begin. Clones refer to the same connection.
#[derive(Clone)]
pub struct Client(pub(super) Arc<Shared>);

/// How the language binding converts values.
#[derive(Debug, Clone)]
pub struct ValueOptions {
    /// Whether numbers in JSON other than integers become decimals.
    pub json_decimals: bool,
    /// Data of the binding's own.
    pub binding: BindingData,
}

/// Types by their OIDs, each with its own type modifiers.
type Types = HashMap<u32, (Type, Arc<[i32]>)>;

pub(super) struct Shared {
    pub protocol: Mutex<Protocol>,
    pub handle: Handle,
    pub cancel_target: CancelTarget,
    pub statements: Mutex<Statements>,
    pub unused_names: Arc<UnusedNames>,
    /// The latency of requests that belong to no cached statement.
    pub latency: Arc<LatencyStats>,
    next_name: AtomicU64,
    /// How long an operation of a few statements may take.
    limit: Option<Duration>,
    values: ValueOptions,
    /// Types that are not built in, each with its own type modifiers.
    types: Mutex<Types>,
    /// The number of the event loop's driver; 0 while a thread drives the connection.
    driver: AtomicU64,
    /// The server's process id and secret key, for cancel requests.
    key: Mutex<Option<(i32, i32)>>,
    /// The thread that produces more rows for an open request; no other request can begin meanwhile.
    producing_thread: Mutex<Option<ThreadId>>,
}

/// A server process.
#[derive(Debug, Clone)]
pub struct Backend {
    address: Address,
    /// Its process id.
    pub process: i32,
}

impl Backend {
    /// Whether it is another process of the same server.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.address.is_that_of(&other.address) && self.process != other.process
    }
}

impl Shared {
    pub fn protocol(&self) -> MutexGuard<'_, Protocol> {
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn key(&self) -> MutexGuard<'_, Option<(i32, i32)>> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn producing_thread(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.producing_thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn types(&self) -> MutexGuard<'_, Types> {
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn statements(&self) -> MutexGuard<'_, Statements> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the messages that close the prepared statements and portals that are not used any more.
    pub fn close_unused(&self, out: &mut BytesMut) -> Result<()> {
        let (statements, portals) = self.unused_names.take();
        for name in portals {
            frontend::close(b'P', &name, out)?;
        }
        for name in statements {
            frontend::close(b'S', &name, out)?;
        }
        Ok(())
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
        values: ValueOptions,
    ) -> Self {
        Self(Arc::new(Shared {
            handle: protocol.handle(),
            protocol: Mutex::new(protocol),
            cancel_target,
            statements: Mutex::new(statements),
            unused_names: Arc::default(),
            latency: Arc::default(),
            next_name: AtomicU64::new(0),
            limit,
            values,
            types: Mutex::new(HashMap::new()),
            driver: AtomicU64::new(0),
            key: Mutex::new(None),
            producing_thread: Mutex::new(None),
        }))
    }

    /// A reference that does not keep the connection open.
    pub(super) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    /// The transaction status: I outside a transaction, T in one, E in a failed one.
    #[must_use]
    pub fn status(&self) -> u8 {
        self.0.protocol().status()
    }

    /// How values are converted.
    #[must_use]
    pub fn values(&self) -> &ValueOptions {
        &self.0.values
    }

    /// Whether everything is sent.
    #[must_use]
    pub fn has_sent_all(&self) -> bool {
        !self.0.protocol().sending.has_unsent()
    }

    /// The number of bytes in the send buffer, without the chunks of a COPY.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.0.protocol().sending.buffer.len()
    }

    /// Sets whether operations must be polled although nothing was received for them.
    pub fn request_poll(&self, is_wanted: bool) {
        self.0.protocol().needs_poll = is_wanted;
    }

    /// Sets whether an operation waits until everything is sent.
    pub fn set_drain_waiter(&self, is_wanted: bool) {
        self.0.protocol().sending.has_drain_waiter = is_wanted;
    }

    /// How long an operation of a few statements may take.
    #[must_use]
    pub fn limit_of_statement(&self) -> Option<Duration> {
        self.0.limit
    }

    /// The deadline of an operation that begins now.
    pub(super) fn limit(&self) -> Option<Instant> {
        self.0.limit.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// Closes the connection for a reason of the client's.
    pub fn give_up(&self, reason: &str) {
        self.0.protocol().mark_closed(reason.to_owned());
    }

    /// Runs `work`, in which the caller's code produces rows for an open request. A request that this code makes on the same
    /// connection would wait for ever: see [`Client::is_producing_rows_here`].
    pub fn with_row_producer<T>(&self, work: impl FnOnce() -> T) -> T {
        struct RowProducer<'a>(&'a Shared);
        impl Drop for RowProducer<'_> {
            fn drop(&mut self) {
                *self.0.producing_thread() = None;
            }
        }
        *self.0.producing_thread() = Some(std::thread::current().id());
        let _producer = RowProducer(&self.0);
        work()
    }

    /// Whether this thread runs the `work` of [`Client::with_row_producer`].
    #[must_use]
    pub fn is_producing_rows_here(&self) -> bool {
        *self.0.producing_thread() == Some(std::thread::current().id())
    }

    /// Sets which driver of an event loop drives the connection; 0: the thread that waits for it.
    pub fn set_driver(&self, driver: u64) {
        self.0.driver.store(driver, Ordering::Relaxed);
    }

    /// Whether the driver with this number drives the connection.
    #[must_use]
    pub fn is_driven_by(&self, driver: u64) -> bool {
        self.0.driver.load(Ordering::Relaxed) == driver
    }

    /// The socket, to wait for.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle.clone()
    }

    /// Why the connection is closed, if it is.
    #[must_use]
    pub fn broken(&self) -> Option<Error> {
        self.0.protocol().close_reason().map(CloseReason::error)
    }

    /// A name that nothing else has in this session.
    #[must_use]
    pub fn new_name(&self, kind: &str) -> String {
        format!("howdah_{kind}_{}", self.0.next_name.fetch_add(1, Ordering::Relaxed))
    }

    /// A type that is not built in, if it was looked up before.
    #[must_use]
    pub fn learnt_type(&self, oid: u32) -> Option<Type> {
        self.0.types().get(&oid).map(|(ty, _)| ty.clone())
    }

    /// The type modifier of a domain, or those of a composite type's fields, if it was looked up
    /// before.
    #[must_use]
    pub fn learnt_modifiers(&self, oid: u32) -> Arc<[i32]> {
        self.0.types().get(&oid).map(|(_, modifiers)| Arc::clone(modifiers)).unwrap_or_default()
    }

    /// Caches a type that was looked up, with the type modifier of a domain or those of a composite
    /// type's fields.
    pub fn learn_type(&self, ty: Type, modifiers: Vec<i32>) {
        self.0.types().insert(ty.oid(), (ty, modifiers.into()));
    }

    /// Clears the cache of types: an enum may have another label since.
    pub fn forget_types(&self) {
        self.0.types().clear();
    }

    /// Whether everything is sent and answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.0.protocol().is_idle()
    }

    /// Whether everything is sent and answered, and no cancel request is under way.
    pub(super) fn is_reusable(&self) -> bool {
        self.0.protocol().is_reusable()
    }

    /// Whether the connection was lost by the network or the server, not closed here.
    pub(super) fn has_lost_server(&self) -> bool {
        self.0.protocol().has_lost_server
    }

    /// Whether the server has refused to write because it is read-only.
    pub(super) fn was_read_only(&self) -> bool {
        self.0.protocol().was_read_only
    }

    pub(super) fn address(&self) -> &Address {
        &self.0.cancel_target.address
    }

    /// The last request whose complete response was taken; later requests have greater numbers.
    #[must_use]
    pub fn last_answered(&self) -> u64 {
        self.0.protocol().pending.last_answered()
    }

    /// The server process.
    pub(super) fn backend(&self) -> Option<Backend> {
        let (process, _) = (*self.0.key())?;
        Some(Backend { address: self.0.cancel_target.address.clone(), process })
    }

    /// A setting that the server reports, such as `server_version`.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        self.0.protocol().async_messages.settings.get(name).cloned()
    }
}
