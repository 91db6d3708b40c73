//! One connection's bytes: what is to be sent, what has come, and whose replies are due. It never
//! waits: whoever drives it says when to send and to receive.

mod due;
mod inbox;
mod long;
mod phase;
mod sort;
mod unasked;

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use postgres_protocol::message::frontend;

pub use due::Arrived;
use due::Due;
pub(super) use due::OnCopy;
use inbox::{INBOX_MOST, Inbox};
pub(super) use phase::Phase;
pub use unasked::Notification;
use unasked::Unasked;

use super::names::NameWatch;
use super::pace::Pace;
use super::socket::{Handle, Socket, in_words};
use super::spin::Spin;
use super::state::SessionState;
use crate::error::{Error, Result, ServerError};

/// How many chunks are sent in one call: a COPY's have their headers beside them.
const SLICES_AT_MOST: usize = 8;

/// The bytes of one connection.
#[expect(clippy::struct_excessive_bools, reason = "each is true or not whatever the others are")]
pub(super) struct Line {
    socket: Socket,
    inbox: Inbox,
    /// What is to be sent: first the chunks, then what is written here.
    pub outbox: BytesMut,
    chunks: VecDeque<Bytes>,
    /// The replies that are due, in the order of their requests.
    due: VecDeque<Due>,
    /// Replies that have ended and wait to be taken.
    answered: VecDeque<Due>,
    /// Room that a reader has given back: a long result moves through it part by part.
    spare: Vec<u8>,
    next_ticket: u64,
    /// The request whose whole answer was taken last.
    pub last_answered: u64,
    spin: Spin,
    /// The request that is not all sent yet: nobody else may send.
    open: Option<u64>,
    /// No request begins while a cancellation is under way: it could hit the next statement.
    pub held_back: u32,
    /// How many there were.
    pub cancellations: u64,
    /// The network or the server has ended the connection.
    pub has_lost_server: bool,
    /// The server has refused to write, since it only reads (25006).
    pub was_read_only: bool,
    /// One of them was sent, and not answered: it may come through at any time.
    has_unanswered_cancel: bool,
    /// No request is made now: an operation that was interrupted is polled, to hear how it ends.
    pub refuses: bool,
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
    pub unasked: Unasked,
    broken: Option<Lost>,
    /// How far the login is.
    pub phase: Phase,
    /// The bytes that came last.
    last_read: usize,
    /// TLS may have more for us, of which the socket knows nothing.
    pub holds_more: bool,
    /// Somebody waits until all has been sent.
    pub wants_room: bool,
    /// An operation is to be polled though nothing has come: another one has written for it.
    pub has_to_poll: bool,
    /// So many wait until an open request is closed.
    pub turns_wanted: usize,
    /// So many wait until all has been said and answered.
    pub quiets_wanted: usize,
    /// Where the other end is, for messages.
    label: String,
}

/// Why nothing more can be said.
#[derive(Debug, Clone)]
pub(super) enum Lost {
    /// The connection broke.
    Broken(String),
    /// The server ended it, and said why.
    Ended(Box<ServerError>),
    /// A setting made it unfit for us.
    Unfit(String),
}

impl Lost {
    pub fn error(&self) -> Error {
        match self {
            Self::Broken(reason) => Error::Connection(reason.clone()),
            Self::Ended(error) => Error::Server(error.clone()),
            Self::Unfit(reason) => Error::NotSupported(reason.clone()),
        }
    }
}

/// A result of which so much has come is long.
const LONG_BYTES: usize = 256 << 10;
/// A read of so much is worth being woken for. The server writes 8 KiB at a time.
const PART_BYTES: usize = 64 << 10;
/// How long what its caller gave up may take to end while somebody waits for that.
pub const GRACE: Duration = Duration::from_millis(250);
/// Any server's system takes so many bytes of a request, whatever the server does meanwhile.
const TAKEN_BYTES: usize = 32 << 10;

impl Line {
    pub fn new(socket: Socket, label: String, spin: Spin, names: NameWatch) -> Self {
        Self {
            socket,
            inbox: Inbox { buffer: Vec::new(), start: 0, end: 0 },
            outbox: BytesMut::new(),
            chunks: VecDeque::new(),
            due: VecDeque::new(),
            answered: VecDeque::new(),
            spare: Vec::new(),
            next_ticket: 0,
            last_answered: 0,
            spin,
            open: None,
            held_back: 0,
            cancellations: 0,
            has_lost_server: false,
            was_read_only: false,
            has_unanswered_cancel: false,
            refuses: false,
            cleanup_deadline: None,
            sent_bytes: 0,
            wants_write: false,
            status: 0,
            names,
            state: SessionState::default(),
            unasked: Unasked::default(),
            broken: None,
            phase: Phase::Login,
            last_read: 0,
            holds_more: false,
            wants_room: false,
            has_to_poll: false,
            turns_wanted: 0,
            quiets_wanted: 0,
            label,
        }
    }

    pub fn handle(&self) -> Handle {
        self.socket.handle()
    }

    /// Why nothing more can be said.
    pub fn broken(&self) -> Option<&Lost> {
        self.broken.as_ref()
    }

    /// Gives the connection up.
    pub fn break_off(&mut self, reason: String) {
        self.broken.get_or_insert(Lost::Broken(reason));
        self.wants_write = false;
        self.spin.rest();
    }

    /// What the server said last of its transaction: I outside of one, T in one, E in a failed one.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// Whether all has been said and answered.
    pub fn is_quiet(&self) -> bool {
        self.due.is_empty() && !self.has_to_send()
    }

    /// Whether all has been said and answered, and no cancellation is under way.
    pub fn is_free(&self) -> bool {
        self.is_quiet() && self.held_back == 0
    }

    /// Whether something that its caller gave up has not ended, or is being cancelled.
    fn is_being_cleaned(&self) -> bool {
        self.broken.is_none() && (self.held_back > 0 || self.has_abandoned())
    }

    /// A caller gives up what runs here: it is to end by the time that this gives back.
    pub fn begin_cleanup(&mut self) -> Instant {
        *self.cleanup_deadline.get_or_insert_with(|| Instant::now() + GRACE)
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
    pub fn may_begin(&self) -> bool {
        self.open.is_none() && self.held_back == 0
    }

    /// How many requests are not answered yet, where another caller's read may be sent behind them: outside of a
    /// transaction, and with no cancellation under way that could hit it.
    pub fn reads_ahead(&self) -> Option<usize> {
        let is_joinable = self.may_begin()
            && self.broken.is_none()
            && !self.has_unanswered_cancel
            && self.status == b'I';
        is_joinable.then_some(self.due.len())
    }

    /// Makes room for the reply to a request, which is then written to the outbox. An open one is
    /// not sent at once: nobody else may begin until it is closed.
    pub fn begin(&mut self, open: bool, on_copy: OnCopy, pace: &Arc<Pace>) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        if self.due.is_empty() {
            self.spin.asked(pace);
        }
        self.due.push_back(Due::new(ticket, on_copy, Arc::clone(pace)));
        self.open = open.then_some(ticket);
        ticket
    }

    /// The last request.
    pub fn last_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Whether any reply that is due is not wanted.
    pub fn has_abandoned(&self) -> bool {
        self.broken.is_none() && self.due.iter().any(|due| due.abandoned)
    }

    /// Whether nobody wants any reply that is due.
    pub fn is_abandoned(&self) -> bool {
        self.due.iter().all(|due| due.abandoned)
    }

    /// What the server is to answer now, if nobody wants the reply and it is this request or one before
    /// it.
    pub fn runs_in_vain(&self, ticket: u64) -> Option<u64> {
        let first = self.due.front().filter(|_| self.broken.is_none())?;
        let is_vain = first.abandoned || first.cancelled;
        (is_vain && first.ticket <= ticket).then_some(first.ticket)
    }

    /// All that is due is to be cancelled, though its end is wanted; tells whether it was sent whole.
    pub fn cancel_all(&mut self) -> bool {
        if self.open.is_some() {
            return false;
        }
        for due in &mut self.due {
            due.cancelled = true;
        }
        true
    }

    /// Takes back a request of which nothing was written.
    pub fn take_back(&mut self, ticket: u64) {
        self.due.retain(|due| due.ticket != ticket);
        self.rest_when_quiet();
        self.close(ticket);
    }

    /// The request is all written: nobody waits to write more of it.
    pub fn close(&mut self, ticket: u64) {
        if self.open == Some(ticket) {
            self.open = None;
            self.wants_room = false;
        }
    }

    /// Sends bytes as they are, after what is in the outbox.
    pub fn send_chunk(&mut self, chunk: Bytes) {
        if !self.outbox.is_empty() {
            self.chunks.push_back(self.outbox.split().freeze());
        }
        self.chunks.push_back(chunk);
    }

    /// Whether an error has come for a request.
    pub fn has_failed(&self, ticket: u64) -> bool {
        let is_it = |due: &&Due| due.ticket == ticket;
        let failed = |due: &Due| due.arrived.error.is_some();
        self.broken.is_some()
            || self.due.iter().chain(&self.answered).find(is_it).is_some_and(failed)
    }

    pub fn has_to_send(&self) -> bool {
        !self.outbox.is_empty() || !self.chunks.is_empty()
    }

    /// Takes what has come for a request: all of it when it has ended, or else so many bytes at
    /// the least.
    pub fn take(&mut self, ticket: u64, least_bytes: usize) -> Option<Result<Arrived>> {
        let place = self.answered.iter().position(|due| due.ticket == ticket);
        if let Some(due) = place.and_then(|place| self.answered.remove(place)) {
            self.last_answered = ticket;
            return Some(Ok(due.arrived));
        }
        if let Some(lost) = &self.broken {
            return Some(Err(lost.error()));
        }
        let due = self.due.iter_mut().find(|due| due.ticket == ticket)?;
        due.awaited_bytes = Some(least_bytes);
        if !due.has_awaited() {
            return None;
        }
        due.awaited_bytes = None;
        Some(Ok(std::mem::take(&mut due.arrived)))
    }

    /// Takes what has come for a request, without waiting for more.
    pub fn take_at_hand(&mut self, ticket: u64) -> Option<Result<Arrived>> {
        let taken = self.take(ticket, 1);
        if let Some(due) = self.due.iter_mut().find(|due| due.ticket == ticket) {
            due.awaited_bytes = None;
        }
        taken
    }

    /// Takes back the room of a part that is read.
    pub fn give_back(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        if bytes.capacity() <= 2 * INBOX_MOST && bytes.capacity() > self.spare.capacity() {
            self.spare = bytes;
        }
    }

    /// The reply to a request is not wanted.
    pub fn abandon(&mut self, ticket: u64) {
        self.answered.retain(|due| due.ticket != ticket);
        if let Some(due) = self.due.iter_mut().find(|due| due.ticket == ticket) {
            due.abandoned = true;
            due.arrived = Arrived::default();
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
            self.lose(&in_words(&error));
        }
    }

    fn try_send(&mut self) -> io::Result<()> {
        self.wants_write = false;
        while self.has_to_send() {
            let waiting = self.chunks.iter().map(|chunk| &**chunk).chain([&*self.outbox]);
            let mut slices = [IoSlice::new(&[]); SLICES_AT_MOST];
            let mut count = 0;
            for (slice, bytes) in slices.iter_mut().zip(waiting.filter(|bytes| !bytes.is_empty())) {
                *slice = IoSlice::new(bytes);
                count += 1;
            }
            match self.socket.write_vectored(slices.get(..count).unwrap_or_default())? {
                Some(written) => self.forget_sent(written),
                None => return self.must_wait(),
            }
        }
        self.wants_write = !self.socket.flush()?;
        Ok(())
    }

    /// Takes bytes that have been sent off the front of what is to be sent.
    fn forget_sent(&mut self, mut count: usize) {
        self.sent_bytes += count;
        if self.sent_bytes > TAKEN_BYTES {
            self.socket.suspend_user_timeout();
        }
        while let Some(chunk) = self.chunks.front_mut() {
            if count < chunk.len() {
                return chunk.advance(count);
            }
            count -= chunk.len();
            self.chunks.pop_front();
        }
        if count == self.outbox.len() {
            self.outbox.clear();
            // A long value was sent, and nothing keeps its room.
            if self.outbox.capacity() > INBOX_MOST {
                self.outbox = BytesMut::new();
            }
        } else {
            self.outbox.advance(count);
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the end of a function that may fail")]
    fn must_wait(&mut self) -> io::Result<()> {
        self.wants_write = true;
        Ok(())
    }

    /// Takes in what has come; tells whether that was anything.
    pub fn receive(&mut self) -> bool {
        if self.broken.is_some() {
            return false;
        }
        self.holds_more = false;
        if let Some(came) = self.receive_long() {
            return came;
        }
        let room = self.inbox.room();
        let size = room.len();
        match self.socket.read(room) {
            Ok(None) => false,
            Ok(Some(0)) => {
                self.lose("the server closed the connection");
                true
            }
            Ok(Some(count)) => {
                self.inbox.end += count;
                self.last_read = count;
                self.spin.heard();
                if let Err(error) = self.sort() {
                    self.lose(&format!("the server's messages make no sense: {error}"));
                    return true;
                }
                self.rest_when_quiet();
                let filled = count == size;
                if filled && self.inbox.buffer.len() < INBOX_MOST {
                    self.inbox.grow();
                }
                self.holds_more = filled && self.socket.is_secure();
                true
            }
            Err(error) => {
                self.lose(&in_words(&error));
                true
            }
        }
    }

    /// The connection is lost, for this reason; what the server said last is the better one.
    fn lose(&mut self, reason: &str) {
        let said = self.due.front().and_then(|due| due.arrived.error.as_ref());
        let lost = match said {
            Some(error) => Lost::Ended(error.clone()),
            None => Lost::Broken(format!(
                "lost the connection to {}: {reason}; check the server's log and the network between",
                self.label
            )),
        };
        self.has_lost_server |= self.broken.is_none();
        self.broken.get_or_insert(lost);
        self.wants_write = false;
        self.spin.rest();
    }

    fn rest_when_quiet(&mut self) {
        if self.due.is_empty() || self.broken.is_some() {
            self.spin.rest();
            self.sent_bytes = 0;
            self.socket.resume_user_timeout();
        }
    }

    /// Whether the reply that is due will be there sooner than a sleeper would wake.
    pub fn spins(&self) -> bool {
        self.spin.goes_on() && !self.has_to_send() && !self.has_news()
    }

    /// Whether there is something that somebody waits for.
    pub fn has_news(&self) -> bool {
        self.broken.is_some()
            || self.has_to_poll
            || self.answered.iter().any(|due| due.awaited_bytes.is_some())
            || self.due.front().is_some_and(Due::has_awaited)
            || (self.wants_room && !self.has_to_send())
            || (self.turns_wanted > 0 && self.may_begin())
            || (self.quiets_wanted > 0 && self.is_free())
            || !self.unasked.notifications.is_empty()
            || self.unasked.has_many_notices()
    }

    /// Whether a long result comes in by small parts: to wait a little then lets more of it come
    /// together.
    pub fn trickles(&self) -> bool {
        let is_long = |due: &Due| due.received > LONG_BYTES;
        self.due.front().is_some_and(is_long)
            && self.last_read < PART_BYTES
            && !self.holds_more
            && !self.has_news()
    }

    /// Says goodbye, if the socket takes it at once.
    pub fn say_goodbye(&mut self) {
        if self.broken.is_none() && self.is_quiet() {
            frontend::terminate(&mut self.outbox);
            let _ = self.try_send();
        }
        self.socket.finish();
        self.break_off("the connection is closed".into());
    }
}
