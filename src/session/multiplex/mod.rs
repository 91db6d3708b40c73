//! Multiplexing: reads of several callers on one connection, which the user asks for with `multiplex=True`.
//!
//! A read joins a connection on which reads of others are not answered yet: its messages are sent behind theirs, and the server runs
//! them one after another, each in a transaction of its own. Neither side sleeps in between, which makes it faster; a slow read
//! delays those behind it, so this is not the default.
//!
//! A read can join a connection if
//! - the pool has no hook that must see each caller (`on_acquire`, `on_release`),
//! - the caller's own event loop drives the connection,
//! - the statement is prepared on it, so that the read is one request that waits for nothing,
//! - no transaction and no request is open on it, and no cancel request is under way that could hit the read,
//! - it is not older than `max_lifetime_s`, and no caller waits for a connection of its own.
//!
//! The connection goes back to the pool after the last of the reads on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::client::Client;

/// A connection with this many unanswered reads is not joined; then the read gets another connection of the pool, or waits for one.
///
/// Measured on two cores, 100 callers, lookups per second: 31,000 with 2, 34,000 with 16, 44,000 with 64, 50,000 with 128. More reads
/// on a connection wake fewer server processes, but leave more of the server's cores unused, and delay each other more.
const MAX_READS_PER_CONNECTION: usize = 64;

/// A session of a pool that reads may join.
pub trait Joinable {
    /// Its connection.
    fn client(&self) -> &Client;

    /// Whether it belongs to this process, and is not to be closed for its age.
    fn is_joinable(&self) -> bool;
}

/// The sessions of a pool that reads may join.
pub struct Multiplexer<S> {
    sessions: Mutex<Vec<Weak<S>>>,
    /// How many reads have joined one.
    joined: AtomicU64,
}

impl<S> Default for Multiplexer<S> {
    fn default() -> Self {
        Self { sessions: Mutex::default(), joined: AtomicU64::new(0) }
    }
}

impl<S: Joinable> Multiplexer<S> {
    fn sessions(&self) -> MutexGuard<'_, Vec<Weak<S>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets other reads join a session, until it goes back to the pool.
    pub fn offer(&self, session: &Arc<S>) {
        let mut sessions = self.sessions();
        sessions.retain(|other| other.strong_count() > 0);
        if !sessions.iter().any(|other| other.as_ptr() == Arc::as_ptr(session)) {
            sessions.push(Arc::downgrade(session));
        }
    }

    /// The session with the fewest unanswered reads that a read of this statement can join.
    pub fn join(&self, sql: &str, is_driven_here: impl Fn(&S) -> bool) -> Option<Arc<S>> {
        // The lock is released first: dropping the last reference to a session gives it back to the pool, which may call this again.
        let sessions: Vec<_> = self.sessions().iter().filter_map(Weak::upgrade).collect();
        let unanswered_reads = |session: &S| {
            let reads = session.client().reads_ahead()?;
            let can_join = (1..MAX_READS_PER_CONNECTION).contains(&reads)
                && session.is_joinable()
                && is_driven_here(session)
                && session.client().prepared(sql).is_some();
            can_join.then_some(reads)
        };
        let candidates = sessions.iter().filter_map(|one| Some((unanswered_reads(one)?, one)));
        let session = candidates.min_by_key(|(reads, _)| *reads).map(|(_, one)| Arc::clone(one))?;
        self.joined.fetch_add(1, Ordering::Relaxed);
        Some(session)
    }

    /// The number of reads that have joined a session so far.
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }
}

impl Client {
    /// The number of unanswered requests; `None` if no read may be sent behind them.
    fn reads_ahead(&self) -> Option<usize> {
        self.0.protocol().reads_ahead()
    }
}
