//! Reads a query's result as record batches, no further ahead than it is asked for.

use std::collections::HashMap;
use std::pin::Pin;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use futures_util::{Stream, StreamExt};
use postgres_types::{FromSql, Type};
use tokio_postgres::{Row, RowStream};

use crate::copy::decode::{Decoder, ReadColumn, Tuples};
use crate::error::{Error, Result};
use crate::execute::{Statement, Value};
use crate::session::Interrupt;
use crate::session::pool::Pooled;
use crate::types::{Declared, OutOfRange, ReadAs};

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

/// A query, run when its first batch is asked for.
enum Query {
    Prepared(Statement, Vec<Value>),
    Running(Pin<Box<RowStream>>),
}

/// A query whose result is read as it streams in.
pub struct Reading {
    /// The session, until the result has ended.
    session: Option<Pooled>,
    query: Query,
    decoder: Decoder,
    batch_rows: usize,
    /// The rows given so far.
    pub rows_read: u64,
    /// The bytes of values received so far.
    pub bytes_read: u64,
}

impl Reading {
    /// Makes ready to run a query, whose columns are known.
    ///
    /// # Errors
    /// A column of an unknown type; a type asked for a column that is not there.
    pub fn begin(
        session: Pooled,
        statement: Statement,
        values: Vec<Value>,
        options: &Options,
    ) -> Result<Self> {
        let decoder = Decoder::new(&columns(&statement, options)?)?;
        Ok(Self {
            session: Some(session),
            query: Query::Prepared(statement, values),
            decoder,
            batch_rows: options.batch_rows.max(1),
            rows_read: 0,
            bytes_read: 0,
        })
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.decoder.schema()
    }

    /// The next batch; `None` at the end.
    ///
    /// # Errors
    /// What the server says in the middle of its rows; a value that does not fit.
    pub fn next(&mut self, interrupt: &mut Interrupt<'_>) -> Result<Option<RecordBatch>> {
        let Some(session) = &mut self.session else { return Ok(None) };
        let (query, decoder) = (&mut self.query, &mut self.decoder);
        let (batch_rows, total) = (self.batch_rows, &mut self.bytes_read);
        let fill = session.run(interrupt, async |client| {
            if let Query::Prepared(statement, values) = query {
                let rows = client.query_raw(statement.prepared(), values.iter()).await?;
                *query = Query::Running(Box::pin(rows));
            }
            match query {
                Query::Running(rows) => fill(rows.as_mut(), decoder, batch_rows, total).await,
                Query::Prepared(..) => Ok(Filled::All),
            }
        });
        match fill {
            Ok(Filled::More) => {}
            Ok(Filled::All) => self.session = None,
            Err(error) => {
                self.close();
                return Err(error);
            }
        }
        let ended = self.session.is_none();
        if ended && self.decoder.rows() == 0 {
            return Ok(None);
        }
        self.rows_read += self.decoder.rows() as u64;
        self.decoder.finish().map(Some).inspect_err(|_| self.close())
    }

    /// Gives the session back; a result that was not read to its end is cancelled.
    pub fn close(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        if session.is_broken() {
            return;
        }
        let Query::Running(rows) = &mut self.query else { return };
        // An interrupt at the first look sends the cancellation, then the rest is drained.
        let _ = session.run(&mut || Err(Error::Interrupted), async |_| {
            while let Some(row) = rows.next().await {
                row?;
            }
            Ok(())
        });
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.close();
    }
}

enum Filled {
    /// A batch is full, and there may be more.
    More,
    /// The result has ended.
    All,
}

async fn fill(
    mut rows: Pin<&mut RowStream>,
    decoder: &mut Decoder,
    batch_rows: usize,
    total: &mut u64,
) -> Result<Filled> {
    let mut block = Block(Vec::with_capacity(BLOCK_ROWS));
    let mut bytes = 0;
    loop {
        let room = batch_rows - decoder.rows();
        let row = next(rows.as_mut()).await?;
        let ended = row.is_none();
        if let Some(row) = row {
            bytes += row.raw_size_bytes();
            block.0.push(row);
        }
        if ended || block.0.len() >= BLOCK_ROWS.min(room) || bytes >= BATCH_BYTES {
            decoder.extend(&block)?;
            block.0.clear();
        }
        if ended {
            *total += bytes as u64;
            return Ok(Filled::All);
        }
        if decoder.rows() >= batch_rows || bytes >= BATCH_BYTES {
            *total += bytes as u64;
            return Ok(Filled::More);
        }
    }
}

async fn next(mut rows: Pin<&mut RowStream>) -> Result<Option<Row>> {
    std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await.transpose().map_err(Error::from)
}

/// Rows as they came.
struct Block(Vec<Row>);

struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl Tuples for Block {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn column<'a>(&'a self, column: usize, cells: &mut Vec<Option<&'a [u8]>>) -> Result<()> {
        for row in &self.0 {
            let cell: Option<Raw<'a>> = row.try_get(column)?;
            cells.push(cell.map(|raw| raw.0));
        }
        Ok(())
    }
}

fn columns(statement: &Statement, options: &Options) -> Result<Vec<ReadColumn>> {
    let described = statement.columns();
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
