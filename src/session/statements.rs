//! The prepared statements of a session, and its cache of them.

use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock, Weak};

use lru::LruCache;

use super::latency::LatencyStats;
use super::names::{NameChanges, NameEffect, Reach};
use super::unused_names::UnusedNames;
use crate::error::{Error, Result};
use crate::wire::message::{self, ColumnDescription, Messages, tag};

/// The beginning of the names of prepared statements; see `Client::new_name`.
pub(super) const STATEMENT_PREFIX: &str = "howdah_statement_";

/// A prepared statement, as the server describes it.
pub struct Statement {
    name: String,
    parameters: Vec<u32>,
    columns: Vec<ColumnDescription>,
    /// Data of a higher layer, such as its codecs.
    extension: OnceLock<Box<dyn Any + Send + Sync>>,
    unused_names: Weak<UnusedNames>,
    pub(super) latency: Arc<LatencyStats>,
}

impl Statement {
    /// Reads the answer to Parse and Describe.
    pub(super) fn described(
        bytes: &[u8],
        sql: &str,
        name: String,
        unused_names: Weak<UnusedNames>,
    ) -> Result<Self> {
        let (mut parameters, mut columns) = (None, Vec::new());
        for message in Messages(bytes) {
            match message.tag {
                tag::PARAMETERS => parameters = Some(message::parameters(message.body)?),
                tag::COLUMNS => columns = message::columns(message.body)?,
                _ => {}
            }
        }
        let parameters = parameters
            .ok_or_else(|| Error::Internal("the server did not describe a statement".into()))?;
        let (extension, latency) = (OnceLock::new(), Arc::new(LatencyStats::of(sql)));
        Ok(Self { name, parameters, columns, extension, unused_names, latency })
    }

    /// The name on the server; `""` for the unnamed statement.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The OIDs of the parameters' types.
    #[must_use]
    pub fn parameters(&self) -> &[u32] {
        &self.parameters
    }

    /// The columns of the result.
    #[must_use]
    pub fn columns(&self) -> &[ColumnDescription] {
        &self.columns
    }

    /// Whether it has the parameters and columns of another one.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.parameters == other.parameters && self.columns == other.columns
    }

    /// Whether it may change the meaning of names, so that statements sent behind it must be prepared again.
    #[must_use]
    pub fn changes_names(&self) -> bool {
        self.latency.name_effect != NameEffect::Nothing
    }

    /// The data that was attached with [`Statement::learn`].
    #[must_use]
    pub fn known<T: 'static>(&self) -> Option<&T> {
        self.extension.get()?.downcast_ref()
    }

    /// Attaches data; does nothing if there is some.
    pub fn learn<T: Send + Sync + 'static>(&self, data: T) {
        let _ = self.extension.set(Box::new(data));
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        if !self.name.is_empty()
            && let Some(unused_names) = self.unused_names.upgrade()
        {
            unused_names.add_statement(std::mem::take(&mut self.name));
        }
    }
}

type Cache = LruCache<Box<str>, Arc<Statement>>;

/// A session's cache of prepared statements; the least recently used are dropped.
///
/// Methods that remove statements return them: the caller drops them after it has released the lock of this cache, because the data
/// attached to a statement may need the GIL to be dropped.
pub(super) struct Statements {
    /// `None` if its capacity is 0.
    cache: Option<Cache>,
    names: Arc<NameChanges>,
    /// The changes of names that the cached statements were prepared after.
    seen: (u64, u64),
}

impl Statements {
    pub fn new(capacity: usize, names: Arc<NameChanges>) -> Self {
        let cache = NonZeroUsize::new(capacity).map(LruCache::new);
        let seen = names.count();
        Self { cache, names, seen }
    }

    /// Makes all sessions of the pool prepare their statements again: parameters may have other types now, which the server
    /// notices only if a value does not fit.
    pub fn note_pool_change(&self) {
        self.names.note(Reach::Pool);
    }

    /// Notes that names may mean something else in this session.
    pub fn note_session_change(&self) {
        self.names.note(Reach::Session);
    }

    /// The number of changes so far, of the session and of the pool.
    pub fn changes(&self) -> (u64, u64) {
        self.names.count()
    }

    /// Removes all statements if names have changed since they were prepared.
    #[must_use]
    pub fn take_outdated(&mut self) -> Option<Cache> {
        let changes = self.names.count();
        if changes == std::mem::replace(&mut self.seen, changes) {
            return None;
        }
        let cache = self.cache.as_mut()?;
        let empty = LruCache::new(cache.cap());
        Some(std::mem::replace(cache, empty))
    }

    pub fn capacity(&self) -> usize {
        self.cache.as_ref().map_or(0, |cache| cache.cap().get())
    }

    pub fn get(&mut self, sql: &str) -> Option<Arc<Statement>> {
        self.cache.as_mut()?.get(sql).cloned()
    }

    /// Adds a statement that was prepared after `changes`, unless names have changed since. Returns the one that it displaces.
    #[must_use]
    pub fn insert(
        &mut self,
        sql: &str,
        statement: &Arc<Statement>,
        changes: (u64, u64),
    ) -> Option<Arc<Statement>> {
        if self.names.count() != changes {
            return None;
        }
        Some(self.cache.as_mut()?.push(sql.into(), Arc::clone(statement))?.1)
    }

    #[must_use]
    pub fn remove(&mut self, sql: &str) -> Option<Arc<Statement>> {
        self.cache.as_mut()?.pop(sql)
    }

    /// Removes this statement, unless another one has replaced it.
    #[must_use]
    pub fn remove_if_same(
        &mut self,
        sql: &str,
        statement: &Arc<Statement>,
    ) -> Option<Arc<Statement>> {
        let cache = self.cache.as_mut()?;
        if cache.peek(sql).is_some_and(|cached| Arc::ptr_eq(cached, statement)) {
            cache.pop(sql)
        } else {
            None
        }
    }
}
