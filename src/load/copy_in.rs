//! Runs a COPY: the calling thread takes batches from the source; another thread, which gets the
//! session, encodes and sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::encoding::{Chunk, Encoder, Piece, RowBytes};
use super::in_flight::InFlight;
use super::schema_guard::{ExpectedColumns, SchemaGuard};
use super::workers;
use crate::copy::plan::Plan;
use crate::copy::size::bytes_of_rows;
use crate::error::{Error, Result};
use crate::session::{Backend, Interrupt, Reply, Session};
use crate::wire::cells::tuple_parts;
use crate::wire::copy::{HEADER, TRAILER};
use crate::wire::message::{self, Messages, tag};

/// A source of record batches.
pub trait Source {
    /// Returns the next batch; `None` at the end.
    fn next(&mut self) -> Result<Option<RecordBatch>>;

    /// Whether there are more batches, if that is known without producing one.
    fn has_more(&self) -> Option<bool> {
        None
    }

    /// The server process whose query result the source reads, until the result has ended.
    fn backend(&self) -> Option<Backend> {
        None
    }
}

/// A source whose first batch has already been produced.
pub(super) struct Peeked<'a> {
    pub first: Option<RecordBatch>,
    pub rest: &'a mut dyn Source,
}

impl Source for Peeked<'_> {
    fn next(&mut self) -> Result<Option<RecordBatch>> {
        self.first.take().map_or_else(|| self.rest.next(), |batch| Ok(Some(batch)))
    }

    fn has_more(&self) -> Option<bool> {
        self.rest.has_more()
    }

    fn backend(&self) -> Option<Backend> {
        self.rest.backend()
    }
}

/// A callback for progress and cancellation of a load.
pub trait Observer {
    /// Called at intervals. An error stops the load.
    fn check(&mut self) -> Result<()>;

    /// Called after rows have been sent. An error stops the load.
    fn progress(&mut self, rows: u64, bytes: u64) -> Result<()>;

    /// Called when the server has stored all rows: the load can no longer be stopped.
    fn done(&mut self, rows: u64, bytes: u64);
}

/// The result of a COPY.
#[derive(Debug)]
pub(super) struct CopyStats {
    pub rows: u64,
    pub bytes: u64,
    /// The interrupt that came after the server had committed the COPY as its own transaction.
    pub late_interrupt: Option<Error>,
}

/// The end of a COPY: its row count, and an interrupt that came after it was committed.
struct CopyEnd {
    rows: u64,
    late: Option<Error>,
    is_committed: bool,
}

/// The limits up to which a load is encoded and sent on the calling thread, as a single batch.
const SMALL_LOAD_ROWS: usize = 4096;
const SMALL_LOAD_BYTES: usize = 1 << 20;
/// The bytes of a long row that are sent at a time.
const ROW_STEP_BYTES: usize = 1 << 20;
/// The capacity of the queue between the calling thread and the sender.
const QUEUED_PIECES: usize = 4;
/// The interval at which the observer is called: each call takes the GIL, which may be contended.
const OBSERVER_INTERVAL: Duration = Duration::from_millis(50);

/// A COPY statement, and the guard that detects a changed table.
pub(super) struct CopyStatement {
    pub copy: String,
    pub guard: SchemaGuard,
}

/// Copies all batches of a source to the server.
pub(super) fn copy(
    session: &Session,
    statement: &CopyStatement,
    plan: Plan,
    source: &mut dyn Source,
    observer: &mut dyn Observer,
) -> Result<CopyStats> {
    let first = source.next()?;
    let is_small = |batch: &RecordBatch| {
        batch.num_rows() <= SMALL_LOAD_ROWS && bytes_of_rows(batch) <= SMALL_LOAD_BYTES
    };
    let small = first.as_ref().is_none_or(is_small);
    // If the source has more batches, start to send at once, so that the server works while they
    // are produced.
    let has_lookahead = small && first.is_some() && source.has_more() != Some(true);
    let second = if has_lookahead { source.next()? } else { None };
    if first.is_none() || (small && has_lookahead && second.is_none()) {
        return copy_small(session, statement, &plan, first, observer);
    }
    let mut first_batches = [first, second].into_iter().flatten();
    let mut all = || match first_batches.next() {
        Some(batch) => Ok(Some(batch)),
        None => source.next(),
    };
    copy_streaming(session, statement, plan, &mut all, observer)
}

/// Sends a small load in one round trip, together with the guard's description request.
fn copy_small(
    session: &Session,
    statement: &CopyStatement,
    plan: &Plan,
    batch: Option<RecordBatch>,
    observer: &mut dyn Observer,
) -> Result<CopyStats> {
    let mut bytes = HEADER.to_vec();
    let produced = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
    if let Some(batch) = batch {
        plan.encode(&batch, 0, &mut bytes)?;
    }
    bytes.extend(TRAILER);
    let count = bytes.len() as u64;
    observer.progress(produced, count)?;
    // Everything is sent at once: from here on only the server's response says whether the rows are
    // stored.
    observer.check()?;
    let CopyStatement { copy, guard } = statement;
    let (script, columns) = (guard.script_after(copy), ExpectedColumns::of(plan));
    let mut interrupt = || observer.check();
    let (description, reply) = session.run(&mut interrupt, async |client| {
        let description = guard.request_description(client).await?;
        let mut reply = client.copy_in(&script).await?;
        reply.send_copied(bytes.into());
        Ok((description, reply))
    })?;
    let copied = finish(session, reply, &mut interrupt).map_err(|error| columns.translate(error));
    if let Some(description) = description {
        let compared = session.run(&mut interrupt, async |_| description.compare(&columns).await);
        match (compared, &copied) {
            (Ok(()), _) | (Err(Error::Connection(_)), Err(_)) => {}
            // The schema change came first, and caused the COPY to fail.
            (Err(error), _) => return Err(error),
        }
    }
    let CopyEnd { rows, late, .. } = copied?;
    observer.done(rows, count);
    Ok(CopyStats { rows, bytes: count, late_interrupt: late })
}

/// The state that both threads share.
#[derive(Default)]
struct SharedState {
    stop: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
    row_bytes: RowBytes,
    in_flight: Arc<InFlight>,
}

impl SharedState {
    fn report(&self, observer: &mut dyn Observer) -> Result<()> {
        observer.check()?;
        observer.progress(self.rows.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

fn copy_streaming(
    session: &Session,
    statement: &CopyStatement,
    plan: Plan,
    source: &mut dyn FnMut() -> Result<Option<RecordBatch>>,
    observer: &mut dyn Observer,
) -> Result<CopyStats> {
    let shared = SharedState::default();
    let (pieces, queue) = bounded(QUEUED_PIECES);
    let (sent, done) = bounded(1);
    let columns = ExpectedColumns::of(&plan);
    let encoder = Encoder::new(plan, queue, shared.row_bytes.clone(), workers::pool()?);
    let (produced, result) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = send(session, statement, &columns, encoder, &shared);
            // The calling thread waits for the result.
            let _ = sent.send(result);
        });
        let queue_to_sender =
            PieceQueue { pieces: pieces.clone(), shared: &shared, last_check: None };
        let mut produced = queue_pieces(source, queue_to_sender, observer);
        shared.stop.fetch_or(produced.is_err(), Ordering::SeqCst);
        // Only after `stop` is set: without it, the sender takes the closed queue for the end of
        // the rows.
        drop(pieces);
        loop {
            match done.recv_timeout(OBSERVER_INTERVAL) {
                Ok(result) => break (produced, result),
                Err(RecvTimeoutError::Timeout) if produced.is_ok() => {
                    produced = shared.report(observer);
                    shared.stop.fetch_or(produced.is_err(), Ordering::SeqCst);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let lost = Error::Internal("the sender thread of a COPY has stopped".into());
                    break (produced, Err(lost));
                }
            }
        }
    });
    match (produced, result) {
        // The interrupt came after the COPY had ended. In a transaction that is not committed yet,
        // it is undone.
        (Err(error), Ok(end)) if !end.is_committed => Err(error),
        (produced, Ok(end)) => {
            let bytes = shared.bytes.load(Ordering::Relaxed);
            observer.done(end.rows, bytes);
            Ok(CopyStats { rows: end.rows, bytes, late_interrupt: produced.err().or(end.late) })
        }
        // The caller's error takes precedence over the server error that it caused, and gets its
        // outcome.
        (Err(error), Err(Error::OutcomeUnknown(_))) => Err(Error::OutcomeUnknown(Box::new(error))),
        (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
    }
}

/// Splits the source's batches into pieces, and queues them for the sender.
fn queue_pieces(
    source: &mut dyn FnMut() -> Result<Option<RecordBatch>>,
    mut sender: PieceQueue<'_>,
    observer: &mut dyn Observer,
) -> Result<()> {
    let shared = sender.shared;
    let mut first_row: u64 = 0;
    while let Some(batch) = source()? {
        let mut start = 0;
        while start < batch.num_rows() {
            let count = shared.row_bytes.rows_of_piece().min(batch.num_rows() - start);
            let piece = Piece { rows: batch.slice(start, count), first_row, reservation: None };
            start += count;
            first_row += count as u64;
            if !sender.queue(piece, observer)? {
                return Ok(());
            }
        }
    }
    // The last check while the load can still be stopped.
    shared.report(observer)
}

/// The queue to the sender. It calls the observer at intervals only, as each call takes the GIL,
/// which may be contended.
struct PieceQueue<'a> {
    pieces: Sender<Piece>,
    shared: &'a SharedState,
    last_check: Option<Instant>,
}

impl PieceQueue<'_> {
    /// Queues a piece; returns `false` if the sender has stopped with an error.
    fn queue(&mut self, mut piece: Piece, observer: &mut dyn Observer) -> Result<bool> {
        let bytes = bytes_of_rows(&piece.rows);
        loop {
            if self.last_check.is_none_or(|last| last.elapsed() >= OBSERVER_INTERVAL) {
                self.shared.report(observer)?;
                self.last_check = Some(Instant::now());
            }
            if piece.reservation.is_none() {
                piece.reservation = self.shared.in_flight.reserve(bytes, OBSERVER_INTERVAL);
                if piece.reservation.is_none() {
                    continue;
                }
            }
            match self.pieces.send_timeout(piece, OBSERVER_INTERVAL) {
                Ok(()) => return Ok(true),
                Err(SendTimeoutError::Timeout(returned)) => piece = returned,
                Err(SendTimeoutError::Disconnected(_)) => return Ok(false),
            }
        }
    }
}

/// Sends the chunks; runs on the sender's thread.
fn send(
    session: &Session,
    statement: &CopyStatement,
    columns: &ExpectedColumns,
    mut encoder: Encoder,
    shared: &SharedState,
) -> Result<CopyEnd> {
    let CopyStatement { copy, guard } = statement;
    let script = guard.script_around(copy);
    let stopped = || shared.stop.load(Ordering::SeqCst);
    let mut interrupt = || if stopped() { Err(Error::Interrupted) } else { Ok(()) };
    let reply = session.run_long(&mut interrupt, async |client| {
        if let Some(description) = guard.request_description(client).await? {
            description.compare(columns).await?;
        }
        let mut reply = client.copy_in(&script).await?;
        send_all(&mut reply, &mut encoder, shared).await?;
        Ok(reply)
    })?;
    finish(session, reply, &mut interrupt).map_err(|error| columns.translate(error))
}

/// Sends chunks until there are no more or the server has reported an error, which [`finish`]
/// returns.
async fn send_all(reply: &mut Reply, encoder: &mut Encoder, shared: &SharedState) -> Result<()> {
    while !reply.has_failed() {
        let Some(chunk) = encoder.next()? else { break };
        match chunk {
            Chunk::Rows { bytes, rows } => {
                let count = bytes.len() as u64;
                reply.send_copied(bytes);
                reply.sent().await;
                shared.rows.fetch_add(rows, Ordering::Relaxed);
                shared.bytes.fetch_add(count, Ordering::Relaxed);
            }
            Chunk::Long(piece) => send_row(reply, encoder.plan(), &piece, shared).await?,
        }
    }
    if shared.stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted);
    }
    // The header is part of the first chunk; without any chunk it must be sent here.
    if shared.bytes.load(Ordering::Relaxed) == 0 {
        reply.send_copied(Bytes::from_static(&HEADER));
    }
    reply.send_copied(Bytes::from_static(&TRAILER));
    Ok(())
}

/// Sends a long row in steps, so that only the step in flight exists twice in memory.
async fn send_row(
    reply: &mut Reply,
    plan: &Plan,
    piece: &Piece,
    shared: &SharedState,
) -> Result<()> {
    let send = async |reply: &mut Reply, bytes: Bytes| {
        let count = bytes.len() as u64;
        reply.send_copied(bytes);
        reply.sent().await;
        shared.bytes.fetch_add(count, Ordering::Relaxed);
    };
    if piece.first_row == 0 {
        send(reply, Bytes::from_static(&HEADER)).await;
    }
    let cells = plan.cells(&piece.rows, piece.first_row)?;
    let parts = tuple_parts(&cells, 0).map_err(|long| plan.too_long(piece.first_row, long))?;
    for part in parts {
        for step in part.chunks(ROW_STEP_BYTES) {
            if reply.has_failed() {
                return Ok(());
            }
            send(reply, Bytes::copy_from_slice(step)).await;
        }
    }
    shared.rows.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Ends a COPY and returns the row count. If the COPY is its own transaction and the connection is
/// lost now, it is unknown whether the server committed.
fn finish(session: &Session, mut reply: Reply, interrupt: &mut Interrupt<'_>) -> Result<CopyEnd> {
    let client = session.client();
    let own_transaction = client.status() == b'I' && client.broken().is_none();
    reply.copy_done();
    let whole = async {
        let arrived = reply.complete().await;
        arrived.map_err(|error| {
            if own_transaction { client.outcome_unknown(error, "commit") } else { error }
        })
    };
    // In a transaction that is committed later, nothing is stored yet.
    let (arrived, late) = match session.run_to_end(interrupt, whole) {
        Err(Error::OutcomeUnknown(error)) if !own_transaction => return Err(*error),
        Ok((_, Some(late))) if !own_transaction => return Err(late),
        ended => ended?,
    };
    // Messages of closed statements and of the guard may come before those of the COPY.
    let mut messages = Messages(&arrived.bytes);
    let has_begun = messages.any(|message| message.tag == tag::COPY_IN);
    let complete = messages.next().filter(|message| has_begun && message.tag == tag::COMPLETE);
    let rows = complete.and_then(|message| message.body.strip_prefix(b"COPY "));
    let rows =
        rows.ok_or_else(|| Error::Internal("a COPY that ends without CommandComplete".into()))?;
    Ok(CopyEnd { rows: message::rows_affected(rows), late, is_committed: own_transaction })
}
