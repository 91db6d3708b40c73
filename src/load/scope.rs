//! What holds a load together: a transaction of its own, or within the caller's a savepoint.

use std::cell::Cell;

use crate::error::Result;
use crate::session::{Interrupt, Session};
use crate::sql::render;

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

    pub fn commit(&self, session: &Session) -> Result<()> {
        match self.kind {
            Kind::Transaction => session.commit(),
            Kind::Savepoint => session.batch(&mut || Ok(()), render::END_LOAD),
        }
    }

    /// As [`Scope::commit`], of a load that has made the stage.
    pub fn commit_merge(&self, session: &Session) -> Result<()> {
        match self.kind {
            Kind::Transaction => session.commit(),
            Kind::Savepoint => session.batch(&mut || Ok(()), &render::end_merge()),
        }
    }

    /// A session that cannot is broken, or in a failed transaction; that is all there is to say.
    pub fn rollback(&self, session: &Session) {
        match self.kind {
            Kind::Transaction => session.rollback(),
            Kind::Savepoint => {
                session.stop();
                if !self.begun.get() {
                    return;
                }
                let _ = session.batch(&mut || Ok(()), render::UNDO_LOAD);
            }
        }
    }
}
