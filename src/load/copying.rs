//! The pipeline of a COPY: batches are taken from the source on the calling thread, encoded and sent
//! by a thread to which the session is handed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::ahead::Ahead;
use super::check::{Check, Columns};
use super::encoding::{Chunk, Encoder, Piece, RowBytes};
use super::workers;
use crate::copy::plan::Plan;
use crate::copy::size::bytes_of_rows;
use crate::error::{Error, Result};
use crate::session::{Backend, Interrupt, Reply, Session};
use crate::wire::cells::parts;
use crate::wire::copy::{HEADER, TRAILER};
use crate::wire::message::{self, Messages, tag};

/// Where rows come from.
pub trait Source {
    /// The next batch; `None` when there are no more.
    ///
    /// # Errors
    /// Its own.
    fn next(&mut self) -> Result<Option<RecordBatch>>;

    /// Whether there are more, where that is known without asking for them.
    fn has_more(&self) -> Option<bool> {
        None
    }

    /// The server's process whose result they are, until it has given all of them.
    fn backend(&self) -> Option<Backend> {
        None
    }
}

/// A source whose first batch has been taken.
pub(super) struct Begun<'a> {
    pub first: Option<RecordBatch>,
    pub rest: &'a mut dyn Source,
}

impl Source for Begun<'_> {
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

/// The caller, who wants to hear how far a load is and may want to stop it.
pub trait Watch {
    /// Called every so often; an error stops the load.
    ///
    /// # Errors
    /// When the caller wants to stop.
    fn check(&mut self) -> Result<()>;

    /// Called as rows have been sent.
    ///
    /// # Errors
    /// When the caller wants to stop.
    fn progress(&mut self, rows: u64, bytes: u64) -> Result<()>;

    /// Called when all rows have been taken by the server: it is too late to stop.
    fn done(&mut self, rows: u64, bytes: u64);
}

/// What was copied.
#[derive(Debug)]
pub(super) struct Copied {
    pub rows: u64,
    pub bytes: u64,
    /// What interrupted the COPY, a transaction of its own, when the server had committed it.
    pub late: Option<Error>,
}

/// How a COPY ended: with so many rows, and what interrupted it too late, if it is committed.
struct End {
    rows: u64,
    late: Option<Error>,
    is_committed: bool,
}

/// A load of no more rows and bytes than this is encoded and sent on the calling thread.
const FEW_ROWS: usize = 4096;
const FEW_BYTES: usize = 1 << 20;
/// How much of a long row is sent at a time.
const STEP_BYTES: usize = 1 << 20;
/// Pieces under way between the calling thread and the sender.
const PIECES_AHEAD: usize = 4;
/// How often the caller is asked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// A COPY, and how it learns that its columns are no longer those of its plan.
pub(super) struct Statement {
    pub copy: String,
    pub check: Check,
}

/// Copies all batches of a source.
pub(super) fn copy(
    session: &Session,
    statement: &Statement,
    plan: Plan,
    source: &mut dyn Source,
    watch: &mut dyn Watch,
) -> Result<Copied> {
    let first = source.next()?;
    let are_few =
        |batch: &RecordBatch| batch.num_rows() <= FEW_ROWS && bytes_of_rows(batch) <= FEW_BYTES;
    let few = first.as_ref().is_none_or(are_few);
    // Where there are more, the server has something to do while they are gathered.
    let look_ahead = few && first.is_some() && source.has_more() != Some(true);
    let second = if look_ahead { source.next()? } else { None };
    if first.is_none() || (few && look_ahead && second.is_none()) {
        return copy_few(session, statement, &plan, first, watch);
    }
    let mut ahead = [first, second].into_iter().flatten();
    let mut all = || match ahead.next() {
        Some(batch) => Ok(Some(batch)),
        None => source.next(),
    };
    copy_many(session, statement, plan, &mut all, watch)
}

/// All in one flight, and what was asked beside it before the end is heard.
fn copy_few(
    session: &Session,
    statement: &Statement,
    plan: &Plan,
    batch: Option<RecordBatch>,
    watch: &mut dyn Watch,
) -> Result<Copied> {
    let mut bytes = HEADER.to_vec();
    let taken = batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
    if let Some(batch) = batch {
        plan.encode(&batch, 0, &mut bytes)?;
    }
    bytes.extend(TRAILER);
    let count = bytes.len() as u64;
    watch.progress(taken, count)?;
    // All of it goes out at once: from then on only the server's answer tells what is stored.
    watch.check()?;
    let Statement { copy, check } = statement;
    let (script, columns) = (check.after(copy), Columns::of(plan));
    let mut interrupt = || watch.check();
    let (asked, reply) = session.run(&mut interrupt, async |client| {
        let asked = check.ask(client).await?;
        let mut reply = client.copy_in(&script).await?;
        reply.send_copied(bytes.into());
        Ok((asked, reply))
    })?;
    let copied = finish(session, reply, &mut interrupt).map_err(|error| columns.told(error));
    if let Some(asked) = asked {
        let compared = session.run(&mut interrupt, async |_| asked.compare(&columns).await);
        match (compared, &copied) {
            (Ok(()), _) | (Err(Error::Connection(_)), Err(_)) => {}
            // It came first, and the COPY's own failure is of it.
            (Err(error), _) => return Err(error),
        }
    }
    let End { rows, late, .. } = copied?;
    watch.done(rows, count);
    Ok(Copied { rows, bytes: count, late })
}

/// What the two threads tell each other.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
    row_bytes: RowBytes,
    ahead: Arc<Ahead>,
}

impl Shared {
    fn tell(&self, watch: &mut dyn Watch) -> Result<()> {
        watch.check()?;
        watch.progress(self.rows.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

fn copy_many(
    session: &Session,
    statement: &Statement,
    plan: Plan,
    source: &mut dyn FnMut() -> Result<Option<RecordBatch>>,
    watch: &mut dyn Watch,
) -> Result<Copied> {
    let shared = Shared::default();
    let (pieces, queue) = bounded(PIECES_AHEAD);
    let (sent, done) = bounded(1);
    let columns = Columns::of(&plan);
    let encoder = Encoder::new(plan, queue, shared.row_bytes.clone(), workers::pool()?);
    let (taken, result) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = send(session, statement, &columns, encoder, &shared);
            // The other side waits for it.
            let _ = sent.send(result);
        });
        let to_sender = ToSender { pieces: pieces.clone(), shared: &shared, asked: None };
        let mut taken = take_all(source, to_sender, watch);
        shared.stop.fetch_or(taken.is_err(), Ordering::SeqCst);
        // Only now: to the sender, an end without a stop is the end of the rows.
        drop(pieces);
        loop {
            match done.recv_timeout(TICK) {
                Ok(result) => break (taken, result),
                Err(RecvTimeoutError::Timeout) if taken.is_ok() => {
                    taken = shared.tell(watch);
                    shared.stop.fetch_or(taken.is_err(), Ordering::SeqCst);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let gone = Error::Internal("the sender of a COPY is gone".into());
                    break (taken, Err(gone));
                }
            }
        }
    });
    match (taken, result) {
        // Whoever wanted to stop came too late; where the COPY is not committed, it is undone.
        (Err(error), Ok(end)) if !end.is_committed => Err(error),
        (taken, Ok(end)) => {
            let bytes = shared.bytes.load(Ordering::Relaxed);
            watch.done(end.rows, bytes);
            Ok(Copied { rows: end.rows, bytes, late: taken.err().or(end.late) })
        }
        // The caller's own error goes before what it led to at the server, whose outcome it has.
        (Err(error), Err(Error::OutcomeUnknown(_))) => Err(Error::OutcomeUnknown(Box::new(error))),
        (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
    }
}

/// Cuts the source's batches into pieces, and hands them to the sender.
fn take_all(
    source: &mut dyn FnMut() -> Result<Option<RecordBatch>>,
    mut sender: ToSender<'_>,
    watch: &mut dyn Watch,
) -> Result<()> {
    let shared = sender.shared;
    let mut first_row: u64 = 0;
    while let Some(batch) = source()? {
        let mut start = 0;
        while start < batch.num_rows() {
            let count = shared.row_bytes.rows_of_piece().min(batch.num_rows() - start);
            let piece = Piece { rows: batch.slice(start, count), first_row, held: None };
            start += count;
            first_row += count as u64;
            if !sender.queue(piece, watch)? {
                return Ok(());
            }
        }
    }
    // While the load can still be given up.
    shared.tell(watch)
}

/// The way to the sender, on which the caller is asked now and then whether to go on: to ask takes
/// the GIL, for which there may be a queue.
struct ToSender<'a> {
    pieces: Sender<Piece>,
    shared: &'a Shared,
    asked: Option<Instant>,
}

impl ToSender<'_> {
    /// Hands over a piece; `false` when the sender has stopped, for a reason of its own.
    fn queue(&mut self, mut piece: Piece, watch: &mut dyn Watch) -> Result<bool> {
        let bytes = bytes_of_rows(&piece.rows);
        loop {
            if self.asked.is_none_or(|asked| asked.elapsed() >= TICK) {
                self.shared.tell(watch)?;
                self.asked = Some(Instant::now());
            }
            if piece.held.is_none() {
                piece.held = self.shared.ahead.hold(bytes, TICK);
                if piece.held.is_none() {
                    continue;
                }
            }
            match self.pieces.send_timeout(piece, TICK) {
                Ok(()) => return Ok(true),
                Err(SendTimeoutError::Timeout(again)) => piece = again,
                Err(SendTimeoutError::Disconnected(_)) => return Ok(false),
            }
        }
    }
}

/// Sends the chunks as they come; on a thread of its own.
fn send(
    session: &Session,
    statement: &Statement,
    columns: &Columns,
    mut encoder: Encoder,
    shared: &Shared,
) -> Result<End> {
    let Statement { copy, check } = statement;
    let script = check.around(copy);
    let stopped = || shared.stop.load(Ordering::SeqCst);
    let mut interrupt = || if stopped() { Err(Error::Interrupted) } else { Ok(()) };
    let reply = session.run_long(&mut interrupt, async |client| {
        if let Some(asked) = check.ask(client).await? {
            asked.compare(columns).await?;
        }
        let mut reply = client.copy_in(&script).await?;
        send_all(&mut reply, &mut encoder, shared).await?;
        Ok(reply)
    })?;
    finish(session, reply, &mut interrupt).map_err(|error| columns.told(error))
}

/// Sends chunks until there are no more, or the server has failed: the end of the COPY tells why.
async fn send_all(reply: &mut Reply, encoder: &mut Encoder, shared: &Shared) -> Result<()> {
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
    // The header comes with the first chunk, and there may have been none.
    if shared.bytes.load(Ordering::Relaxed) == 0 {
        reply.send_copied(Bytes::from_static(&HEADER));
    }
    reply.send_copied(Bytes::from_static(&TRAILER));
    Ok(())
}

/// Sends a long row, of which only so much as is on its way is there twice.
async fn send_row(reply: &mut Reply, plan: &Plan, piece: &Piece, shared: &Shared) -> Result<()> {
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
    let parts = parts(&cells, 0).map_err(|long| plan.too_long(piece.first_row, long))?;
    for part in parts {
        for step in part.chunks(STEP_BYTES) {
            if reply.has_failed() {
                return Ok(());
            }
            send(reply, Bytes::copy_from_slice(step)).await;
        }
    }
    shared.rows.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Ends a COPY, and hears how many rows the server took. When it is a transaction of its own and
/// the connection is lost now, nobody knows whether the server committed.
fn finish(session: &Session, mut reply: Reply, interrupt: &mut Interrupt<'_>) -> Result<End> {
    let client = session.client();
    let alone = client.status() == b'I' && client.broken().is_none();
    reply.copy_done();
    let whole = async {
        let arrived = reply.whole().await;
        arrived.map_err(|error| if alone { client.outcome_unknown(error, "commit") } else { error })
    };
    // In a transaction that is committed later, nothing is stored.
    let (arrived, late) = match session.run_to_end(interrupt, whole) {
        Err(Error::OutcomeUnknown(error)) if !alone => return Err(*error),
        Ok((_, Some(late))) if !alone => return Err(late),
        ended => ended?,
    };
    // Statements may have been forgotten meanwhile, and others run before.
    let mut messages = Messages(&arrived.bytes);
    let begun = messages.any(|message| message.tag == tag::COPY_IN);
    let complete = messages.next().filter(|message| begun && message.tag == tag::COMPLETE);
    let rows = complete.and_then(|message| message.body.strip_prefix(b"COPY "));
    let rows = rows.ok_or_else(|| Error::Internal("a COPY without an end".into()))?;
    Ok(End { rows: message::rows_affected(rows), late, is_committed: alone })
}
