//! Reads the rows of a query in batches, from a portal of the server, so that memory does not grow with them.

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

/// A query, what its rows become, and the portal.
pub(super) struct Portal {
    call: Call,
    row_kind: RowKind,
    batch_rows: i32,
    /// The statement and the name of the portal, once it is bound.
    bound: Option<(Arc<Statement>, String)>,
}

impl Portal {
    pub fn new(call: Call, row_kind: RowKind, batch_rows: i32) -> Result<Self> {
        if batch_rows < 1 {
            return Err(Error::Interface(format!(
                "batch_rows: expected 1 or more, got {batch_rows}"
            )));
        }
        Ok(Self { call, row_kind, batch_rows, bound: None })
    }
}

/// A query whose rows are read in batches.
pub(super) struct Stream {
    session: SessionRef,
    /// The stream begins and ends the transaction that its portal needs, because none was open.
    owns_transaction: bool,
    has_begun: bool,
    portal: Portal,
    /// Rows returned so far.
    rows: u64,
    /// The attempt to bind the portal, until its first rows have come.
    attempt: Option<Attempt>,
    ended: bool,
}

/// An empty list.
pub(super) fn no_rows(py: Python<'_>) -> Py<PyAny> {
    PyList::empty(py).into_any().unbind()
}

impl Stream {
    pub fn new(checkout: Checkout, portal: Portal) -> Self {
        // A leased connection may have no transaction open, in a session block.
        let owns_transaction =
            matches!(checkout, Checkout::Pooled(_)) || checkout.client().status() == b'I';
        Self {
            session: checkout.session_ref(),
            owns_transaction,
            has_begun: false,
            portal,
            rows: 0,
            attempt: None,
            ended: false,
        }
    }

    /// The session.
    pub fn session(&self) -> Result<Arc<PooledSession>> {
        self.session.get()
    }

    /// Whether an interrupted caller is told how the query ended: the end of the stream may commit.
    pub fn outcome(&self, py: Python<'_>) -> Outcome {
        Outcome::of(py, !self.owns_transaction, &self.portal.call.sql)
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next rows; an empty list at the end.
    pub async fn rows(&mut self) -> Result<Py<PyAny>> {
        if self.ended {
            return Ok(attached(no_rows));
        }
        let mut rows = self.next().await;
        // No rows were returned yet, so that a stale statement can be prepared again.
        if let (Err(_), Some(attempt), 0) = (&rows, self.attempt.take(), self.rows)
            && let Err(error) = rows
        {
            self.roll_back().await;
            let client = self.session.get()?.client().clone();
            self.portal.bound = None;
            rows = match retry_if_stale(&client, &self.portal.call.sql, attempt, error).await {
                Ok(()) => self.next().await,
                Err(error) => Err(error),
            };
        }
        if rows.is_err() {
            self.ended = true;
            self.roll_back().await;
        }
        rows
    }

    /// Fetches the next batch; begins the transaction and binds the portal first if that was not done.
    async fn next(&mut self) -> Result<Py<PyAny>> {
        let client = self.session.get()?.client().clone();
        let Portal { call, row_kind, batch_rows, bound: portal } = &mut self.portal;
        let (statement, bytes) = if let Some((statement, name)) = portal {
            let next = |out: &mut BytesMut| Ok(frontend::execute(name, *batch_rows, out)?);
            let bytes = client.send(next).await?.complete().await?.bytes;
            (Arc::clone(statement), bytes)
        } else {
            refuse_control(&client, &call.sql, false)?;
            if self.owns_transaction {
                self.has_begun = true;
                client.batch(render::BEGIN).await?;
            }
            let ready = execute::prepare(&client, &call.sql).await?;
            self.attempt = Some(Attempt::new(&ready));
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
            let rows = RowDecoder::new(py, execute::typed(&statement)?, row_kind)?
                .list(&bytes, self.rows)?;
            let count = rows.len();
            Ok::<_, Error>((rows.into_any().unbind(), count))
        })?;
        self.rows += count as u64;
        let requested = usize::try_from(*batch_rows).unwrap_or(usize::MAX);
        if end == End::Suspended && count != requested {
            return Err(Error::Internal(format!(
                "expected {requested} rows from the portal, got {count}"
            )));
        }
        if end == End::Complete {
            self.end().await?;
        }
        Ok(rows)
    }

    /// Ends the query: commits the stream's own transaction, or closes the portal in another one.
    pub async fn end(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.ended, true) {
            return Ok(());
        }
        let client = self.session.get()?.client().clone();
        if self.owns_transaction {
            return if self.has_begun { session::commit(&client).await } else { Ok(()) };
        }
        let Some((_, name)) = &self.portal.bound else { return Ok(()) };
        let close = |out: &mut BytesMut| Ok(frontend::close(b'P', name, out)?);
        client.send(close).await?.complete().await.map(|_| ())
    }

    /// Rolls back the stream's own transaction.
    async fn roll_back(&mut self) {
        if self.owns_transaction
            && std::mem::take(&mut self.has_begun)
            && let Ok(session) = self.session.get()
        {
            // The caller gets the first error.
            let _ = session::rollback(session.client()).await;
        }
    }
}
