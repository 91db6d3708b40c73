//! Statements that a session has prepared, kept for the next time.

use std::any::Any;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock, PoisonError, Weak};

use lru::LruCache;

use super::client::Shared;
use super::latency::LatencyStats;
use super::names::{Mentions, NameChanges, Reach};
use crate::error::{Error, Result};
use crate::wire::message::{self, ColumnDescription, Messages, tag};

/// A statement as the server described it.
pub struct Statement {
    name: String,
    parameters: Vec<u32>,
    columns: Vec<ColumnDescription>,
    /// What others know of it beyond that.
    known: OnceLock<Box<dyn Any + Send + Sync>>,
    session: Weak<Shared>,
    pub(super) latency: Arc<LatencyStats>,
}

impl Statement {
    pub(super) fn described(
        bytes: &[u8],
        sql: &str,
        name: String,
        session: Weak<Shared>,
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
        let (known, latency) = (OnceLock::new(), Arc::new(LatencyStats::of(sql)));
        Ok(Self { name, parameters, columns, known, session, latency })
    }

    /// The name that the server knows it by; `""` for the unnamed one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types of its parameters, by OID.
    #[must_use]
    pub fn parameters(&self) -> &[u32] {
        &self.parameters
    }

    /// The columns of its result.
    #[must_use]
    pub fn columns(&self) -> &[ColumnDescription] {
        &self.columns
    }

    /// Whether it takes and gives the same as another.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.parameters == other.parameters && self.columns == other.columns
    }

    /// Whether it may change what names mean, so that those sent behind it have to be prepared anew.
    #[must_use]
    pub fn changes_names(&self) -> bool {
        self.latency.mentions != Mentions::Nothing
    }

    /// What was learnt of it.
    #[must_use]
    pub fn known<T: 'static>(&self) -> Option<&T> {
        self.known.get()?.downcast_ref()
    }

    /// Keeps what was learnt of it; what was learnt first stays.
    pub fn learn<T: Send + Sync + 'static>(&self, what: T) {
        let _ = self.known.set(Box::new(what));
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        if !self.name.is_empty()
            && let Some(session) = self.session.upgrade()
        {
            let mut statements = session.statements.lock().unwrap_or_else(PoisonError::into_inner);
            statements.unused.push(std::mem::take(&mut self.name));
        }
    }
}

type Kept = LruCache<Box<str>, Arc<Statement>>;

/// The statements of a session, the least used of which are forgotten.
pub(super) struct Statements {
    kept: Option<Kept>,
    /// What has changed the meaning of names, and how much of that the statements know of.
    names: Arc<NameChanges>,
    seen: (u64, u64),
    /// The names of statements that the server can forget, and of portals.
    unused: Vec<String>,
    unread: Vec<String>,
}

impl Statements {
    pub fn new(capacity: usize, names: Arc<NameChanges>) -> Self {
        let kept = NonZeroUsize::new(capacity).map(LruCache::new);
        let seen = names.count();
        Self { kept, names, seen, unused: Vec::new(), unread: Vec::new() }
    }

    /// Tells all sessions of the pool that what statements are made of has changed: parameters may
    /// have other types now, and the server says so only where it can tell by a value.
    pub fn changed(&self) {
        self.names.note(Reach::Pool);
    }

    /// Notes that names may mean something else in this session.
    pub fn changed_here(&self) {
        self.names.note(Reach::Session);
    }

    /// How many changes there were so far.
    pub fn changes(&self) -> (u64, u64) {
        self.names.count()
    }

    /// Takes out all statements if something has changed since. They are dropped elsewhere: that wants
    /// this lock again.
    #[must_use]
    pub fn take_outdated(&mut self) -> Option<Kept> {
        let changes = self.names.count();
        if changes == std::mem::replace(&mut self.seen, changes) {
            return None;
        }
        let kept = self.kept.as_mut()?;
        let empty = LruCache::new(kept.cap());
        Some(std::mem::replace(kept, empty))
    }

    pub fn capacity(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.cap().get())
    }

    pub fn recall(&mut self, sql: &str) -> Option<Arc<Statement>> {
        self.kept.as_mut()?.get(sql).cloned()
    }

    /// Keeps a statement that was prepared after so many changes, unless there was another one
    /// meanwhile. Gives back what it pushes out: a statement that is dropped here would want this lock
    /// again.
    #[must_use]
    pub fn keep(
        &mut self,
        sql: &str,
        statement: &Arc<Statement>,
        changes: (u64, u64),
    ) -> Option<Arc<Statement>> {
        if self.names.count() != changes {
            return None;
        }
        Some(self.kept.as_mut()?.push(sql.into(), Arc::clone(statement))?.1)
    }

    #[must_use]
    pub fn forget(&mut self, sql: &str) -> Option<Arc<Statement>> {
        self.kept.as_mut()?.pop(sql)
    }

    /// Forgets that one, unless another has taken its place.
    #[must_use]
    pub fn forget_one(&mut self, sql: &str, one: &Arc<Statement>) -> Option<Arc<Statement>> {
        let kept = self.kept.as_mut()?;
        if kept.peek(sql).is_some_and(|there| Arc::ptr_eq(there, one)) {
            kept.pop(sql)
        } else {
            None
        }
    }

    /// Lets the server forget a portal when something is asked next.
    pub fn leave_portal(&mut self, name: String) {
        self.unread.push(name);
    }

    /// What the server can forget: statements, and portals.
    pub fn take_unused(&mut self) -> (Vec<String>, Vec<String>) {
        (std::mem::take(&mut self.unused), std::mem::take(&mut self.unread))
    }
}
