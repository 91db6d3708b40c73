//! One connection's bytes: what is to be sent, what has come, and whose replies are due. It never
//! waits: whoever drives it says when to send and to receive.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use postgres_protocol::message::frontend;

use super::fault;
use super::socket::{Handle, Socket, in_words};
use super::spin::{Pace, Spin};
use crate::error::{Error, Result, ServerError};
use crate::wire::Malformed;
use crate::wire::message::{self, Body, HEADER_BYTES, tag};

/// A notification that another session has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// What it was sent with.
    pub payload: String,
    /// The process that sent it.
    pub pid: i32,
}

/// What the server says unasked, until somebody takes it.
#[derive(Default)]
pub(super) struct Unasked {
    pub settings: HashMap<String, String>,
    /// Warnings and the like, each with its severity.
    pub notices: VecDeque<(String, ServerError)>,
    pub notifications: VecDeque<Notification>,
    /// The channels that somebody listens to.
    pub channels: Vec<String>,
}

impl Unasked {
    /// The encoding of texts that come, if it is another than ours.
    fn encoding(&self) -> Option<&str> {
        let encoding = self.settings.get("client_encoding").map(String::as_str);
        encoding.filter(|encoding| !matches!(*encoding, "UTF8" | "UNICODE"))
    }

    fn note(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        let mut rest = Body(body);
        match kind {
            tag::SETTING => {
                let name = rest.text()?.into_owned();
                self.settings.insert(name, rest.text()?.into_owned());
            }
            tag::NOTIFICATION => {
                let pid = rest.int32()?;
                let channel = rest.text()?.into_owned();
                let payload = rest.text()?.into_owned();
                // A LISTEN of the caller's own has nobody to take what it brings.
                if self.channels.contains(&channel) {
                    self.notifications.push_back(Notification { channel, payload, pid });
                }
            }
            _ => self.notices.push_back((fault::severity(body), fault::told(body))),
        }
        Ok(())
    }
}

/// Bytes of messages that have come for a request.
#[derive(Debug, Default)]
pub struct Arrived {
    /// Whole messages.
    pub bytes: Vec<u8>,
    /// `ReadyForQuery` was the last of them.
    pub ended: bool,
    /// A COPY that the statement began was made to fail.
    pub copy_refused: bool,
    /// The error among all that has come.
    pub error: Option<Box<ServerError>>,
}

/// What becomes of a COPY from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnCopy {
    /// It is what was asked for.
    Goes,
    /// It fails: the request was a simple query.
    Fails,
    /// It fails, and a Sync must follow: the server has taken no notice of the one before.
    FailsAndSyncs,
}

struct Due {
    ticket: u64,
    on_copy: OnCopy,
    arrived: Arrived,
    /// The bytes that have come in all.
    received: usize,
    /// Somebody waits for a part of it, of so many bytes.
    awaited_bytes: Option<usize>,
    /// Nobody wants it any more.
    abandoned: bool,
}

impl Due {
    fn new(ticket: u64, on_copy: OnCopy) -> Self {
        let arrived = Arrived::default();
        Self { ticket, on_copy, arrived, received: 0, awaited_bytes: None, abandoned: false }
    }

    /// Whether the part that somebody waits for is there.
    fn has_awaited(&self) -> bool {
        self.awaited_bytes.is_some_and(|least| self.arrived.bytes.len() >= least)
    }
}

/// The bytes of one connection.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
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
    spin: Spin,
    /// The request that is not all sent yet: nobody else may send.
    open: Option<u64>,
    /// No request begins while a cancellation is under way: it could hit the next statement.
    pub held_back: u32,
    /// The socket takes no more at present.
    pub wants_write: bool,
    status: u8,
    pub unasked: Unasked,
    broken: Option<Lost>,
    /// The server knows who we are.
    pub begun: bool,
    /// The bytes that came last.
    last_read: usize,
    /// TLS may have more for us, of which the socket knows nothing.
    pub holds_more: bool,
    /// Somebody waits until all has been sent.
    pub wants_room: bool,
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

/// A buffer whose bytes are all initialised, with a window of what has come.
struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

const INBOX_BYTES: usize = 16 << 10;
const INBOX_MOST: usize = 1 << 20;

/// A result of which so much has come is long.
const LONG_BYTES: usize = 256 << 10;
/// A read of so much is worth being woken for. The server writes 8 KiB at a time.
const PART_BYTES: usize = 64 << 10;

impl Inbox {
    /// Room to read into, behind the beginning of a message: at the front, which is still in a
    /// core's cache.
    fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == 0 && self.buffer.len() > INBOX_MOST {
            self.buffer.truncate(INBOX_MOST);
            self.buffer.shrink_to_fit();
        }
        if self.end == self.buffer.len() {
            self.grow();
        }
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    fn grow(&mut self) {
        self.buffer.resize((self.buffer.len() * 2).max(INBOX_BYTES), 0);
    }
}

impl Line {
    pub fn new(socket: Socket, label: String, spin: Spin) -> Self {
        Self {
            socket,
            inbox: Inbox { buffer: Vec::new(), start: 0, end: 0 },
            outbox: BytesMut::new(),
            chunks: VecDeque::new(),
            due: VecDeque::new(),
            answered: VecDeque::new(),
            spare: Vec::new(),
            next_ticket: 0,
            spin,
            open: None,
            held_back: 0,
            wants_write: false,
            status: 0,
            unasked: Unasked::default(),
            broken: None,
            begun: false,
            last_read: 0,
            holds_more: false,
            wants_room: false,
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

    /// Whether another request may be sent.
    pub fn may_begin(&self) -> bool {
        self.open.is_none() && self.held_back == 0
    }

    /// Makes room for the reply to a request, which is then written to the outbox. An open one is
    /// not sent at once: nobody else may begin until it is closed.
    pub fn begin(&mut self, open: bool, on_copy: OnCopy, pace: &Arc<Pace>) -> u64 {
        self.next_ticket += 1;
        let ticket = self.next_ticket;
        if self.due.is_empty() {
            self.spin.asked(pace);
        }
        self.due.push_back(Due::new(ticket, on_copy));
        self.open = open.then_some(ticket);
        ticket
    }

    /// The last request.
    pub fn last_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Whether a request, or one before it, has not been answered yet.
    pub fn waits_for(&self, ticket: u64) -> bool {
        self.broken.is_none() && self.due.front().is_some_and(|due| due.ticket <= ticket)
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
        while let Some(chunk) = self.chunks.front_mut() {
            match self.socket.write(chunk)? {
                Some(count) if count == chunk.len() => _ = self.chunks.pop_front(),
                Some(count) => _ = chunk.split_to(count),
                None => return self.must_wait(),
            }
        }
        while !self.outbox.is_empty() {
            match self.socket.write(&self.outbox)? {
                Some(count) if count == self.outbox.len() => self.outbox.clear(),
                Some(count) => _ = self.outbox.split_to(count),
                None => return self.must_wait(),
            }
        }
        self.wants_write = !self.socket.flush()?;
        Ok(())
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

    /// Hands whole messages to the requests they belong to.
    fn sort(&mut self) -> Result<(), Malformed> {
        let Self { inbox, due, status, unasked, answered, outbox, begun, spare, .. } = self;
        // Messages of one request that follow each other are handed over together.
        let (mut from, mut at) = (inbox.start, inbox.start);
        let mut hand_over = |due: &mut VecDeque<Due>, bytes: &[u8]| {
            let Some(front) = due.front_mut() else { return };
            front.received += bytes.len();
            if front.abandoned {
                return;
            }
            let arrived = &mut front.arrived.bytes;
            if arrived.capacity() == 0 && bytes.len() >= INBOX_BYTES {
                *arrived = std::mem::take(spare);
            }
            arrived.extend_from_slice(bytes);
        };
        loop {
            let rest = inbox.buffer.get(at..inbox.end).unwrap_or_default();
            let Some(length) = message::length(rest)? else { break };
            let Some(whole) = rest.get(..length) else { break };
            let (kind, body) = (rest.first().copied(), whole.get(HEADER_BYTES..));
            let (kind, body) = (kind.unwrap_or_default(), body.unwrap_or_default());
            let next = at + length;
            match kind {
                tag::NOTICE | tag::NOTIFICATION | tag::SETTING => {
                    hand_over(due, inbox.buffer.get(from..at).unwrap_or_default());
                    from = next;
                    unasked.note(kind, body)?;
                    if let Some(encoding) = unasked.encoding().filter(|_| *begun) {
                        self.broken = Some(Lost::Unfit(format!(
                            "client_encoding was set to {encoding}, and howdah speaks UTF8 alone, so that the connection was given up; text comes as Python's str, whatever the server's encoding"
                        )));
                        return Ok(());
                    }
                }
                tag::ERROR => {
                    if let Some(front) = due.front_mut() {
                        front.arrived.error = Some(Box::new(fault::told(body)));
                    } else {
                        let error = Box::new(fault::told(body));
                        self.broken = Some(Lost::Ended(error));
                        return Ok(());
                    }
                }
                tag::READY => {
                    *status = match body {
                        [status @ (b'I' | b'T' | b'E')] => *status,
                        _ => return Err(Malformed("a transaction of no known status".into())),
                    };
                    hand_over(due, inbox.buffer.get(from..next).unwrap_or_default());
                    from = next;
                    let mut ended =
                        due.pop_front().ok_or_else(|| Malformed("an answer to nothing".into()))?;
                    ended.arrived.ended = true;
                    if !ended.abandoned {
                        answered.push_back(ended);
                    }
                }
                tag::COPY_IN => {
                    if let Some(front) = due.front_mut() {
                        front.arrived.copy_refused |= refuse_copy(front.on_copy, outbox)?;
                    }
                }
                _ if !tag::ALL.contains(&kind) && (*begun || !tag::AT_START.contains(&kind)) => {
                    return Err(Malformed(format!("a message {:?}", char::from(kind))));
                }
                _ if due.is_empty() => {
                    return Err(Malformed(format!("a message {:?} unasked", char::from(kind))));
                }
                _ => {}
            }
            at = next;
        }
        hand_over(due, inbox.buffer.get(from..at).unwrap_or_default());
        inbox.start = at;
        Ok(())
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
        self.broken.get_or_insert(lost);
        self.spin.rest();
    }

    fn rest_when_quiet(&mut self) {
        if self.due.is_empty() || self.broken.is_some() {
            self.spin.rest();
        }
    }

    /// Whether the reply that is due will be there sooner than a sleeper would wake.
    pub fn spins(&self) -> bool {
        self.spin.goes_on() && !self.has_to_send() && !self.has_news()
    }

    /// Whether there is something that somebody waits for.
    pub fn has_news(&self) -> bool {
        self.broken.is_some()
            || self.answered.iter().any(|due| due.awaited_bytes.is_some())
            || self.due.front().is_some_and(Due::has_awaited)
            || (self.wants_room && !self.has_to_send())
            || (self.turns_wanted > 0 && self.may_begin())
            || (self.quiets_wanted > 0 && self.is_free())
            || !self.unasked.notifications.is_empty()
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

/// Answers a COPY that the caller's own statement began: rows come by a load alone.
fn refuse_copy(on_copy: OnCopy, out: &mut BytesMut) -> Result<bool, Malformed> {
    if on_copy != OnCopy::Goes {
        let failed = frontend::copy_fail("a COPY FROM STDIN is for load() alone", out);
        failed.map_err(|error| Malformed(error.to_string()))?;
    }
    if on_copy == OnCopy::FailsAndSyncs {
        frontend::sync(out);
    }
    Ok(on_copy != OnCopy::Goes)
}
