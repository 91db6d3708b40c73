//! Reads of several callers on one connection, for who asks for it (`multiplex=True`).
//!
//! A read joins a connection on which others' reads are not answered yet: its messages are sent behind theirs, and the
//! server runs them one after another, each as a transaction of its own. Neither side sleeps in between, which is what
//! makes it quicker; a slow read delays those behind it, which is why nobody gets it unasked.
//!
//! A read can join where
//! - no hook of the pool is to see each caller (`on_acquire`, `on_release`),
//! - the connection is driven by the caller's own event loop,
//! - the statement is prepared on it, so that the read is one request that waits for nothing,
//! - no transaction is open on it, no request is half sent, and no cancellation is under way that could hit the read,
//! - it is not older than `max_lifetime_s`, and nobody waits for a connection of their own.
//!
//! The connection goes back to the pool after the last of the reads on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Client;
use super::pool::PooledSession;

/// A connection with this many unanswered reads is not joined; then the read gets another connection of the pool, or waits
/// for one.
///
/// Measured on two cores, 100 callers, lookups per second: 31,000 with 2, 34,000 with 16, 44,000 with 64, 50,000 with 128.
/// More reads on a connection wake fewer server processes, but leave more of the server's cores unused, and delay each
/// other more.
const MAX_READS_PER_CONNECTION: usize = 64;

/// The connections of a pool that reads may join.
#[derive(Default)]
pub struct Multiplexer {
    sessions: Mutex<Vec<Weak<PooledSession>>>,
    /// How many reads have joined one.
    joined: AtomicU64,
}

impl Multiplexer {
    fn sessions(&self) -> MutexGuard<'_, Vec<Weak<PooledSession>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets other reads join a connection, from when it has a read to when it goes back to the pool.
    pub fn offer(&self, session: &Arc<PooledSession>) {
        let mut sessions = self.sessions();
        sessions.retain(|other| other.strong_count() > 0);
        if !sessions.iter().any(|other| other.as_ptr() == Arc::as_ptr(session)) {
            sessions.push(Arc::downgrade(session));
        }
    }

    /// The connection with the fewest unanswered reads that a read of this statement can join.
    pub fn join(
        &self,
        sql: &str,
        is_driven_here: impl Fn(&PooledSession) -> bool,
    ) -> Option<Arc<PooledSession>> {
        // Collected first: who drops the last reference gives the connection back, and may come here again.
        let sessions: Vec<_> = self.sessions().iter().filter_map(Weak::upgrade).collect();
        let can_join = |session: &&Arc<PooledSession>| {
            let reads = session.client().reads_ahead()?;
            let is_joinable = (1..MAX_READS_PER_CONNECTION).contains(&reads)
                && session.is_joinable()
                && is_driven_here(session)
                && session.client().prepared(sql).is_some();
            is_joinable.then_some(reads)
        };
        let candidates = sessions.iter().filter_map(|one| Some((can_join(&one)?, one)));
        let session = candidates.min_by_key(|(reads, _)| *reads).map(|(_, one)| Arc::clone(one))?;
        self.joined.fetch_add(1, Ordering::Relaxed);
        Some(session)
    }

    /// How many reads have joined a connection so far.
    pub fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }
}

impl PooledSession {
    /// Whether it is this process's, and not to be closed for its age.
    fn is_joinable(&self) -> bool {
        self.is_ours() && self.pool.is_young(self.born)
    }
}

impl Client {
    /// How many requests are not answered yet; `None` where no read may be sent behind them.
    fn reads_ahead(&self) -> Option<usize> {
        self.0.protocol().reads_ahead()
    }
}
