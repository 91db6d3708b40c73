//! Hands the server's messages to the requests that they answer.

use std::collections::VecDeque;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::super::fault;
use super::due::{Due, OnCopy};
use super::inbox::INBOX_BYTES;
use super::long::is_long;
use super::phase::Phase;
use super::{Line, Lost};
use crate::wire::Malformed;
use crate::wire::message::{self, HEADER_BYTES, tag};

impl Line {
    /// Hands whole messages to the requests they belong to.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of message")]
    pub(super) fn sort(&mut self) -> Result<(), Malformed> {
        let Self {
            inbox, due, status, unasked, answered, outbox, phase, spare, names, state, ..
        } = self;
        // Messages of one request that follow each other are handed over together.
        let (mut from, mut at) = (inbox.start, inbox.start);
        let mut gave_up_ended = false;
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
            phase.check_length(length)?;
            let Some(whole) = rest.get(..length) else {
                let kind = rest.first().copied().unwrap_or_default();
                if is_long(kind, length) && !due.is_empty() {
                    hand_over(due, inbox.buffer.get(from..at).unwrap_or_default());
                    if let Some(front) = due.front_mut() {
                        front.begin_long(rest, length);
                    }
                    (from, at) = (inbox.end, inbox.end);
                }
                break;
            };
            let (kind, body) = (rest.first().copied(), whole.get(HEADER_BYTES..));
            let (kind, body) = (kind.unwrap_or_default(), body.unwrap_or_default());
            let next = at + length;
            if *phase != Phase::Begun {
                phase.note(kind, body)?;
            }
            match kind {
                tag::NOTICE | tag::NOTIFICATION | tag::SETTING => {
                    hand_over(due, inbox.buffer.get(from..at).unwrap_or_default());
                    from = next;
                    // Before PostgreSQL 18 the search path is not reported.
                    if unasked.note(kind, body, state)? {
                        names.path_changed();
                    }
                    if let Some(encoding) = unasked.encoding().filter(|_| *phase == Phase::Begun) {
                        self.broken = Some(Lost::Unfit(format!(
                            "client_encoding was set to {encoding}, and howdah speaks UTF8 alone, so that the connection was given up; text comes as Python's str, whatever the server's encoding"
                        )));
                        return Ok(());
                    }
                }
                tag::ERROR => {
                    let error = Box::new(fault::told(body));
                    self.was_read_only |= error.sqlstate == "25006";
                    if let Some(front) = due.front_mut() {
                        front.arrived.error = Some(error);
                    } else {
                        self.has_lost_server = true;
                        self.broken = Some(Lost::Ended(error));
                        return Ok(());
                    }
                }
                tag::READY => {
                    *status = match body {
                        [status @ (b'I' | b'T' | b'E')] => *status,
                        _ => return Err(Malformed("a transaction of no known status".into())),
                    };
                    names.ready(*status);
                    hand_over(due, inbox.buffer.get(from..next).unwrap_or_default());
                    from = next;
                    let mut ended =
                        due.pop_front().ok_or_else(|| Malformed("an answer to nothing".into()))?;
                    ended.arrived.ended = true;
                    if ended.abandoned {
                        gave_up_ended = true;
                    } else {
                        answered.push_back(ended);
                    }
                }
                tag::COPY_IN => {
                    if let Some(front) = due.front_mut() {
                        front.arrived.copy_refused |= refuse_copy(front.on_copy, outbox)?;
                    }
                }
                tag::COMPLETE if !due.is_empty() => {
                    let mentions = due.front().map(|front| front.pace.mentions).unwrap_or_default();
                    names.complete(mentions, body, unasked.reports_search_path());
                    state.note_tag(body);
                }
                _ if !tag::ALL.contains(&kind)
                    && (*phase == Phase::Begun || !tag::AT_START.contains(&kind)) =>
                {
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
        if gave_up_ended {
            self.note_cleanup();
        }
        Ok(())
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
