//! Decodes the bytes of a binary COPY to record batches.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::Column;
use crate::copy::decode::{BATCH_BYTES, BLOCK_ROWS, Block, Decoder, Options, read_columns};
use crate::error::{Error, Result, ValueError};
use crate::types::ColumnType;
use crate::wire::Malformed;
use crate::wire::copy_rows::CopyRows;

/// A long chunk is copied in pieces of this size, so that it is not in memory twice.
const PIECE_BYTES: usize = 256 << 10;

/// The record batches of a binary COPY, decoded from chunks of bytes one by one.
pub struct DecodedBatches<I, C> {
    /// `None` at the end, and after an error.
    chunks: Option<I>,
    /// The last chunk, and the number of its bytes that were used.
    chunk: Option<(C, usize)>,
    rows: CopyRows,
    columns: usize,
    decoder: Decoder,
    batch_rows: usize,
    rows_read: u64,
}

/// Decodes the chunks of a binary COPY, which may be cut anywhere. The columns are those of the
/// COPY, in its order.
///
/// Memory holds a batch, a chunk, and a row that the chunk cuts. After an error there are no more
/// batches.
///
/// # Errors
/// When a type is requested for a column that does not exist.
pub fn decode<I, C>(
    columns: &[Column],
    options: &Options,
    chunks: I,
) -> Result<DecodedBatches<I, C>>
where
    I: Iterator<Item = Result<C>>,
    C: AsRef<[u8]>,
{
    let described = columns.iter().map(|column| (column.name.clone(), column.declared.clone()));
    let described: Vec<(String, ColumnType)> = described.collect();
    Ok(DecodedBatches {
        chunks: Some(chunks),
        chunk: None,
        rows: CopyRows::new(columns.len()),
        columns: columns.len(),
        decoder: Decoder::new(&read_columns(&described, options)?),
        batch_rows: options.batch_rows.max(1),
        rows_read: 0,
    })
}

impl<I, C> DecodedBatches<I, C> {
    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.decoder.schema()
    }
}

impl<I, C> DecodedBatches<I, C>
where
    I: Iterator<Item = Result<C>>,
    C: AsRef<[u8]>,
{
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.chunks.is_none() {
            return Ok(None);
        }
        let mut bytes = 0;
        while self.chunks.is_some() && self.decoder.rows() < self.batch_rows && bytes < BATCH_BYTES
        {
            let row = self.rows_read + self.decoder.rows() as u64;
            let max_rows = (self.batch_rows - self.decoder.rows()).min(BLOCK_ROWS);
            // A row has a count of its columns and a length for each.
            let arrived_rows = self.rows.waiting() / (2 + 4 * self.columns);
            let mut block = Block::new(self.columns, max_rows.min(arrived_rows));
            let taken = self.rows.take(max_rows, &mut block.cells);
            let (rows, taken_bytes) = taken.map_err(|what| malformed(row, what))?;
            if rows > 0 {
                (block.rows, bytes) = (rows, bytes + taken_bytes);
                self.decoder.extend(&block)?;
            } else if !self.receive()? {
                self.rows.finish().map_err(|what| malformed(row, what))?;
                self.chunks = None;
            }
        }
        let rows = self.decoder.rows() as u64;
        if rows == 0 {
            return Ok(None);
        }
        let first = self.rows_read;
        self.rows_read += rows;
        self.decoder.finish().map(Some).map_err(|error| match error {
            Error::Internal(what) => not_text(first, rows, &what),
            error => error,
        })
    }

    /// Appends the next bytes to those that wait; returns whether there were any.
    fn receive(&mut self) -> Result<bool> {
        loop {
            if let Some((chunk, used)) = &mut self.chunk {
                let rest = chunk.as_ref().get(*used..).unwrap_or_default();
                let piece = rest.get(..PIECE_BYTES).unwrap_or(rest);
                if !piece.is_empty() {
                    self.rows.push(piece);
                    *used += piece.len();
                    return Ok(true);
                }
            }
            match self.chunks.as_mut().and_then(Iterator::next) {
                None => return Ok(false),
                Some(chunk) => self.chunk = Some((chunk?, 0)),
            }
        }
    }
}

impl<I, C> Iterator for DecodedBatches<I, C>
where
    I: Iterator<Item = Result<C>>,
    C: AsRef<[u8]>,
{
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.next_batch();
        if batch.is_err() {
            (self.chunks, self.chunk) = (None, None);
        }
        batch.transpose()
    }
}

fn malformed(row: u64, what: Malformed) -> Error {
    let (row, message) = (Some(row), what.0);
    Error::Value(Box::new(ValueError { row, message, ..ValueError::default() }))
}

/// The error of a batch whose text is not UTF-8.
fn not_text(first: u64, rows: u64, what: &str) -> Error {
    let last = first + rows - 1;
    let message = format!(
        "text that is not UTF-8 in one of the rows to {last}; set client_encoding to UTF8 ({what})"
    );
    Error::Value(Box::new(ValueError { row: Some(first), message, ..ValueError::default() }))
}
