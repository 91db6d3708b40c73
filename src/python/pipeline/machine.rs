//! Writes the statements of a pipeline and takes their answers. Nothing here waits.
//!
//! Nothing is written while a block of [`BLOCK_BYTES`] is not sent. A step that waits for the socket receives meanwhile: a
//! server whose answers are not read stops reading.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use super::super::statement_codecs::{StatementCodecs, tuple_items};
use super::super::verbs::{check_parameters, forget_stale, refuse_control};
use super::segment::Segment;
use super::{Pipeline, Queued, Transaction};
use crate::error::{Error, Result, ServerError};
use crate::execute::{self, execute_all};
use crate::session::copy_refused_error;
use crate::session::pool::{ExclusiveGuard, PooledSession};
use crate::session::{Client, Reply, Statement};
use crate::sql::control::is_copy;
use crate::sql::render;

/// Bytes of statements that are written before they are sent, as in `execute_many`.
const BLOCK_BYTES: usize = 64 << 10;

/// The SQLSTATE of a statement in a transaction that has failed.
const IN_FAILED_TRANSACTION: &str = "25P02";

/// What must end before a statement can be written.
type Opening = Pin<Box<dyn Future<Output = Result<Opened>> + Send>>;

enum Opened {
    /// BEGIN is sent.
    Transaction(Reply),
    /// A statement is prepared, and a request for it is open.
    Segment(Arc<Statement>, Reply),
}

/// A segment that is being written.
struct Open {
    segment: Segment,
    /// The SQL of the unnamed statement, if the segment uses it: preparing another one would replace it.
    unnamed: Option<(PyBackedStr, Arc<Statement>)>,
}

/// The state of a pipeline on its connection.
pub(super) struct Machine {
    client: Client,
    transaction: Transaction,
    /// The statement that is written once `opening` has ended.
    next: Option<Queued>,
    opening: Option<Opening>,
    /// The reply to BEGIN, until it has ended.
    begun: Option<Reply>,
    open: Option<Open>,
    /// What is written of the open segment but not in the send buffer yet.
    buffer: BytesMut,
    /// A block is not sent yet.
    is_full: bool,
    /// There is a statement timeout. A Flush after each statement has the server send each answer at once, so that the
    /// timeout is that of a statement and not of all together.
    is_limited: bool,
    /// The segments that are not answered, in their order.
    sent: VecDeque<Segment>,
    /// Keeps other operations off the connection. Dropped last.
    _exclusive: ExclusiveGuard,
}

impl Machine {
    pub fn new(
        pooled: &PooledSession,
        exclusive: ExclusiveGuard,
        transaction: Transaction,
    ) -> Self {
        Self {
            client: pooled.client().clone(),
            transaction,
            next: None,
            opening: None,
            begun: None,
            open: None,
            buffer: BytesMut::new(),
            is_full: false,
            is_limited: pooled.pool().statement_limit().is_some(),
            sent: VecDeque::new(),
            _exclusive: exclusive,
        }
    }

    /// Whether a block is not sent yet.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether all statements of the queue are written.
    pub fn has_written_all(&self) -> bool {
        self.opening.is_none() && self.next.is_none() && !self.is_full
    }

    /// Writes statements and takes answers until there are no more.
    pub fn advance(&mut self, py: Python<'_>, pipeline: &Pipeline) -> Result<()> {
        loop {
            self.write(py, pipeline)?;
            if !self.take(py, pipeline)? {
                return Ok(());
            }
        }
    }

    /// Writes statements from the queue.
    pub fn write(&mut self, py: Python<'_>, pipeline: &Pipeline) -> Result<()> {
        if self.is_full && self.client.has_sent_all() {
            self.set_full(false);
        }
        while !self.is_full {
            if let Some(failed) = pipeline.failed() {
                self.skip_all(py, pipeline, failed);
                return self.close_segment();
            }
            if let Some(opening) = &mut self.opening {
                let mut cx = Context::from_waker(Waker::noop());
                let Poll::Ready(opened) = opening.as_mut().poll(&mut cx) else { return Ok(()) };
                self.opening = None;
                self.note_opened(py, pipeline, opened)?;
            } else if let Some(queued) = self.next.take().or_else(|| pipeline.pop()) {
                self.write_next(py, pipeline, queued)?;
            } else {
                return self.close_segment();
            }
        }
        Ok(())
    }

    /// Writes a statement, or begins what must end before.
    fn write_next(&mut self, py: Python<'_>, pipeline: &Pipeline, queued: Queued) -> Result<()> {
        if self.transaction == Transaction::Begin && !pipeline.has_begun() {
            self.opening = Some(Box::pin(open_transaction(self.client.clone())));
            self.next = Some(queued);
            pipeline.note_begun();
            return Ok(());
        }
        let sql = &queued.call.sql;
        let refused = if is_copy(sql) {
            Err(copy_refused_error())
        } else {
            refuse_control(&self.client, sql, false)
        };
        if let Err(error) = refused.and_then(|()| check_parameters(py, &queued.call.params)) {
            pipeline.set_result(py, &queued.result, Err(error));
            return Ok(());
        }
        let statement = match &self.open {
            Some(Open { unnamed: Some((text, statement)), .. }) => {
                (**text == **sql).then(|| Arc::clone(statement))
            }
            Some(_) => self.client.prepared(sql).filter(|one| execute::typed(one).is_ok()),
            None => None,
        };
        if let Some(statement) = statement.filter(|statement| !statement.changes_names()) {
            self.client.note_sent(&statement);
            return self.append(py, pipeline, queued, statement);
        }
        self.close_segment()?;
        self.opening = Some(Box::pin(open_segment(self.client.clone(), sql.clone_ref(py))));
        self.next = Some(queued);
        Ok(())
    }

    /// Continues when what had to end before the next statement has ended.
    fn note_opened(
        &mut self,
        py: Python<'_>,
        pipeline: &Pipeline,
        opened: Result<Opened>,
    ) -> Result<()> {
        match opened {
            Ok(Opened::Transaction(reply)) => self.begun = Some(reply),
            Ok(Opened::Segment(statement, reply)) => {
                let Some(queued) = self.next.take() else { return Ok(()) };
                let unnamed = statement.name().is_empty();
                let unnamed =
                    unnamed.then(|| (queued.call.sql.clone_ref(py), Arc::clone(&statement)));
                self.open = Some(Open { segment: Segment::new(reply), unnamed });
                return self.append(py, pipeline, queued, statement);
            }
            Err(error) if self.client.broken().is_some() => return Err(error),
            Err(error) => {
                let Some(queued) = self.next.take() else { return Err(error) };
                // Take the answers to the statements before it first: one of them may have failed.
                while self.take(py, pipeline)? {}
                pipeline.set_result(py, &queued.result, Err(error));
            }
        }
        Ok(())
    }

    /// Writes a statement into the open segment.
    fn append(
        &mut self,
        py: Python<'_>,
        pipeline: &Pipeline,
        queued: Queued,
        statement: Arc<Statement>,
    ) -> Result<()> {
        let before = self.buffer.len();
        if let Err(error) = bind(py, &statement, &queued, &mut self.buffer) {
            self.buffer.truncate(before);
            let error = forget_stale(&self.client, &queued.call.sql, &statement, error);
            pipeline.set_result(py, &queued.result, Err(error));
            return Ok(());
        }
        if self.is_limited {
            frontend::flush(&mut self.buffer);
        }
        let is_alone = self.transaction == Transaction::Each || statement.changes_names();
        if let Some(open) = &mut self.open {
            open.segment.push(queued, statement);
        }
        if is_alone {
            self.close_segment()
        } else if self.buffer.len() >= BLOCK_BYTES {
            self.flush_buffer()
        } else {
            Ok(())
        }
    }

    /// Ends the open segment, if there is one.
    fn close_segment(&mut self) -> Result<()> {
        self.flush_buffer()?;
        if let Some(Open { mut segment, .. }) = self.open.take() {
            segment.reply.sync();
            self.sent.push_back(segment);
        }
        Ok(())
    }

    /// Moves what is written to the send buffer, and sends it if that has a whole block.
    fn flush_buffer(&mut self) -> Result<()> {
        if let Some(open) = &mut self.open {
            open.segment.reply.send_more(|out| {
                out.extend_from_slice(&self.buffer);
                Ok(())
            })?;
            self.buffer.clear();
        }
        if self.client.unsent_bytes() >= BLOCK_BYTES {
            let _ = self.client.send_now();
            self.set_full(!self.client.has_sent_all());
        }
        Ok(())
    }

    fn set_full(&mut self, is_full: bool) {
        self.is_full = is_full;
        self.client.set_drain_waiter(is_full);
    }

    /// Takes the answers that have come; returns whether there were any.
    fn take(&mut self, py: Python<'_>, pipeline: &Pipeline) -> Result<bool> {
        let mut any = false;
        if let Some(begun) = &mut self.begun {
            let Some(arrived) = begun.try_next_chunk()? else { return Ok(false) };
            if let Some(error) = arrived.error {
                return Err(Error::Server(error));
            }
            if !arrived.ended {
                return Ok(true);
            }
            (self.begun, any) = (None, true);
        }
        while let Some(mut segment) = self.sent.pop_front() {
            let (some, ended) = segment.take(py, &self.client, pipeline)?;
            any |= some;
            if !ended {
                self.sent.push_front(segment);
                return Ok(any);
            }
            for queued in segment.unanswered() {
                let Some(failed) = pipeline.failed() else {
                    return Err(Error::Internal(
                        "the server sent fewer answers than there are statements".into(),
                    ));
                };
                pipeline.set_result(py, &queued.result, Err(not_run(failed)));
            }
        }
        if let Some(open) = &mut self.open {
            any |= open.segment.take(py, &self.client, pipeline)?.0;
        }
        Ok(any)
    }

    /// Does not send the rest of the queue, after a statement has failed.
    fn skip_all(&mut self, py: Python<'_>, pipeline: &Pipeline, failed: u64) {
        self.opening = None;
        while let Some(queued) = self.next.take().or_else(|| pipeline.pop()) {
            pipeline.set_result(py, &queued.result, Err(not_run(failed)));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.is_full {
            self.set_full(false);
        }
    }
}

/// The error of a statement that is not run, since one before it has failed.
pub(super) fn not_run(failed: u64) -> Error {
    Error::Server(Box::new(ServerError {
        sqlstate: IN_FAILED_TRANSACTION.into(),
        message: format!("not run or rolled back, since statement {failed} has failed"),
        ..ServerError::default()
    }))
}

async fn open_transaction(client: Client) -> Result<Opened> {
    client.send_script(render::BEGIN).await.map(Opened::Transaction)
}

async fn open_segment(client: Client, sql: PyBackedStr) -> Result<Opened> {
    let ready = execute::prepare(&client, &sql).await?;
    let (statement, reply) = ready.begin(&client).await?;
    Ok(Opened::Segment(statement, reply))
}

/// Writes the Bind and the Execute of a statement.
fn bind(py: Python<'_>, statement: &Statement, queued: &Queued, out: &mut BytesMut) -> Result<()> {
    let typed = execute::typed(statement)?;
    let values = tuple_items(py, &queued.call.params);
    typed.expect(values.len())?;
    StatementCodecs::cached(py, typed)?.bind(statement, "", &values, out)?;
    execute_all(out)
}
