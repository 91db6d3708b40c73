//! The rows of a query, some at a time, from a portal at the server: memory does not grow with them.

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::gil::attached;
use super::outcome::Outcome;
use super::session::Checkout;
use super::statement_codecs::{RowDecoder, RowKind, encode_bind};
use super::verbs::{Attempt, Call, refuse_control, retry_if_stale};
use crate::error::{Error, Result};
use crate::execute;
use crate::session::copy_refused_error;
use crate::session::pool::{PooledSession, SessionRef};
use crate::session::{self, Statement};
use crate::sql::render;
use crate::wire::message::{self, End};

/// A query, and how its rows are wanted.
pub(super) struct Portal {
    call: Call,
    shape: RowKind,
    batch_rows: i32,
    /// Once it is bound.
    bound: Option<(Arc<Statement>, String)>,
}

impl Portal {
    pub fn new(call: Call, shape: RowKind, batch_rows: i32) -> Result<Self> {
        if batch_rows < 1 {
            return Err(Error::Interface(format!(
                "batch_rows: expected 1 or more, got {batch_rows}"
            )));
        }
        Ok(Self { call, shape, batch_rows, bound: None })
    }
}

/// A query under way.
pub(super) struct Stream {
    session: SessionRef,
    /// The transaction is the stream's own: a portal lives no longer than its transaction.
    own: bool,
    begun: bool,
    portal: Portal,
    /// The rows that were given.
    rows: u64,
    /// The statement, until its first rows are there.
    tried: Option<Attempt>,
    ended: bool,
}

/// An empty list.
pub(super) fn no_rows(py: Python<'_>) -> Py<PyAny> {
    PyList::empty(py).into_any().unbind()
}

impl Stream {
    pub fn new(checkout: Checkout, portal: Portal) -> Self {
        // A connection that is kept may be outside of a transaction.
        let own = matches!(checkout, Checkout::Pooled(_)) || checkout.client().status() == b'I';
        Self {
            session: checkout.session_ref(),
            own,
            begun: false,
            portal,
            rows: 0,
            tried: None,
            ended: false,
        }
    }

    /// The session.
    pub fn session(&self) -> Result<Arc<PooledSession>> {
        self.session.get()
    }

    /// Whether it matters how it ends when it is interrupted: it may commit its own transaction.
    pub fn outcome(&self, py: Python<'_>) -> Outcome {
        Outcome::of(py, !self.own, &self.portal.call.sql)
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next rows; none at the end.
    pub async fn rows(&mut self) -> Result<Py<PyAny>> {
        if self.ended {
            return Ok(attached(no_rows));
        }
        let mut rows = self.next().await;
        // Nothing was given yet, so that a statement that has become stale can be prepared again.
        if let (Err(_), Some(tried), 0) = (&rows, self.tried.take(), self.rows)
            && let Err(error) = rows
        {
            self.undo().await;
            let client = self.session.get()?.client().clone();
            self.portal.bound = None;
            rows = match retry_if_stale(&client, &self.portal.call.sql, tried, error).await {
                Ok(()) => self.next().await,
                Err(error) => Err(error),
            };
        }
        if rows.is_err() {
            self.ended = true;
            self.undo().await;
        }
        rows
    }

    async fn next(&mut self) -> Result<Py<PyAny>> {
        let client = self.session.get()?.client().clone();
        let Portal { call, shape, batch_rows, bound: portal } = &mut self.portal;
        let (statement, bytes) = if let Some((statement, name)) = portal {
            let next = |out: &mut BytesMut| Ok(frontend::execute(name, *batch_rows, out)?);
            let bytes = client.send(next).await?.complete().await?.bytes;
            (Arc::clone(statement), bytes)
        } else {
            refuse_control(&client, &call.sql, false)?;
            if self.own {
                self.begun = true;
                client.batch(render::BEGIN).await?;
            }
            let ready = execute::prepare(&client, &call.sql).await?;
            self.tried = Some(Attempt::new(&ready));
            let (statement, name) = (Arc::clone(&ready.statement), client.new_name("portal"));
            let bind = attached(|py| {
                let mut out = BytesMut::new();
                encode_bind(py, &ready, &name, &call.params, &mut out)?;
                frontend::execute(&name, *batch_rows, &mut out)?;
                Ok::<_, Error>(out)
            })?;
            let bytes = ready.run(&client, &bind).await?.complete().await?.bytes;
            *portal = Some((Arc::clone(&statement), name.clone()));
            (statement, bytes)
        };
        let end = message::end_of(&bytes)?;
        if end == End::Copy {
            return Err(copy_refused_error());
        }
        let (rows, count) = attached(|py| {
            let rows =
                RowDecoder::new(py, execute::typed(&statement)?, shape)?.list(&bytes, self.rows)?;
            let count = rows.len();
            Ok::<_, Error>((rows.into_any().unbind(), count))
        })?;
        self.rows += count as u64;
        let asked_for = usize::try_from(*batch_rows).unwrap_or(usize::MAX);
        if end == End::Suspended && count != asked_for {
            return Err(Error::Internal(format!("{count} rows, where {asked_for} were asked for")));
        }
        if end == End::Complete {
            self.end().await?;
        }
        Ok(rows)
    }

    /// Ends the query: its own transaction is committed, and another's loses its portal.
    pub async fn end(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let client = self.session.get()?.client().clone();
        if self.own {
            return if self.begun { session::commit(&client).await } else { Ok(()) };
        }
        let Some((_, name)) = &self.portal.bound else { return Ok(()) };
        let close = |out: &mut BytesMut| Ok(frontend::close(b'P', name, out)?);
        client.send(close).await?.complete().await.map(|_| ())
    }

    /// Undoes its own transaction; another's is its owner's.
    async fn undo(&mut self) {
        if self.own
            && std::mem::take(&mut self.begun)
            && let Ok(session) = self.session.get()
        {
            // What failed is told already.
            let _ = session::rollback(session.client()).await;
        }
    }
}
