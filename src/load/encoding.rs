//! Rows into chunks of COPY bytes, in order and little ahead of who sends them, so that what is sent
//! is still in a core's cache.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use rayon::ThreadPool;

use super::ahead::Held;
use crate::copy::plan::Plan;
use crate::copy::size::bytes_of_rows;
use crate::error::{Error, Result};
use crate::wire::copy::HEADER;

/// How many bytes a chunk is to have: a little less than Linux keeps in one buffer of a Unix socket.
const CHUNK_BYTES: u64 = 46 << 10;
/// How many rows a chunk is to have at least, for to begin one costs as much as dozens of rows.
const CHUNK_ROWS: u64 = 128;
/// How many bytes a piece is to have, and so a chunk at most, if rows are as long as the last ones.
const PIECE_BYTES: u64 = 1 << 20;

/// One row of more bytes than this is sent from where it stands: its encoded form would be as long again.
const LONG_ROW_BYTES: usize = 16 << 20;

/// Rows that are to be encoded.
pub(super) struct Piece {
    pub rows: RecordBatch,
    pub first_row: u64,
    /// Its part of what may be under way.
    pub held: Option<Held>,
}

/// What is to be sent.
pub(super) enum Chunk {
    /// Rows that are encoded, the first of a load with the header of the COPY.
    Rows { bytes: Bytes, rows: u64 },
    /// One long row.
    Long(Piece),
}

/// How many bytes a row has, as those of the chunk had that was done last.
#[derive(Clone)]
pub(super) struct RowBytes(Arc<AtomicU64>);

impl Default for RowBytes {
    /// A guess, until rows have been encoded.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1024)))
    }
}

impl RowBytes {
    /// How many rows are handed to the sender at a time.
    pub fn rows_of_piece(&self) -> usize {
        whole(PIECE_BYTES / self.get())
    }

    fn rows_of_chunk(&self) -> usize {
        let few = CHUNK_ROWS.min(PIECE_BYTES / self.get());
        whole(few.max(CHUNK_BYTES / self.get()))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, rows: usize, bytes: usize) {
        self.0.store((bytes as u64).div_ceil(rows.max(1) as u64).max(1), Ordering::Relaxed);
    }
}

fn whole(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX).max(1)
}

/// Encodes pieces as they come.
pub(super) struct Encoder {
    work: Arc<Work>,
    pieces: Receiver<Piece>,
    /// What is left of a piece, from a row on.
    rest: Option<(Piece, usize)>,
    /// Without any, who asks for a chunk encodes it.
    threads: Option<Arc<ThreadPool>>,
    ahead: VecDeque<Receiver<Result<Chunk>>>,
}

/// What the threads share.
struct Work {
    plan: Plan,
    row_bytes: RowBytes,
}

impl Encoder {
    pub fn new(
        plan: Plan,
        pieces: Receiver<Piece>,
        row_bytes: RowBytes,
        threads: Option<Arc<ThreadPool>>,
    ) -> Self {
        let work = Arc::new(Work { plan, row_bytes });
        Self { work, pieces, rest: None, threads, ahead: VecDeque::new() }
    }

    /// The next chunk, waited for; `None` when there are no more.
    ///
    /// # Errors
    /// When a value cannot be carried exactly; with its column and row.
    pub fn next(&mut self) -> Result<Option<Chunk>> {
        let Some(threads) = self.threads.clone() else {
            return self.cut(true).map(|piece| self.work.encode(piece)).transpose();
        };
        // Two for each: one is begun when another is done.
        while self.ahead.len() < threads.current_num_threads() * 2 {
            let Some(piece) = self.cut(self.ahead.is_empty()) else { break };
            let (tell, chunk) = bounded(1);
            let work = Arc::clone(&self.work);
            threads.spawn(move || {
                // Nobody listens any more once the sender has failed.
                let _ = tell.send(work.encode(piece));
            });
            self.ahead.push_back(chunk);
        }
        let Some(chunk) = self.ahead.pop_front() else { return Ok(None) };
        chunk.recv().map_err(|_| Error::Internal("an encoder is gone".into()))?.map(Some)
    }

    /// Cuts the rows of a chunk off what has come.
    fn cut(&mut self, wait: bool) -> Option<Piece> {
        let (piece, start) = match self.rest.take() {
            Some(rest) => rest,
            None if wait => (self.pieces.recv().ok()?, 0),
            None => (self.pieces.try_recv().ok()?, 0),
        };
        let left = piece.rows.num_rows() - start;
        let mut rows = self.work.row_bytes.rows_of_chunk().min(left);
        // These rows may be longer than the last ones.
        while rows > 1 && bytes_of_rows(&piece.rows.slice(start, rows)) as u64 > PIECE_BYTES {
            rows /= 2;
        }
        let first_row = piece.first_row + start as u64;
        let slice = piece.rows.slice(start, rows);
        if rows < left {
            self.rest = Some((piece, start + rows));
            return Some(Piece { rows: slice, first_row, held: None });
        }
        Some(Piece { rows: slice, first_row, held: piece.held })
    }

    /// What encodes the rows.
    pub fn plan(&self) -> &Plan {
        &self.work.plan
    }
}

impl Work {
    fn encode(&self, piece: Piece) -> Result<Chunk> {
        let rows = piece.rows.num_rows();
        if rows == 1 && bytes_of_rows(&piece.rows) > LONG_ROW_BYTES {
            return Ok(Chunk::Long(piece));
        }
        let expected = self.row_bytes.get().saturating_mul(rows as u64).min(PIECE_BYTES);
        let mut bytes = Vec::with_capacity(whole(expected + expected / 4));
        if piece.first_row == 0 {
            bytes.extend(HEADER);
        }
        self.plan.encode(&piece.rows, piece.first_row, &mut bytes)?;
        self.row_bytes.set(rows, bytes.len());
        Ok(Chunk::Rows { bytes: bytes.into(), rows: rows as u64 })
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use postgres_types::Type;
    use rayon::ThreadPoolBuilder;

    use super::*;
    use crate::copy::plan::{Target, TargetColumn};
    use crate::types::Declared;

    const ROWS: i64 = 40_000;

    fn batch() -> RecordBatch {
        let numbers: Int64Array = (0..ROWS).collect();
        let texts: StringArray = (0..ROWS)
            .map(|n| Some(format!("{:x>1$}", n, 40 + n.trailing_zeros() as usize)))
            .collect();
        let columns: [(&str, ArrayRef); 2] = [("n", Arc::new(numbers)), ("t", Arc::new(texts))];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn plan(rows: &RecordBatch, number: Type) -> Plan {
        let column = |name: &str, ty: Type| TargetColumn {
            name: name.into(),
            declared: Declared { ty, typmod: -1 },
            required: false,
            generated: false,
            identity_always: false,
        };
        let columns = vec![column("n", number), column("t", Type::TEXT)];
        let target = Target { table: "t".into(), columns };
        target.plan(&rows.schema(), &["n".into(), "t".into()]).unwrap()
    }

    /// The chunks of pieces of 3,000 rows.
    fn chunks(number: Type, threads: Option<usize>) -> Result<Vec<(Bytes, u64)>> {
        let batch = batch();
        let (give, pieces) = bounded(100);
        for start in (0..batch.num_rows()).step_by(3_000) {
            let rows = batch.slice(start, 3_000.min(batch.num_rows() - start));
            give.send(Piece { rows, first_row: start as u64, held: None }).unwrap();
        }
        drop(give);
        let pool = |count| Arc::new(ThreadPoolBuilder::new().num_threads(count).build().unwrap());
        let plan = plan(&batch, number);
        let mut encoder = Encoder::new(plan, pieces, RowBytes::default(), threads.map(pool));
        let chunks = std::iter::from_fn(|| encoder.next().transpose());
        let rows = chunks.map(|chunk| match chunk? {
            Chunk::Rows { bytes, rows } => Ok((bytes, rows)),
            Chunk::Long(_) => Err(Error::Internal("a long row".into())),
        });
        rows.collect()
    }

    #[test]
    fn test_chunks_in_order_are_all_rows_whoever_encodes_them() {
        let batch = batch();
        let mut all = HEADER.to_vec();
        plan(&batch, Type::INT8).encode(&batch, 0, &mut all).unwrap();
        for threads in [None, Some(1), Some(3)] {
            let chunks = chunks(Type::INT8, threads).unwrap();
            assert!(chunks.len() > 20, "{} chunks", chunks.len());
            assert_eq!(chunks.iter().map(|(_, rows)| rows).sum::<u64>(), ROWS as u64);
            assert!(chunks.iter().all(|(bytes, _)| bytes.len() < 64 << 10));
            let bytes: Vec<u8> = chunks.iter().flat_map(|(bytes, _)| bytes.to_vec()).collect();
            assert!(bytes == all, "other bytes of {threads:?}");
        }
    }

    #[test]
    fn test_a_value_that_does_not_fit_is_told_with_its_row_whoever_encodes_it() {
        for threads in [None, Some(3)] {
            let error = chunks(Type::INT2, threads).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("row 32768"), "{error}");
        }
    }

    #[test]
    fn test_chunk_of_long_rows_after_short_ones_is_cut_by_their_own_length() {
        let long = "x".repeat(100_000);
        let texts = (0..4_000).map(|n| if n < 3_000 { "y" } else { &long });
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int64Array::from_iter_values(0..4_000))),
            ("t", Arc::new(StringArray::from_iter_values(texts))),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let (give, pieces) = bounded(1);
        let plan = plan(&rows, Type::INT8);
        give.send(Piece { rows, first_row: 0, held: None }).unwrap();
        drop(give);
        let mut encoder = Encoder::new(plan, pieces, RowBytes::default(), None);
        let mut most = 0;
        while let Some(Chunk::Rows { bytes, .. }) = encoder.next().unwrap() {
            most = most.max(bytes.len());
        }
        assert!((100_000..2 << 20).contains(&most), "{most}");
    }

    #[test]
    fn test_rows_of_a_chunk_are_few_bytes_but_not_few_rows() {
        let rows = |bytes| {
            let row_bytes = RowBytes::default();
            row_bytes.set(1, bytes);
            (row_bytes.rows_of_chunk(), row_bytes.rows_of_piece())
        };
        assert_eq!(rows(0), (46 << 10, 1 << 20));
        assert_eq!(rows(64), (736, 16_384));
        assert_eq!(rows(2_000), (128, 524));
        assert_eq!(rows(100_000), (10, 10));
        assert_eq!(rows(5 << 20), (1, 1));
    }
}
