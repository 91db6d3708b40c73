//! What holds a load together: a transaction of its own, or within the caller's a savepoint.

use crate::error::Result;
use crate::session::{Interrupt, Session};
use crate::sql::render;

/// All of a load's statements happen, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Transaction,
    Savepoint,
}

impl Scope {
    pub fn of(session: &Session) -> Self {
        if session.is_clean() { Self::Transaction } else { Self::Savepoint }
    }

    pub fn begin(self, session: &Session, interrupt: &mut Interrupt<'_>) -> Result<()> {
        match self {
            Self::Transaction => session.batch(interrupt, render::BEGIN),
            Self::Savepoint => session.batch(interrupt, render::BEGIN_LOAD),
        }
    }

    pub fn commit(self, session: &Session) -> Result<()> {
        match self {
            Self::Transaction => session.commit(),
            Self::Savepoint => session.batch(&mut || Ok(()), render::END_LOAD),
        }
    }

    /// As [`Scope::commit`], of a load that has made the stage.
    pub fn commit_merge(self, session: &Session) -> Result<()> {
        match self {
            Self::Transaction => session.commit(),
            Self::Savepoint => session.batch(&mut || Ok(()), &render::end_merge()),
        }
    }

    /// A session that cannot is broken, or in a failed transaction; that is all there is to say.
    pub fn rollback(self, session: &Session) {
        match self {
            Self::Transaction => session.rollback(),
            Self::Savepoint => {
                session.stop();
                let _ = session.batch(&mut || Ok(()), render::UNDO_LOAD);
            }
        }
    }
}
