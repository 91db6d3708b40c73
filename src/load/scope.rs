//! What holds a load together: a transaction of its own, or within the caller's a savepoint.

use std::cell::Cell;

use crate::error::{Error, Result};
use crate::session::{Interrupt, Session};
use crate::sql::{merge, render};

/// All of a load's statements happen, or none.
pub(super) struct Scope {
    kind: Kind,
    /// Without the savepoint, going back to it would fail the caller's transaction.
    begun: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Transaction,
    Savepoint,
}

impl Scope {
    pub fn of(session: &Session) -> Self {
        let kind = if session.is_clean() { Kind::Transaction } else { Kind::Savepoint };
        Self { kind, begun: Cell::new(false) }
    }

    /// Whether it is a transaction of the load's own.
    pub fn is_transaction(&self) -> bool {
        self.kind == Kind::Transaction
    }

    pub fn begin(&self, session: &Session, interrupt: &mut Interrupt<'_>) -> Result<()> {
        match self.kind {
            Kind::Transaction => session.batch(interrupt, render::BEGIN),
            Kind::Savepoint => {
                session.batch(interrupt, render::BEGIN_LOAD)?;
                self.begun.set(true);
                Ok(())
            }
        }
    }

    /// Keeps what the load did; gives back the interrupt that came too late to stop that.
    pub fn commit(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<Error>> {
        self.commit_by(session, interrupt, render::END_LOAD)
    }

    /// As [`Scope::commit`], of a load that has made the stage.
    pub fn commit_merge(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Option<Error>> {
        self.commit_by(session, interrupt, &merge::end_merge())
    }

    fn commit_by(
        &self,
        session: &Session,
        interrupt: &mut Interrupt<'_>,
        release: &str,
    ) -> Result<Option<Error>> {
        match self.kind {
            Kind::Transaction => session.commit(interrupt),
            Kind::Savepoint => {
                interrupt()?;
                // A savepoint that is released cannot be undone, and so this is not interrupted.
                session.batch(&mut || Ok(()), release).map(|()| None)
            }
        }
    }

    /// A session that cannot is broken, or in a failed transaction; that is all there is to say.
    pub fn rollback(&self, session: &Session) {
        match self.kind {
            Kind::Transaction => session.rollback(),
            Kind::Savepoint if self.begun.get() => session.undo(render::UNDO_LOAD),
            Kind::Savepoint => session.stop(),
        }
    }
}
