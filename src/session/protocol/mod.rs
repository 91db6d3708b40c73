//! One connection's bytes: what is to be sent, what has come, and whose replies are due. It never
//! waits: whoever drives it says when to send and to receive.

mod async_messages;
mod dispatch;
mod login_phase;
mod long_rows;
mod pending;
mod recv_buffer;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use postgres_protocol::message::frontend;

use async_messages::AsyncMessages;
pub use async_messages::Notification;
pub(super) use login_phase::LoginPhase;
pub(super) use pending::CopyInPolicy;
use pending::PendingResponse;
pub use pending::ResponseChunk;
use recv_buffer::{MAX_RECV_BUFFER_BYTES, RecvBuffer};

use super::busy_wait::BusyWait;
use super::latency::LatencyStats;
use super::names::NameWatch;
use super::socket::{Handle, Socket, in_words};
use super::state::SessionState;
use crate::error::{Error, Result, ServerError};

/// How many chunks are sent in one call: a COPY's have their headers beside them.
const MAX_SLICES: usize = 8;

/// The bytes of one connection.
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(super) struct Protocol {
    socket: Socket,
    recv_buffer: RecvBuffer,
    /// What is to be sent: first the chunks, then what is written here.
    pub send_buffer: BytesMut,
    chunks: VecDeque<Bytes>,
    /// The replies that are due, in the order of their requests.
    pending: VecDeque<PendingResponse>,
    /// Replies that have ended and wait to be taken.
    answered: VecDeque<PendingResponse>,
    /// Room that a reader has given back: a long result moves through it part by part.
    spare_buffer: Vec<u8>,
    last_request_id: u64,
    /// The request whose whole answer was taken last.
    pub last_answered: u64,
    busy_wait: BusyWait,
    /// The request that is not all sent yet: nobody else may send.
    open_request: Option<u64>,
    /// No request begins while a cancellation is under way: it could hit the next statement.
    pub cancels_in_flight: u32,
    /// How many there were.
    pub cancellations: u64,
    /// The network or the server has ended the connection.
    pub has_lost_server: bool,
    /// The server has refused to write, since it only reads (25006).
    pub was_read_only: bool,
    /// One of them was sent, and not answered: it may come through at any time.
    has_unanswered_cancel: bool,
    /// No request is made now: an operation that was interrupted is polled, to hear how it ends.
    pub refuses_requests: bool,
    /// When what its caller gave up is to have ended; there while that has not.
    cleanup_deadline: Option<Instant>,
    /// The bytes sent since the server had nothing to do here.
    sent_bytes: usize,
    /// The socket takes no more at present.
    pub wants_write: bool,
    status: u8,
    names: NameWatch,
    /// What has been left in the session since it was clean.
    pub state: SessionState,
    pub async_messages: AsyncMessages,
    broken: Option<CloseReason>,
    /// How far the login is.
    pub login_phase: LoginPhase,
    /// The bytes that came last.
    last_read: usize,
    /// TLS may have more for us, of which the socket knows nothing.
    pub holds_more: bool,
    /// Somebody waits until all has been sent.
    pub has_drain_waiter: bool,
    /// An operation is to be polled though nothing has come: another one has written for it.
    pub needs_poll: bool,
    /// So many wait until an open request is closed.
    pub send_waiters: usize,
    /// So many wait until all has been said and answered.
    pub idle_waiters: usize,
    /// Where the other end is, for messages.
    label: String,
}

/// Why nothing more can be said.
#[derive(Debug, Clone)]
pub(super) enum CloseReason {
    /// The connection broke.
    Io(String),
    /// The server ended it, and said why.
    ServerError(Box<ServerError>),
    /// A setting made it unfit for us.
    Unsupported(String),
}

impl CloseReason {
    pub fn error(&self) -> Error {
        match self {
            Self::Io(reason) => Error::Connection(reason.clone()),
            Self::ServerError(error) => Error::Server(error.clone()),
            Self::Unsupported(reason) => Error::NotSupported(reason.clone()),
        }
    }
}

/// A result of which so much has come is long.
const LONG_RESULT_BYTES: usize = 256 << 10;
/// A read of so much is worth being woken for. The server writes 8 KiB at a time.
const MIN_READ_BYTES: usize = 64 << 10;
/// How long what its caller gave up may take to end while somebody waits for that.
pub const ABANDON_GRACE: Duration = Duration::from_millis(250);
/// Any server's system takes so many bytes of a request, whatever the server does meanwhile.
const SOCKET_BUFFER_BYTES: usize = 32 << 10;

impl Protocol {
    pub fn new(socket: Socket, label: String, busy_wait: BusyWait, names: NameWatch) -> Self {
        Self {
            socket,
            recv_buffer: RecvBuffer { buffer: Vec::new(), start: 0, end: 0 },
            send_buffer: BytesMut::new(),
            chunks: VecDeque::new(),
            pending: VecDeque::new(),
            answered: VecDeque::new(),
            spare_buffer: Vec::new(),
            last_request_id: 0,
            last_answered: 0,
            busy_wait,
            open_request: None,
            cancels_in_flight: 0,
            cancellations: 0,
            has_lost_server: false,
            was_read_only: false,
            has_unanswered_cancel: false,
            refuses_requests: false,
            cleanup_deadline: None,
            sent_bytes: 0,
            wants_write: false,
            status: 0,
            names,
            state: SessionState::default(),
            async_messages: AsyncMessages::default(),
            broken: None,
            login_phase: LoginPhase::Login,
            last_read: 0,
            holds_more: false,
            has_drain_waiter: false,
            needs_poll: false,
            send_waiters: 0,
            idle_waiters: 0,
            label,
        }
    }

    pub fn handle(&self) -> Handle {
        self.socket.handle()
    }

    /// Why nothing more can be said.
    pub fn broken(&self) -> Option<&CloseReason> {
        self.broken.as_ref()
    }

    /// Gives the connection up.
    pub fn mark_closed(&mut self, reason: String) {
        self.broken.get_or_insert(CloseReason::Io(reason));
        self.wants_write = false;
        self.busy_wait.stop();
    }

    /// What the server said last of its transaction: I outside of one, T in one, E in a failed one.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Whether all has been said and answered.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.has_to_send()
    }

    /// Whether all has been said and answered, and no cancellation is under way.
    pub fn is_reusable(&self) -> bool {
        self.is_idle() && self.cancels_in_flight == 0
    }

    /// Whether something that its caller gave up has not ended, or is being cancelled.
    fn is_being_cleaned(&self) -> bool {
        self.broken.is_none() && (self.cancels_in_flight > 0 || self.has_abandoned())
    }

    /// A caller gives up what runs here: it is to end by the time that this gives back.
    pub fn begin_cleanup(&mut self) -> Instant {
        *self.cleanup_deadline.get_or_insert_with(|| Instant::now() + ABANDON_GRACE)
    }

    /// By when what was given up is to have ended, while it has not.
    pub fn cleanup_deadline(&self) -> Option<Instant> {
        self.cleanup_deadline.filter(|_| self.is_being_cleaned())
    }

    /// Something that was given up may have ended.
    pub fn note_cleanup(&mut self) {
        if !self.is_being_cleaned() {
            self.cleanup_deadline = None;
        }
    }

    /// Whether all that was given up has ended, however late; without it, the connection is of no use.
    pub fn is_overdue(&self) -> bool {
        self.cleanup_deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// A cancellation was sent, and the server has not taken notice of it in time.
    pub fn note_unanswered_cancel(&mut self) {
        self.has_unanswered_cancel = true;
    }

    /// Whether a cancellation may still come through, and hit a statement of somebody else.
    pub fn has_unanswered_cancel(&self) -> bool {
        self.has_unanswered_cancel
    }

    /// Whether another request may be sent.
    pub fn can_send(&self) -> bool {
        self.open_request.is_none() && self.cancels_in_flight == 0
    }

    /// How many requests are not answered yet, where another caller's read may be sent behind them: outside of a
    /// transaction, and with no cancellation under way that could hit it.
    pub fn reads_ahead(&self) -> Option<usize> {
        let is_joinable = self.can_send()
            && self.broken.is_none()
            && !self.has_unanswered_cancel
            && self.status == b'I';
        is_joinable.then_some(self.pending.len())
    }

    /// Makes room for the reply to a request, which is then written to the outbox. An open one is
    /// not sent at once: nobody else may begin until it is closed.
    pub fn begin(
        &mut self,
        open_request: bool,
        copy_in_policy: CopyInPolicy,
        latency: &Arc<LatencyStats>,
    ) -> u64 {
        self.last_request_id += 1;
        let request_id = self.last_request_id;
        if self.pending.is_empty() {
            self.busy_wait.on_request(latency);
        }
        self.pending.push_back(PendingResponse::new(
            request_id,
            copy_in_policy,
            Arc::clone(latency),
        ));
        self.open_request = open_request.then_some(request_id);
        request_id
    }

    /// The last request.
    pub fn last_request_id(&self) -> u64 {
        self.last_request_id
    }

    /// Whether any reply that is due is not wanted.
    pub fn has_abandoned(&self) -> bool {
        self.broken.is_none() && self.pending.iter().any(|pending| pending.abandoned)
    }

    /// Whether nobody wants any reply that is due.
    pub fn is_abandoned(&self) -> bool {
        self.pending.iter().all(|pending| pending.abandoned)
    }

    /// What the server is to answer now, if nobody wants the reply and it is this request or one before
    /// it.
    pub fn abandoned_request_running(&self, request_id: u64) -> Option<u64> {
        let first = self.pending.front().filter(|_| self.broken.is_none())?;
        let is_vain = first.abandoned || first.cancelled;
        (is_vain && first.request_id <= request_id).then_some(first.request_id)
    }

    /// All that is due is to be cancelled, though its end is wanted; tells whether it was sent whole.
    pub fn cancel_all(&mut self) -> bool {
        if self.open_request.is_some() {
            return false;
        }
        for pending in &mut self.pending {
            pending.cancelled = true;
        }
        true
    }

    /// Takes back a request of which nothing was written.
    pub fn withdraw(&mut self, request_id: u64) {
        self.pending.retain(|pending| pending.request_id != request_id);
        self.stop_busy_wait_when_idle();
        self.finish_request(request_id);
    }

    /// The request is all written: nobody waits to write more of it.
    pub fn finish_request(&mut self, request_id: u64) {
        if self.open_request == Some(request_id) {
            self.open_request = None;
            self.has_drain_waiter = false;
        }
    }

    /// Sends bytes as they are, after what is in the outbox.
    pub fn send_chunk(&mut self, chunk: Bytes) {
        if !self.send_buffer.is_empty() {
            self.chunks.push_back(self.send_buffer.split().freeze());
        }
        self.chunks.push_back(chunk);
    }

    /// Whether an error has come for a request.
    pub fn has_failed(&self, request_id: u64) -> bool {
        let is_it = |pending: &&PendingResponse| pending.request_id == request_id;
        let failed = |pending: &PendingResponse| pending.chunk.error.is_some();
        self.broken.is_some()
            || self.pending.iter().chain(&self.answered).find(is_it).is_some_and(failed)
    }

    pub fn has_to_send(&self) -> bool {
        !self.send_buffer.is_empty() || !self.chunks.is_empty()
    }

    /// Takes what has come for a request: all of it when it has ended, or else so many bytes at
    /// the least.
    pub fn take_response(
        &mut self,
        request_id: u64,
        least_bytes: usize,
    ) -> Option<Result<ResponseChunk>> {
        let place = self.answered.iter().position(|pending| pending.request_id == request_id);
        if let Some(pending) = place.and_then(|place| self.answered.remove(place)) {
            self.last_answered = request_id;
            return Some(Ok(pending.chunk));
        }
        if let Some(reason) = &self.broken {
            return Some(Err(reason.error()));
        }
        let pending = self.pending.iter_mut().find(|pending| pending.request_id == request_id)?;
        pending.awaited_bytes = Some(least_bytes);
        if !pending.has_awaited() {
            return None;
        }
        pending.awaited_bytes = None;
        Some(Ok(std::mem::take(&mut pending.chunk)))
    }

    /// Takes what has come for a request, without waiting for more.
    pub fn try_take_response(&mut self, request_id: u64) -> Option<Result<ResponseChunk>> {
        let taken = self.take_response(request_id, 1);
        if let Some(pending) =
            self.pending.iter_mut().find(|pending| pending.request_id == request_id)
        {
            pending.awaited_bytes = None;
        }
        taken
    }

    /// Takes back the room of a part that is read.
    pub fn recycle_buffer(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        if bytes.capacity() <= 2 * MAX_RECV_BUFFER_BYTES
            && bytes.capacity() > self.spare_buffer.capacity()
        {
            self.spare_buffer = bytes;
        }
    }

    /// The reply to a request is not wanted.
    pub fn abandon(&mut self, request_id: u64) {
        self.answered.retain(|pending| pending.request_id != request_id);
        if let Some(pending) =
            self.pending.iter_mut().find(|pending| pending.request_id == request_id)
        {
            pending.abandoned = true;
            pending.chunk = ResponseChunk::default();
        }
    }

    /// Sends what the socket takes.
    pub fn send(&mut self) {
        if self.broken.is_some() {
            return;
        }
        if let Err(error) = self.try_send() {
            // What the server said before it hung up is worth more than that it did.
            self.receive();
            self.close_on_error(&in_words(&error));
        }
    }

    fn try_send(&mut self) -> io::Result<()> {
        self.wants_write = false;
        while self.has_to_send() {
            let waiting = self.chunks.iter().map(|chunk| &**chunk).chain([&*self.send_buffer]);
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(waiting.filter(|bytes| !bytes.is_empty())) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            match self.socket.write_vectored(slices.get(..count).unwrap_or_default())? {
                Some(written) => self.discard_sent(written),
                None => return self.mark_writable_interest(),
            }
        }
        self.wants_write = !self.socket.flush()?;
        Ok(())
    }

    /// Takes bytes that have been sent off the front of what is to be sent.
    fn discard_sent(&mut self, mut count: usize) {
        self.sent_bytes += count;
        if self.sent_bytes > SOCKET_BUFFER_BYTES {
            self.socket.suspend_user_timeout();
        }
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                return chunk.advance(count);
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
        if count == self.send_buffer.len() {
            self.send_buffer.clear();
            // A long value was sent, and nothing keeps its room.
            if self.send_buffer.capacity() > MAX_RECV_BUFFER_BYTES {
                self.send_buffer = BytesMut::new();
            }
        } else {
            self.send_buffer.advance(count);
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of a function that may fail")]
    fn mark_writable_interest(&mut self) -> io::Result<()> {
        self.wants_write = true;
        Ok(())
    }

    /// Takes in what has come; tells whether that was anything.
    pub fn receive(&mut self) -> bool {
        if self.broken.is_some() {
            return false;
        }
        self.holds_more = false;
        if let Some(came) = self.receive_long_row() {
            return came;
        }
        let room = self.recv_buffer.room();
        let size = room.len();
        match self.socket.read(room) {
            Ok(None) => false,
            Ok(Some(0)) => {
                self.close_on_error("the server closed the connection");
                true
            }
            Ok(Some(count)) => {
                self.recv_buffer.end += count;
                self.last_read = count;
                self.busy_wait.on_reply();
                if let Err(error) = self.dispatch_messages() {
                    self.close_on_error(&format!("the server's messages make no sense: {error}"));
                    return true;
                }
                self.stop_busy_wait_when_idle();
                let filled = count == size;
                if filled && self.recv_buffer.buffer.len() < MAX_RECV_BUFFER_BYTES {
                    self.recv_buffer.grow();
                }
                self.holds_more = filled && self.socket.is_secure();
                true
            }
            Err(error) => {
                self.close_on_error(&in_words(&error));
                true
            }
        }
    }

    /// The connection is lost, for this reason; what the server said last is the better one.
    fn close_on_error(&mut self, reason: &str) {
        let said = self.pending.front().and_then(|pending| pending.chunk.error.as_ref());
        let reason = match said {
            Some(error) => CloseReason::ServerError(error.clone()),
            None => CloseReason::Io(format!(
                "lost the connection to {}: {reason}; check the server's log and the network between",
                self.label
            )),
        };
        self.has_lost_server |= self.broken.is_none();
        self.broken.get_or_insert(reason);
        self.wants_write = false;
        self.busy_wait.stop();
    }

    fn stop_busy_wait_when_idle(&mut self) {
        if self.pending.is_empty() || self.broken.is_some() {
            self.busy_wait.stop();
            self.sent_bytes = 0;
            self.socket.resume_user_timeout();
        }
    }

    /// Whether the reply that is due will be there sooner than a sleeper would wake.
    pub fn should_busy_wait(&self) -> bool {
        self.busy_wait.should_spin() && !self.has_to_send() && !self.has_ready_waiter()
    }

    /// Whether there is something that somebody waits for.
    pub fn has_ready_waiter(&self) -> bool {
        self.broken.is_some()
            || self.needs_poll
            || self.answered.iter().any(|pending| pending.awaited_bytes.is_some())
            || self.pending.front().is_some_and(PendingResponse::has_awaited)
            || (self.has_drain_waiter && !self.has_to_send())
            || (self.send_waiters > 0 && self.can_send())
            || (self.idle_waiters > 0 && self.is_reusable())
            || !self.async_messages.notifications.is_empty()
            || self.async_messages.has_many_notices()
    }

    /// Whether a long result comes in by small parts: to wait a little then lets more of it come
    /// together.
    pub fn should_coalesce_reads(&self) -> bool {
        let is_long_row = |pending: &PendingResponse| pending.received > LONG_RESULT_BYTES;
        self.pending.front().is_some_and(is_long_row)
            && self.last_read < MIN_READ_BYTES
            && !self.holds_more
            && !self.has_ready_waiter()
    }

    /// Says goodbye, if the socket takes it at once.
    pub fn terminate(&mut self) {
        if self.broken.is_none() && self.is_idle() {
            frontend::terminate(&mut self.send_buffer);
            let _ = self.try_send();
        }
        self.socket.finish();
        self.mark_closed("the connection is closed".into());
    }
}
