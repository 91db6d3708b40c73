//! Reads a query's result as record batches, no further ahead than it is asked for.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use bytes::BytesMut;
use postgres_protocol::message::frontend;

use crate::copy::decode::{Decoder, ReadColumn, Tuples};
use crate::error::{Error, Result};
use crate::execute::{self, Typed};
use crate::session::pool::Hold;
use crate::session::{Backend, Client, Interrupt, Reply, Statement};
use crate::types::{Declared, OutOfRange, ReadAs};
use crate::wire::message::{Cells, Messages, tag};

/// How a result is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The most rows a batch may have.
    pub batch_rows: usize,
    /// The Arrow types asked for, by column.
    pub types: HashMap<String, DataType>,
    /// What becomes of values that do not fit.
    pub out_of_range: OutOfRange,
}

/// Rows are decoded so many at a time: their bytes are still in a core's cache.
const BLOCK_ROWS: usize = 512;
/// A batch is cut when the server has sent so many bytes for it.
const BATCH_BYTES: usize = 64 << 20;

/// How many rows are asked for before it is known how long they are.
const FIRST_ROWS: usize = 256;

/// A query, run when its first batch is asked for.
enum Query {
    /// The statement, and the Bind of its portal; in a transaction that one has a name.
    Bound(Arc<Statement>, Bound),
    Running(Running),
}

struct Running {
    reply: Reply,
    /// The portal, where it outlives a Sync: in a transaction, more of it can be asked for.
    portal: Option<String>,
    bytes: Vec<u8>,
    /// How far the bytes are read.
    at: usize,
    ended: bool,
    suspended: bool,
    /// The answer has an end of its own.
    complete: bool,
    rows_seen: usize,
    bytes_seen: usize,
}

/// A statement's Bind, and the portal that it makes.
pub struct Bound {
    /// The message.
    pub bind: BytesMut,
    /// The portal's name; `None` for the unnamed one, which ends with its statement.
    pub portal: Option<String>,
    /// A transaction was begun for it.
    pub own_transaction: bool,
    /// The text of the statement.
    pub sql: String,
}

/// A query whose result is read as it streams in.
pub struct Reading {
    /// The session, until the result has ended.
    session: Option<Hold>,
    query: Option<Query>,
    decoder: Decoder,
    columns: usize,
    batch_rows: usize,
    /// It runs in a transaction of its own, so that a pooler lets it keep its server.
    own_transaction: bool,
    /// The text of the statement: it may be one that writes.
    sql: String,
    /// The rows given so far.
    pub rows_read: u64,
    /// The bytes of values received so far.
    pub bytes_read: u64,
}

impl Reading {
    /// Makes ready to run a query, whose columns are known.
    ///
    /// # Errors
    /// A type asked for a column that is not there.
    pub fn begin(
        session: Hold,
        statement: Arc<Statement>,
        bound: Bound,
        options: &Options,
    ) -> Result<Self> {
        let typed = execute::typed(&statement)?;
        let (decoder, width) = (Decoder::new(&columns(typed, options)?), typed.columns.len());
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

    /// The server's process that has more rows, or may have.
    #[must_use]
    pub fn backend(&self) -> Option<Backend> {
        self.session.as_ref()?.get().ok()?.backend()
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// What the server says in the middle of its rows; a value that does not fit.
    pub fn next(&mut self, interrupt: &mut Interrupt<'_>) -> Result<Option<RecordBatch>> {
        let Some(session) = self.session.as_ref().map(Hold::get) else { return Ok(None) };
        let session = session?;
        let bulk = session.bulk(matches!(self.query, Some(Query::Running(_))))?;
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

    /// What interrupted the query when it had ended.
    fn too_late(&self, client: &Client, late: Error) -> Error {
        let is_committed = client.status() == b'I' && !client.surely_reads(&self.sql);
        if is_committed { Error::Committed(Box::new(late)) } else { late }
    }

    /// The error that ended the query, with what became of the query, where that was a transaction of
    /// its own and may have written.
    fn with_outcome(&mut self, client: &Client, error: Error) -> Error {
        let Some(Query::Running(running)) = &mut self.query else { return error };
        let is_alone = running.portal.is_none() && !self.own_transaction;
        if !is_alone || client.surely_reads(&self.sql) {
            return error;
        }
        if !matches!(error, Error::Interrupted | Error::Source(_)) {
            return client.answer_lost(&self.sql, error);
        }
        // It was cancelled, and has been heard of.
        match running.reply.already() {
            Ok(rest) if rest.error.is_some() => error,
            Ok(rest) if running.ended || rest.ended => Error::Committed(Box::new(error)),
            _ => Error::OutcomeUnknown(Box::new(error)),
        }
    }

    /// Gathers the rows of a batch; tells whether they were the last.
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
            let room = self.batch_rows - self.decoder.rows();
            bytes += running.decode(&mut self.decoder, self.columns, room)?;
            let full = self.decoder.rows() >= self.batch_rows || bytes >= BATCH_BYTES;
            if running.is_over() && !running.complete {
                return Err(Error::Internal("an answer without an end".into()));
            }
            if full || running.is_over() {
                self.bytes_read += bytes as u64;
                return Ok(!full);
            }
            let room = self.batch_rows - self.decoder.rows();
            running.go_on(client, room).await?;
        }
    }

    /// Gives the session back; a result that was not read to its end is cancelled. In a transaction,
    /// which a cancellation would end, the portal is closed instead.
    pub fn close(&mut self) {
        let running = self.query.take();
        let hold = self.session.take();
        let Some(Ok(session)) = hold.as_ref().map(Hold::get) else { return };
        match running {
            running if self.own_transaction => {
                drop(running);
                session.rollback();
            }
            Some(Query::Running(Running { portal: Some(portal), reply, .. })) => {
                // Nothing is waited for: who has the transaction may ask the next thing already.
                drop(reply);
                session.client().leave_portal(portal);
            }
            // Nothing of it was sent.
            None | Some(Query::Bound(..)) => {}
            running @ Some(Query::Running(_)) => {
                drop(running);
                session.stop();
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.close();
    }
}

/// The name of a portal to read from: in a transaction one that outlives its statement, so that
/// others may come between.
#[must_use]
pub fn portal(client: &Client) -> Option<String> {
    (client.status() == b'T').then(|| client.new_name("portal"))
}

impl Running {
    async fn start(client: &Client, bound: Bound, batch_rows: usize) -> Result<Self> {
        let Bound { bind, portal, .. } = bound;
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
            at: 0,
            ended: false,
            suspended: false,
            complete: false,
            rows_seen: 0,
            bytes_seen: 0,
        })
    }

    /// How many rows to ask for: no more than the batch has room for, in rows and in bytes. What is
    /// asked for and not read would have to be kept when something else is asked meanwhile.
    fn rows_to_ask(&self, room: usize) -> usize {
        let row_bytes = self.bytes_seen / self.rows_seen.max(1);
        room.min(BATCH_BYTES / row_bytes.max(1)).max(1)
    }

    fn is_over(&self) -> bool {
        self.ended && !self.suspended && self.at >= self.bytes.len()
    }

    /// Waits for more rows, and asks for them where they are given on request.
    async fn go_on(&mut self, client: &Client, room: usize) -> Result<()> {
        if self.ended && self.suspended {
            let (portal, rows) = (self.portal.clone(), self.rows_to_ask(room));
            let ask = |out: &mut BytesMut| execute(portal.as_deref(), rows, out);
            self.reply = client.send(ask).await?;
            (self.ended, self.suspended, self.complete) = (false, false, false);
        }
        self.reply.reuse(std::mem::take(&mut self.bytes));
        let arrived = self.reply.some().await?;
        (self.bytes, self.at, self.ended) = (arrived.bytes, 0, arrived.ended);
        Ok(())
    }

    /// Decodes the rows at hand, `room` at the most; gives back how many bytes they had.
    fn decode(&mut self, decoder: &mut Decoder, columns: usize, room: usize) -> Result<usize> {
        let before = decoder.rows();
        let mut bytes = 0;
        let mut messages = Messages(self.bytes.get(self.at..).unwrap_or_default());
        loop {
            let left = room - (decoder.rows() - before);
            let mut block = Block::new(columns, left.min(BLOCK_ROWS));
            while block.rows < left.min(BLOCK_ROWS) {
                let Some(message) = messages.next() else { break };
                match message.tag {
                    tag::ROW => {
                        bytes += message.body.len();
                        block.push(message.body)?;
                    }
                    tag::SUSPENDED if self.portal.is_some() => {
                        (self.suspended, self.complete) = (true, true);
                    }
                    tag::SUSPENDED | tag::COLUMNS => {
                        return Err(Error::Internal("an answer that makes no sense".into()));
                    }
                    tag::COMPLETE | tag::EMPTY => self.complete = true,
                    tag::COPY_IN | tag::COPY_OUT => return Err(not_a_query()),
                    _ => {}
                }
            }
            if block.rows == 0 {
                break;
            }
            decoder.extend(&block)?;
        }
        self.at = self.bytes.len() - messages.0.len();
        self.rows_seen += decoder.rows() - before;
        self.bytes_seen += bytes;
        Ok(bytes)
    }
}

fn execute(portal: Option<&str>, batch_rows: usize, out: &mut BytesMut) -> Result<()> {
    let most = i32::try_from(batch_rows).unwrap_or(0);
    Ok(frontend::execute(portal.unwrap_or(""), if portal.is_some() { most } else { 0 }, out)?)
}

fn not_a_query() -> Error {
    Error::Programming("a COPY cannot be read; pass a query or a table's name".into())
}

/// Rows as they came, cut into cells.
struct Block<'a> {
    cells: Vec<Option<&'a [u8]>>,
    columns: usize,
    rows: usize,
}

impl<'a> Block<'a> {
    fn new(columns: usize, rows: usize) -> Self {
        Self { cells: Vec::with_capacity(columns * rows), columns, rows: 0 }
    }

    fn push(&mut self, body: &'a [u8]) -> Result<()> {
        let mut cells = Cells::new(body, self.columns)?;
        for _ in 0..self.columns {
            self.cells.push(cells.cell()?);
        }
        cells.end()?;
        self.rows += 1;
        Ok(())
    }
}

impl Tuples for Block<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()> {
        cells.extend(self.cells.iter().skip(column).step_by(self.columns));
        Ok(())
    }
}

fn columns(typed: &Typed, options: &Options) -> Result<Vec<ReadColumn>> {
    let described = &typed.columns;
    let stray =
        options.types.keys().find(|asked| !described.iter().any(|(name, _)| name == *asked));
    if let Some(name) = stray {
        return Err(Error::Programming(format!(
            "types= names column \"{name}\", which the result does not have"
        )));
    }
    let column = |(name, declared): &(String, Declared)| ReadColumn {
        name: name.clone(),
        declared: declared.clone(),
        read_as: ReadAs {
            out_of_range: options.out_of_range,
            asked: options.types.get(name).cloned(),
        },
    };
    Ok(described.iter().map(column).collect())
}
