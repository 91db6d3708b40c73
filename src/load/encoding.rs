//! Encodes rows to chunks of COPY data, in order and only slightly ahead of the sender, so that the
//! chunks are still in a core's cache when they are sent.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use rayon::ThreadPool;

use super::in_flight::InFlightBytes;
use crate::copy::plan::Plan;
use crate::copy::size::bytes_of_rows;
use crate::error::{Error, Result};
use crate::wire::copy::HEADER;

/// The target size of a chunk: slightly less than Linux stores in one buffer of a Unix socket.
const CHUNK_BYTES: u64 = 46 << 10;
/// The minimum of rows in a chunk, as starting one costs as much as dozens of rows.
const CHUNK_ROWS: u64 = 128;
/// The target size of a piece, and so the maximum of a chunk, estimated from the length of the last
/// rows.
const PIECE_BYTES: u64 = 1 << 20;

/// A single row longer than this is sent from the Arrow buffers: encoding it would need as much
/// memory again.
const LONG_ROW_BYTES: usize = 16 << 20;

/// Rows to encode.
pub(super) struct Piece {
    pub rows: RecordBatch,
    pub first_row: u64,
    /// The reservation of its bytes in flight.
    pub reservation: Option<InFlightBytes>,
}

/// Data to send.
pub(super) enum Chunk {
    /// Encoded rows; the first chunk of a load begins with the COPY header.
    Rows { bytes: Bytes, rows: u64 },
    /// One long row, not encoded.
    Long(Piece),
}

/// The estimated bytes per row, from the chunk encoded last.
#[derive(Clone)]
pub(super) struct RowBytes(Arc<AtomicU64>);

impl Default for RowBytes {
    /// The initial estimate, until rows have been encoded.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1024)))
    }
}

impl RowBytes {
    /// The number of rows in a piece.
    pub fn rows_of_piece(&self) -> usize {
        at_least_one(PIECE_BYTES / self.get())
    }

    fn rows_of_chunk(&self) -> usize {
        let min_rows = CHUNK_ROWS.min(PIECE_BYTES / self.get());
        at_least_one(min_rows.max(CHUNK_BYTES / self.get()))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, rows: usize, bytes: usize) {
        self.0.store((bytes as u64).div_ceil(rows.max(1) as u64).max(1), Ordering::Relaxed);
    }
}

fn at_least_one(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX).max(1)
}

/// Encodes pieces from the queue.
pub(super) struct Encoder {
    work: Arc<Work>,
    pieces: Receiver<Piece>,
    /// The rest of a piece, from this row on.
    rest: Option<(Piece, usize)>,
    /// The encoder threads; `None` to encode in [`Encoder::next`].
    threads: Option<Arc<ThreadPool>>,
    in_progress: VecDeque<Receiver<Result<Chunk>>>,
}

/// The state that the threads share.
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
        Self { work, pieces, rest: None, threads, in_progress: VecDeque::new() }
    }

    /// Waits for the next chunk; `None` at the end.
    ///
    /// # Errors
    /// When the target type cannot hold a value exactly; the error has the column and row.
    pub fn next(&mut self) -> Result<Option<Chunk>> {
        let Some(threads) = self.threads.clone() else {
            return self.cut(true).map(|piece| self.work.encode(piece)).transpose();
        };
        // Two chunks per thread, so that no thread waits for the next one.
        while self.in_progress.len() < threads.current_num_threads() * 2 {
            let Some(piece) = self.cut(self.in_progress.is_empty()) else { break };
            let (send_chunk, chunk) = bounded(1);
            let work = Arc::clone(&self.work);
            threads.spawn(move || {
                // The receiver is gone if the sender has failed.
                let _ = send_chunk.send(work.encode(piece));
            });
            self.in_progress.push_back(chunk);
        }
        let Some(chunk) = self.in_progress.pop_front() else { return Ok(None) };
        chunk.recv().map_err(|_| Error::Internal("an encoder thread has stopped".into()))?.map(Some)
    }

    /// Takes the rows of the next chunk from the queue.
    fn cut(&mut self, wait: bool) -> Option<Piece> {
        let (piece, start) = match self.rest.take() {
            Some(rest) => rest,
            None if wait => (self.pieces.recv().ok()?, 0),
            None => (self.pieces.try_recv().ok()?, 0),
        };
        let left = piece.rows.num_rows() - start;
        let mut rows = self.work.row_bytes.rows_of_chunk().min(left);
        // These rows may be longer than estimated.
        while rows > 1 && bytes_of_rows(&piece.rows.slice(start, rows)) as u64 > PIECE_BYTES {
            rows /= 2;
        }
        let first_row = piece.first_row + start as u64;
        let slice = piece.rows.slice(start, rows);
        if rows < left {
            self.rest = Some((piece, start + rows));
            return Some(Piece { rows: slice, first_row, reservation: None });
        }
        Some(Piece { rows: slice, first_row, reservation: piece.reservation })
    }

    /// The plan that encodes the rows.
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
        let mut bytes = Vec::with_capacity(at_least_one(expected + expected / 4));
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
    use crate::types::ColumnType;

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
            declared: ColumnType::new(ty, -1),
            required: false,
            generated: false,
            identity_always: false,
        };
        let columns = vec![column("n", number), column("t", Type::TEXT)];
        let target = Target { table: "t".into(), columns };
        target.plan(&rows.schema(), &["n".into(), "t".into()]).unwrap()
    }

    /// The chunks encoded from pieces of 3,000 rows.
    fn chunks(number: Type, threads: Option<usize>) -> Result<Vec<(Bytes, u64)>> {
        let batch = batch();
        let (send_piece, pieces) = bounded(100);
        for start in (0..batch.num_rows()).step_by(3_000) {
            let rows = batch.slice(start, 3_000.min(batch.num_rows() - start));
            send_piece.send(Piece { rows, first_row: start as u64, reservation: None }).unwrap();
        }
        drop(send_piece);
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
    fn test_chunks_with_and_without_threads_have_all_rows_in_order() {
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
    fn test_value_that_does_not_fit_names_its_row_with_and_without_threads() {
        for threads in [None, Some(3)] {
            let error = chunks(Type::INT2, threads).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("row 32768"), "{error}");
        }
    }

    #[test]
    fn test_chunk_of_long_rows_after_short_ones_is_split_by_bytes() {
        let long = "x".repeat(100_000);
        let texts = (0..4_000).map(|n| if n < 3_000 { "y" } else { &long });
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int64Array::from_iter_values(0..4_000))),
            ("t", Arc::new(StringArray::from_iter_values(texts))),
        ];
        let rows = RecordBatch::try_from_iter(columns).unwrap();
        let (send_piece, pieces) = bounded(1);
        let plan = plan(&rows, Type::INT8);
        send_piece.send(Piece { rows, first_row: 0, reservation: None }).unwrap();
        drop(send_piece);
        let mut encoder = Encoder::new(plan, pieces, RowBytes::default(), None);
        let mut most = 0;
        while let Some(Chunk::Rows { bytes, .. }) = encoder.next().unwrap() {
            most = most.max(bytes.len());
        }
        assert!((100_000..2 << 20).contains(&most), "{most}");
    }

    #[test]
    fn test_rows_of_chunk_limit_bytes_but_keep_a_minimum_of_rows() {
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
