//! The pipeline of a COPY: batches are taken from the source on the calling thread, encoded by
//! rayon, and sent in order by a thread to which the session is handed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, SendTimeoutError, Sender, bounded};

use super::check::{Check, Columns};
use super::workers;
use crate::copy::plan::Plan;
use crate::error::{Error, Result};
use crate::session::{Interrupt, Reply, Session};
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    pub rows: u64,
    pub bytes: u64,
}

/// A load of no more rows than this is encoded and sent on the calling thread.
const FEW_ROWS: usize = 4096;
/// How many bytes a chunk is to have: enough to send at a time, few enough to keep several.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks under way between the calling thread and the sender.
const CHUNKS_AHEAD: usize = 4;
/// How often the caller is asked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// A chunk that is being encoded.
type Pending = Receiver<Result<Chunk>>;

struct Chunk {
    bytes: Bytes,
    rows: u64,
}

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
    let few = first.as_ref().is_none_or(|batch| batch.num_rows() <= FEW_ROWS);
    // Where there are more, the server has something to do while they are gathered.
    let look_ahead = few && first.is_some() && source.has_more() != Some(true);
    let second = if look_ahead { source.next()? } else { None };
    if first.is_none() || (look_ahead && second.is_none()) {
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
    let Statement { copy, check } = statement;
    let (script, columns) = (check.after(copy), Columns::of(plan));
    let mut interrupt = || watch.check();
    let (asked, reply) = session.run(&mut interrupt, async |client| {
        let asked = check.ask(client).await?;
        let mut reply = client.copy_in(&script).await?;
        reply.send_copied(bytes.into())?;
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
    let rows = copied?;
    watch.done(rows, count);
    Ok(Copied { rows, bytes: count })
}

/// What the two threads tell each other.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
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
    let (chunks, queue) = bounded::<Pending>(CHUNKS_AHEAD);
    let (sent, done) = bounded(1);
    let columns = Columns::of(&plan);
    let (taken, result) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = send(session, statement, &columns, queue, &shared);
            // The other side waits for it.
            let _ = sent.send(result);
        });
        let mut taken = take_all(&Arc::new(plan), source, &chunks, &shared, watch);
        shared.stop.fetch_or(taken.is_err(), Ordering::SeqCst);
        // Only now: to the sender, an end without a stop is the end of the rows.
        drop(chunks);
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
        // Whoever wanted to stop came too late.
        (_, Ok(rows)) => {
            let bytes = shared.bytes.load(Ordering::Relaxed);
            watch.done(rows, bytes);
            Ok(Copied { rows, bytes })
        }
        // The source's own failure goes before what it led to at the server.
        (Err(error), Err(_)) | (Ok(()), Err(error)) => Err(error),
    }
}

/// Cuts the source's batches into chunks, and hands them to rayon and in order to the sender.
fn take_all(
    plan: &Arc<Plan>,
    source: &mut dyn FnMut() -> Result<Option<RecordBatch>>,
    chunks: &Sender<Pending>,
    shared: &Shared,
    watch: &mut dyn Watch,
) -> Result<()> {
    let workers = workers::pool()?;
    let row_bytes = Arc::new(AtomicU64::new(1024));
    let mut row: u64 = 0;
    while let Some(batch) = source()? {
        let mut start = 0;
        while start < batch.num_rows() {
            let average = row_bytes.load(Ordering::Relaxed).max(1);
            let rows = usize::try_from(CHUNK_BYTES as u64 / average).unwrap_or(1).max(1);
            let piece = batch.slice(start, rows.min(batch.num_rows() - start));
            let (tell, pending) = bounded(1);
            let (plan, row_bytes, first_row) = (Arc::clone(plan), Arc::clone(&row_bytes), row);
            start += piece.num_rows();
            row += piece.num_rows() as u64;
            workers.spawn(move || {
                // Nobody listens any more once the sender has failed.
                let _ = tell.send(encode(&plan, &piece, first_row, &row_bytes));
            });
            if !queue(chunks, pending, shared, watch)? {
                return Ok(());
            }
        }
    }
    // While the load can still be given up: its end is told when it is done.
    watch.progress(row, shared.bytes.load(Ordering::Relaxed))
}

fn encode(
    plan: &Plan,
    piece: &RecordBatch,
    first_row: u64,
    row_bytes: &AtomicU64,
) -> Result<Chunk> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES + CHUNK_BYTES / 4);
    if first_row == 0 {
        bytes.extend(HEADER);
    }
    plan.encode(piece, first_row, &mut bytes)?;
    let rows = piece.num_rows() as u64;
    row_bytes.store((bytes.len() as u64).div_ceil(rows.max(1)), Ordering::Relaxed);
    Ok(Chunk { bytes: bytes.into(), rows })
}

/// Hands a chunk to the sender; `false` when it has stopped, for a reason of its own.
fn queue(
    chunks: &Sender<Pending>,
    mut pending: Pending,
    shared: &Shared,
    watch: &mut dyn Watch,
) -> Result<bool> {
    loop {
        shared.tell(watch)?;
        match chunks.send_timeout(pending, TICK) {
            Ok(()) => return Ok(true),
            Err(SendTimeoutError::Timeout(again)) => pending = again,
            Err(SendTimeoutError::Disconnected(_)) => return Ok(false),
        }
    }
}

/// Sends the chunks as they come; on a thread of its own.
#[expect(clippy::needless_pass_by_value, reason = "its end tells the other side to stop")]
fn send(
    session: &Session,
    statement: &Statement,
    columns: &Columns,
    queue: Receiver<Pending>,
    shared: &Shared,
) -> Result<u64> {
    let Statement { copy, check } = statement;
    let script = check.around(copy);
    let stopped = || shared.stop.load(Ordering::SeqCst);
    let mut interrupt = || if stopped() { Err(Error::Interrupted) } else { Ok(()) };
    let reply = session.run_long(&mut interrupt, async |client| {
        if let Some(asked) = check.ask(client).await? {
            asked.compare(columns).await?;
        }
        let mut reply = client.copy_in(&script).await?;
        send_all(&mut reply, &queue, shared).await?;
        Ok(reply)
    })?;
    finish(session, reply, &mut interrupt).map_err(|error| columns.told(error))
}

/// Sends chunks until there are no more, or the server has failed: the end of the COPY tells why.
async fn send_all(reply: &mut Reply, queue: &Receiver<Pending>, shared: &Shared) -> Result<()> {
    while !reply.has_failed() {
        let Ok(pending) = queue.recv() else { break };
        let chunk = pending.recv().map_err(|_| Error::Internal("an encoder is gone".into()))??;
        let bytes = chunk.bytes.len() as u64;
        reply.send_copied(chunk.bytes)?;
        reply.sent().await;
        shared.rows.fetch_add(chunk.rows, Ordering::Relaxed);
        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
    if shared.stop.load(Ordering::SeqCst) {
        return Err(Error::Interrupted);
    }
    // The header comes with the first chunk, and there may have been none.
    if shared.bytes.load(Ordering::Relaxed) == 0 {
        reply.send_copied(Bytes::from_static(&HEADER))?;
    }
    reply.send_copied(Bytes::from_static(&TRAILER))
}

/// Ends a COPY, and hears how many rows the server took. When it is a transaction of its own and
/// the connection is lost now, nobody knows whether the server committed.
fn finish(session: &Session, mut reply: Reply, interrupt: &mut Interrupt<'_>) -> Result<u64> {
    let alone = session.client().status() == b'I' && session.client().broken().is_none();
    reply.copy_done();
    let arrived = session.run_to_end(interrupt, reply.whole()).map_err(|error| match error {
        error if alone && session.client().has_sent_all() => {
            session.client().outcome_unknown(error)
        }
        error => error,
    })?;
    // Statements may have been forgotten meanwhile, and others run before.
    let mut messages = Messages(&arrived.bytes);
    let begun = messages.any(|message| message.tag == tag::COPY_IN);
    let complete = messages.next().filter(|message| begun && message.tag == tag::COMPLETE);
    let rows = complete.and_then(|message| message.body.strip_prefix(b"COPY "));
    let rows = rows.ok_or_else(|| Error::Internal("a COPY without an end".into()))?;
    Ok(message::rows_affected(rows))
}
