//! Encodes record batches to the bytes of a binary COPY, in chunks of bounded size.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bytes::Bytes;

use super::Column;
use crate::copy::plan::{Plan, Target, TargetColumn};
use crate::copy::problems::Problems;
use crate::copy::size::bytes_of_rows;
use crate::error::{Error, Result};
use crate::wire::copy::{HEADER, TRAILER};

/// The largest chunk. A longer row is divided: the chunks of a COPY need not end with a row.
const CHUNK_BYTES: usize = 256 << 10;
/// The most rows that are encoded together.
const BLOCK_ROWS: usize = 1024;
/// `MaxHeapAttributeNumber` of `src/include/access/htup_details.h`.
const MAX_COLUMNS: usize = 1600;

/// Encodes batches of rows, one after another.
///
/// Push a batch, take its chunks by [`Self::next`] until there are no more, push the next one, and
/// end with [`Self::finish`]. [`encode`] does so with an iterator.
pub struct Encoder {
    /// `None` for data without columns, which has no rows either.
    plan: Option<Plan>,
    /// The batch, and the number of its rows that were encoded.
    batch: Option<(RecordBatch, usize)>,
    /// The number of rows of earlier batches.
    first_row: u64,
    /// Encoded bytes, too few for a chunk.
    buffer: Vec<u8>,
    chunks: VecDeque<Bytes>,
    /// The bytes of the last rows, each.
    row_bytes: usize,
}

/// The target that stands for columns of a COPY.
///
/// # Errors
/// When there are no columns or too many, or two of them have one name.
pub fn target(columns: &[Column]) -> Result<Target> {
    let mut problems = Problems::default();
    if columns.is_empty() || columns.len() > MAX_COLUMNS {
        problems.push(|| format!("expected 1 to {MAX_COLUMNS} columns, got {}", columns.len()));
    }
    let mut names: Vec<_> = columns.iter().map(|column| &column.name).collect();
    names.sort();
    for pair in names.windows(2) {
        if let [first, second] = pair
            && first == second
        {
            problems.push(|| format!("column \"{first}\" appears twice"));
        }
    }
    if !problems.is_empty() {
        return Err(Error::Interface(problems.to_string()));
    }
    let column = |column: &Column| TargetColumn {
        name: column.name.clone(),
        declared: column.declared.clone(),
        required: true,
        generated: false,
        identity_always: false,
    };
    Ok(Target { table: String::new(), columns: columns.iter().map(column).collect() })
}

impl Encoder {
    /// An encoder of batches with this schema, whose columns are found by name.
    ///
    /// # Errors
    /// A single error that lists all columns that are missing, unknown or of a type that does not
    /// fit.
    pub fn new(columns: &[Column], schema: &Schema) -> Result<Self> {
        let target = target(columns)?;
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let plan =
            if names.is_empty() { None } else { Some(target.plan_in_order(schema, &names)?) };
        Ok(Self {
            plan,
            batch: None,
            first_row: 0,
            buffer: HEADER.to_vec(),
            chunks: VecDeque::new(),
            row_bytes: 256,
        })
    }

    /// Takes the next batch. The chunks of the one before must have been taken.
    ///
    /// # Errors
    /// When the batch has rows, but no columns.
    pub fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if self.plan.is_none() && batch.num_rows() > 0 {
            return Err(Error::Programming("the data has rows but no columns".into()));
        }
        self.batch = Some((batch, 0));
        Ok(())
    }

    /// The next chunk; `None` if another batch is needed.
    ///
    /// # Errors
    /// When a type cannot hold a value exactly; the error has the column and row.
    #[expect(clippy::should_implement_trait, reason = "it continues after a None")]
    pub fn next(&mut self) -> Result<Option<Bytes>> {
        while self.chunks.is_empty() && self.encode_block()? {
            if self.buffer.len() >= CHUNK_BYTES {
                self.cut();
            }
        }
        Ok(self.chunks.pop_front())
    }

    /// The last chunks, which end with the trailer.
    #[must_use]
    pub fn finish(mut self) -> VecDeque<Bytes> {
        self.buffer.extend(TRAILER);
        self.cut();
        self.chunks
    }

    /// Moves the encoded bytes to the chunks.
    fn cut(&mut self) {
        let mut bytes = Bytes::from(std::mem::take(&mut self.buffer));
        while bytes.len() > CHUNK_BYTES {
            self.chunks.push_back(bytes.split_to(CHUNK_BYTES));
        }
        self.chunks.push_back(bytes);
    }

    /// Encodes the next rows of the batch; returns whether there were any.
    fn encode_block(&mut self) -> Result<bool> {
        let (Some((batch, done)), Some(plan)) = (&mut self.batch, &self.plan) else {
            return Ok(false);
        };
        let left = batch.num_rows() - *done;
        if left == 0 {
            self.first_row += batch.num_rows() as u64;
            self.batch = None;
            return Ok(false);
        }
        let mut count = left.min(BLOCK_ROWS).min((CHUNK_BYTES / self.row_bytes).max(1));
        // These rows may be longer than the last ones.
        while count > 1 && bytes_of_rows(&batch.slice(*done, count)) > CHUNK_BYTES {
            count /= 2;
        }
        let before = self.buffer.len();
        plan.encode(&batch.slice(*done, count), self.first_row + *done as u64, &mut self.buffer)?;
        self.row_bytes = ((self.buffer.len() - before) / count).max(1);
        *done += count;
        Ok(true)
    }
}

/// The chunks of a binary COPY, encoded from batches one by one.
pub struct EncodedChunks<I> {
    encoder: Option<Encoder>,
    batches: I,
    /// The chunks behind the last batch.
    last: VecDeque<Bytes>,
}

/// Encodes batches with this schema as the rows of a binary COPY with these columns.
///
/// The columns of the batches are found by name; the order of `columns` is that of the COPY.
/// Chunks have at most 256 KiB. After an error there are no more of them: the COPY must not be
/// completed.
///
/// # Errors
/// A single error that lists all columns that are missing, unknown or of a type that does not fit.
pub fn encode<I>(columns: &[Column], schema: &Schema, batches: I) -> Result<EncodedChunks<I>>
where
    I: Iterator<Item = Result<RecordBatch>>,
{
    let encoder = Some(Encoder::new(columns, schema)?);
    Ok(EncodedChunks { encoder, batches, last: VecDeque::new() })
}

impl<I: Iterator<Item = Result<RecordBatch>>> EncodedChunks<I> {
    fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        while let Some(encoder) = &mut self.encoder {
            if let Some(chunk) = encoder.next()? {
                return Ok(Some(chunk));
            }
            match self.batches.next() {
                Some(batch) => encoder.push(batch?)?,
                None => self.last = self.encoder.take().map(Encoder::finish).unwrap_or_default(),
            }
        }
        Ok(self.last.pop_front())
    }
}

impl<I: Iterator<Item = Result<RecordBatch>>> Iterator for EncodedChunks<I> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.next_chunk();
        if chunk.is_err() {
            self.encoder = None;
        }
        chunk.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BinaryArray, Int64Array};

    use super::*;
    use crate::wire::copy::tuples;

    fn columns(number: &str) -> [Column; 2] {
        [Column::new("b", "bytea").unwrap(), Column::new("n", number).unwrap()]
    }

    /// Rows of which each has a longer value than the one before; the columns are in another order.
    fn batch(rows: i64, step: usize) -> RecordBatch {
        let numbers: Int64Array = (0..rows).collect();
        let lengths = (0..rows).map(|n| vec![b'x'; usize::try_from(n).unwrap() * step]);
        let bytes = BinaryArray::from_iter_values(lengths);
        RecordBatch::try_from_iter([("n", Arc::new(numbers) as _), ("b", Arc::new(bytes) as _)])
            .unwrap()
    }

    #[test]
    fn test_chunks_are_bounded_and_hold_all_rows_in_order() {
        for (rows, step) in [(0, 0), (1, 0), (5_000, 1), (3, 700_000)] {
            let batches = [batch(rows, step), batch(rows, step)];
            let schema = batches[0].schema();
            let chunks = encode(&columns("int8"), &schema, batches.into_iter().map(Ok)).unwrap();
            let chunks: Vec<Bytes> = chunks.map(Result::unwrap).collect();
            assert!(chunks.iter().all(|chunk| (1..=CHUNK_BYTES).contains(&chunk.len())));
            let bytes = chunks.concat();
            assert!(chunks.len() <= 3 + bytes.len() / (CHUNK_BYTES / 3), "{} chunks", chunks.len());
            let found = tuples(&bytes).unwrap();
            assert_eq!(found.len(), usize::try_from(rows).unwrap() * 2);
            for (index, row) in found.iter().enumerate() {
                let n = i64::try_from(index).unwrap() % rows;
                assert_eq!(row[0].unwrap().len(), usize::try_from(n).unwrap() * step);
                assert_eq!(row[1], Some(&n.to_be_bytes()[..]));
            }
        }
    }

    #[test]
    fn test_error_names_the_row_of_the_input_and_ends_the_chunks() {
        let batches = [batch(20_000, 0), batch(40_000, 0)];
        let schema = batches[0].schema();
        let chunks = encode(&columns("int2"), &schema, batches.into_iter().map(Ok)).unwrap();
        let mut chunks = chunks.skip_while(Result::is_ok);
        let Error::Value(error) = chunks.next().unwrap().unwrap_err() else { unreachable!() };
        assert_eq!((error.table, error.column.as_deref()), (None, Some("n")));
        assert_eq!(error.row, Some(20_000 + 32_768));
        assert!(chunks.next().is_none());
    }
}
