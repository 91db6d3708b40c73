//! Makes a load atomic: a transaction, or a savepoint within the caller's transaction.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::session::{Interrupt, Session};
use crate::sql::{merge, render};

/// The transaction or savepoint around a load's statements.
pub(super) struct Scope {
    kind: Kind,
    /// Whether the savepoint exists: rolling back to a missing one would fail the caller's
    /// transaction.
    has_savepoint: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transaction,
    Savepoint,
}

impl Scope {
    pub fn of(session: &Session) -> Self {
        let kind = if session.is_clean() { Kind::Transaction } else { Kind::Savepoint };
        Self { kind, has_savepoint: Cell::new(false) }
    }

    /// Whether the load has its own transaction.
    pub fn is_transaction(&self) -> bool {
        self.kind == Kind::Transaction
    }

    pub fn begin(&self, session: &Session, interrupt: &mut Interrupt<'_>) -> Result<()> {
        match self.kind {
            Kind::Transaction => session.batch(interrupt, render::BEGIN),
            Kind::Savepoint => {
                session.batch(interrupt, render::BEGIN_LOAD)?;
                self.has_savepoint.set(true);
                Ok(())
            }
        }
    }

    /// Commits or releases the savepoint; returns an interrupt that came too late to stop that.
    pub fn commit(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<Error>> {
        self.commit_with(session, interrupt, render::END_LOAD)
    }

    /// [`Scope::commit`] for an upsert, which also drops the staging table.
    pub fn commit_merge(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<Error>> {
        self.commit_with(session, interrupt, &merge::end_merge())
    }

    fn commit_with(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
        release: &str,
    ) -> Result<Option<Error>> {
        match self.kind {
            Kind::Transaction => session.commit(interrupt),
            Kind::Savepoint => {
                interrupt()?;
                // A released savepoint cannot be rolled back, so this is not interruptible.
                session.batch(&mut || Ok(()), release).map(|()| None)
            }
        }
    }

    /// Rolls back. Errors are ignored: the session is then broken or in a failed transaction.
    pub fn rollback(&self, session: &Session) {
        match self.kind {
            Kind::Transaction => session.rollback(),
            Kind::Savepoint if self.has_savepoint.get() => session.undo(render::UNDO_LOAD),
            Kind::Savepoint => session.cancel_and_drain(),
        }
    }
}
