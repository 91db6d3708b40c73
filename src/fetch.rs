//! Reads a query's result as record batches, without reading ahead of the caller.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::BytesMut;
use postgres_protocol::message::frontend;

pub use crate::copy::decode::Options;
use crate::copy::decode::{BATCH_BYTES, BLOCK_ROWS, Block, Decoder, read_columns};
use crate::error::{Error, Result};
use crate::execute;
use crate::session::pool::SessionRef;
use crate::session::{Backend, Client, Interrupt, Reply, Statement};
use crate::wire::message::{Cells, Messages, tag};

/// The rows of the first Execute, before the length of rows is known.
const FIRST_ROWS: usize = 256;

/// A query, which runs when its first batch is read.
enum Query {
    /// Not started: the statement and its Bind message.
    Bound(Arc<Statement>, BoundQuery),
    Running(Running),
}

struct Running {
    reply: Reply,
    /// The named portal, in a transaction: it outlives Sync, so that more rows can be requested.
    portal: Option<String>,
    bytes: Vec<u8>,
    /// The read position in `bytes`.
    position: usize,
    ended: bool,
    suspended: bool,
    /// The response has ended with `CommandComplete` or `PortalSuspended`.
    complete: bool,
    rows_seen: usize,
    bytes_seen: usize,
}

/// A statement's Bind message, and the portal that it creates.
pub struct BoundQuery {
    /// The Bind message.
    pub bind: BytesMut,
    /// The portal's name; `None` for the unnamed portal, which ends with Sync.
    pub portal: Option<String>,
    /// Whether a transaction was begun for it.
    pub own_transaction: bool,
    /// The text of the statement, which may write.
    pub sql: String,
}

/// A query whose result is streamed.
pub struct Reading {
    /// The session, until the result has ended.
    session: Option<SessionRef>,
    query: Option<Query>,
    decoder: Decoder,
    columns: usize,
    batch_rows: usize,
    /// Whether it runs in its own transaction, so that a pooler (PgBouncer) keeps its server
    /// connection.
    own_transaction: bool,
    /// The text of the statement, which may write.
    sql: String,
    /// The rows returned so far.
    pub rows_read: u64,
    /// The bytes of values received so far.
    pub bytes_read: u64,
}

impl Reading {
    /// Prepares to run a described query.
    ///
    /// # Errors
    /// When a type is requested for a column that the result does not have.
    pub fn begin(
        session: SessionRef,
        statement: Arc<Statement>,
        bound: BoundQuery,
        options: &Options,
    ) -> Result<Self> {
        let typed = execute::typed(&statement)?;
        let (decoder, width) =
            (Decoder::new(&read_columns(&typed.columns, options)?), typed.columns.len());
        let (own_transaction, sql) = (bound.own_transaction, bound.sql.clone());
        Ok(Self {
            session: Some(session),
            query: Some(Query::Bound(statement, bound)),
            decoder,
            columns: width,
            batch_rows: options.batch_rows.max(1),
            own_transaction,
            sql,
            rows_read: 0,
            bytes_read: 0,
        })
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.decoder.schema()
    }

    /// The server process that may have more rows.
    #[must_use]
    pub fn backend(&self) -> Option<Backend> {
        self.session.as_ref()?.get().ok()?.backend()
    }

    /// The next batch; `None` position the end.
    ///
    /// # Errors
    /// When the server reports an error, or a value does not fit.
    pub fn next(&mut self, interrupt: &mut Interrupt<'_>) -> Result<Option<RecordBatch>> {
        let Some(session) = self.session.as_ref().map(SessionRef::get) else { return Ok(None) };
        let session = session?;
        let bulk = session.exclusive(matches!(self.query, Some(Query::Running(_))))?;
        let filled = session.run(interrupt, async |client| self.fill(client).await);
        drop(bulk);
        let ended = match filled {
            Ok(ended) => ended,
            Err(error) => {
                let error = self.with_outcome(session.client(), error);
                self.close();
                return Err(error);
            }
        };
        if ended {
            self.query = None;
            self.session = None;
            let late = if self.own_transaction { session.commit(interrupt)? } else { None };
            if let Some(late) = late.or_else(|| interrupt().err()) {
                return Err(self.too_late(session.client(), late));
            }
        }
        if ended && self.decoder.rows() == 0 {
            return Ok(None);
        }
        self.rows_read += self.decoder.rows() as u64;
        self.decoder.finish().map(Some).inspect_err(|_| self.close())
    }

    /// The error of an interrupt after the query had ended.
    fn too_late(&self, client: &Client, late: Error) -> Error {
        let is_committed = client.status() == b'I' && !client.is_read_only(&self.sql);
        if is_committed { Error::Committed(Box::new(late)) } else { late }
    }

    /// Adds the transaction's outcome to the error that ended the query, if the query was its own
    /// transaction and may have written.
    fn with_outcome(&mut self, client: &Client, error: Error) -> Error {
        let Some(Query::Running(running)) = &mut self.query else { return error };
        let is_alone = running.portal.is_none() && !self.own_transaction;
        if !is_alone || client.is_read_only(&self.sql) {
            return error;
        }
        if !matches!(error, Error::Interrupted | Error::Source(_)) {
            return client.answer_lost(&self.sql, error);
        }
        // It was cancelled, and its response has arrived.
        match running.reply.take_received() {
            Ok(rest) if rest.error.is_some() => error,
            Ok(rest) if running.ended || rest.ended => Error::Committed(Box::new(error)),
            _ => Error::OutcomeUnknown(Box::new(error)),
        }
    }

    /// Decodes the rows of a batch; returns whether they were the last.
    async fn fill(&mut self, client: &Client) -> Result<bool> {
        if let Some(Query::Bound(..)) = self.query
            && let Some(Query::Bound(statement, bound)) = self.query.take()
        {
            let running = Running::start(client, bound, self.batch_rows).await?;
            drop(statement);
            self.query = Some(Query::Running(running));
        }
        let Some(Query::Running(running)) = &mut self.query else { return Ok(true) };
        let mut bytes = 0;
        loop {
            let max_rows = self.batch_rows - self.decoder.rows();
            bytes += running.decode(&mut self.decoder, self.columns, max_rows)?;
            let full = self.decoder.rows() >= self.batch_rows || bytes >= BATCH_BYTES;
            if running.is_finished() && !running.complete {
                return Err(Error::Internal("a response that ends without CommandComplete".into()));
            }
            if full || running.is_finished() {
                self.bytes_read += bytes as u64;
                return Ok(!full);
            }
            let max_rows = self.batch_rows - self.decoder.rows();
            running.receive_more(client, max_rows).await?;
        }
    }

    /// Returns the session. A query that was not read to its end is cancelled; in a transaction,
    /// which a cancellation would fail, its portal is closed instead.
    pub fn close(&mut self) {
        let running = self.query.take();
        let session = self.session.take();
        let Some(Ok(session)) = session.as_ref().map(SessionRef::get) else { return };
        match running {
            running if self.own_transaction => {
                drop(running);
                session.rollback();
            }
            Some(Query::Running(Running { portal: Some(portal), reply, .. })) => {
                // Without waiting: the owner of the transaction may already send its next
                // statement.
                drop(reply);
                session.client().close_portal_later(portal);
            }
            // Nothing was sent.
            None | Some(Query::Bound(..)) => {}
            running @ Some(Query::Running(_)) => {
                drop(running);
                session.cancel_and_drain();
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.close();
    }
}

/// The name for a new portal: in a transaction a named one, so that other statements may run
/// between its Executes; else `None`.
#[must_use]
pub fn portal(client: &Client) -> Option<String> {
    (client.status() == b'T').then(|| client.new_name("portal"))
}

impl Running {
    async fn start(client: &Client, bound: BoundQuery, batch_rows: usize) -> Result<Self> {
        let BoundQuery { bind, portal, .. } = bound;
        let reply = client
            .send(|out| {
                out.extend_from_slice(&bind);
                execute(portal.as_deref(), batch_rows.min(FIRST_ROWS), out)
            })
            .await?;
        Ok(Self {
            reply,
            portal,
            bytes: Vec::new(),
            position: 0,
            ended: false,
            suspended: false,
            complete: false,
            rows_seen: 0,
            bytes_seen: 0,
        })
    }

    /// The rows of the next Execute: as many as the batch can still take, in rows and bytes. Rows
    /// that are requested but not read would have to be buffered if another statement runs
    /// meanwhile.
    fn rows_to_request(&self, max_rows: usize) -> usize {
        let row_bytes = self.bytes_seen / self.rows_seen.max(1);
        max_rows.min(BATCH_BYTES / row_bytes.max(1)).max(1)
    }

    fn is_finished(&self) -> bool {
        self.ended && !self.suspended && self.position >= self.bytes.len()
    }

    /// Waits for more rows; sends another Execute if the portal is suspended.
    async fn receive_more(&mut self, client: &Client, max_rows: usize) -> Result<()> {
        if self.ended && self.suspended {
            let (portal, rows) = (self.portal.clone(), self.rows_to_request(max_rows));
            let ask = |out: &mut BytesMut| execute(portal.as_deref(), rows, out);
            self.reply = client.send(ask).await?;
            (self.ended, self.suspended, self.complete) = (false, false, false);
        }
        self.reply.recycle(std::mem::take(&mut self.bytes));
        let arrived = self.reply.next_chunk().await?;
        (self.bytes, self.position, self.ended) = (arrived.bytes, 0, arrived.ended);
        Ok(())
    }

    /// Decodes up to `max_rows` of the received rows; returns their bytes.
    fn decode(&mut self, decoder: &mut Decoder, columns: usize, max_rows: usize) -> Result<usize> {
        let before = decoder.rows();
        let mut bytes = 0;
        let mut messages = Messages(self.bytes.get(self.position..).unwrap_or_default());
        loop {
            let left = max_rows - (decoder.rows() - before);
            let mut block = Block::new(columns, left.min(BLOCK_ROWS));
            while block.rows < left.min(BLOCK_ROWS) {
                let Some(message) = messages.next() else { break };
                match message.tag {
                    tag::ROW => {
                        bytes += message.body.len();
                        push(&mut block, message.body)?;
                    }
                    tag::SUSPENDED if self.portal.is_some() => {
                        (self.suspended, self.complete) = (true, true);
                    }
                    tag::SUSPENDED | tag::COLUMNS => {
                        return Err(Error::Internal(
                            "an unexpected message in a query's response".into(),
                        ));
                    }
                    tag::COMPLETE | tag::EMPTY => self.complete = true,
                    tag::COPY_IN | tag::COPY_OUT => return Err(copy_refused()),
                    _ => {}
                }
            }
            if block.rows == 0 {
                break;
            }
            decoder.extend(&block)?;
        }
        self.position = self.bytes.len() - messages.0.len();
        self.rows_seen += decoder.rows() - before;
        self.bytes_seen += bytes;
        Ok(bytes)
    }
}

fn execute(portal: Option<&str>, batch_rows: usize, out: &mut BytesMut) -> Result<()> {
    let most = i32::try_from(batch_rows).unwrap_or(0);
    Ok(frontend::execute(portal.unwrap_or(""), if portal.is_some() { most } else { 0 }, out)?)
}

fn copy_refused() -> Error {
    Error::Programming("a COPY cannot be read; pass a query or a table's name".into())
}

/// Appends the cells of a row to a block.
fn push<'a>(block: &mut Block<'a>, body: &'a [u8]) -> Result<()> {
    let mut cells = Cells::new(body, block.columns)?;
    for _ in 0..block.columns {
        block.cells.push(cells.cell()?);
    }
    cells.end()?;
    block.rows += 1;
    Ok(())
}
