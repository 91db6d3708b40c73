//! Hands the server's messages to the requests that they answer.

use std::collections::VecDeque;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::super::server_error;
use super::login_phase::LoginPhase;
use super::long_rows::is_long_row;
use super::pending::{CopyInPolicy, PendingResponse};
use super::recv_buffer::RECV_BUFFER_BYTES;
use super::{CloseReason, Protocol};
use crate::wire::Malformed;
use crate::wire::message::{self, HEADER_BYTES, tag};

impl Protocol {
    /// Hands whole messages to the requests they belong to.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of message")]
    pub(super) fn dispatch_messages(&mut self) -> Result<(), Malformed> {
        let Self {
            recv_buffer,
            pending,
            status,
            async_messages,
            answered,
            send_buffer,
            login_phase,
            spare_buffer,
            names,
            state,
            ..
        } = self;
        // Messages of one request that follow each other are handed over together.
        let (mut from, mut at) = (recv_buffer.start, recv_buffer.start);
        let mut abandoned_ended = false;
        let mut append_to_first = |pending: &mut VecDeque<PendingResponse>, bytes: &[u8]| {
            let Some(front) = pending.front_mut() else { return };
            front.received += bytes.len();
            if front.abandoned {
                return;
            }
            let chunk = &mut front.chunk.bytes;
            if chunk.capacity() == 0 && bytes.len() >= RECV_BUFFER_BYTES {
                *chunk = std::mem::take(spare_buffer);
            }
            chunk.extend_from_slice(bytes);
        };
        loop {
            let rest = recv_buffer.buffer.get(at..recv_buffer.end).unwrap_or_default();
            let Some(length) = message::length(rest)? else { break };
            login_phase.check_length(length)?;
            let Some(whole) = rest.get(..length) else {
                let kind = rest.first().copied().unwrap_or_default();
                if is_long_row(kind, length) && !pending.is_empty() {
                    append_to_first(pending, recv_buffer.buffer.get(from..at).unwrap_or_default());
                    if let Some(front) = pending.front_mut() {
                        front.begin_long_row(rest, length);
                    }
                    (from, at) = (recv_buffer.end, recv_buffer.end);
                }
                break;
            };
            let (kind, body) = (rest.first().copied(), whole.get(HEADER_BYTES..));
            let (kind, body) = (kind.unwrap_or_default(), body.unwrap_or_default());
            let next = at + length;
            if *login_phase != LoginPhase::Begun {
                login_phase.note(kind, body)?;
            }
            match kind {
                tag::NOTICE | tag::NOTIFICATION | tag::SETTING => {
                    append_to_first(pending, recv_buffer.buffer.get(from..at).unwrap_or_default());
                    from = next;
                    // Before PostgreSQL 18 the search path is not reported.
                    if async_messages.note(kind, body, state)? {
                        names.path_changed();
                    }
                    if let Some(encoding) =
                        async_messages.encoding().filter(|_| *login_phase == LoginPhase::Begun)
                    {
                        self.broken = Some(CloseReason::Unsupported(format!(
                            "client_encoding was set to {encoding}, and howdah speaks UTF8 alone, so that the connection was given up; text comes as Python's str, whatever the server's encoding"
                        )));
                        return Ok(());
                    }
                }
                tag::ERROR => {
                    let error = Box::new(server_error::parse_error_response(body));
                    self.was_read_only |= error.sqlstate == "25006";
                    if let Some(front) = pending.front_mut() {
                        front.chunk.error = Some(error);
                    } else {
                        self.has_lost_server = true;
                        self.broken = Some(CloseReason::ServerError(error));
                        return Ok(());
                    }
                }
                tag::READY => {
                    *status = match body {
                        [status @ (b'I' | b'T' | b'E')] => *status,
                        _ => return Err(Malformed("a transaction of no known status".into())),
                    };
                    names.ready(*status);
                    append_to_first(
                        pending,
                        recv_buffer.buffer.get(from..next).unwrap_or_default(),
                    );
                    from = next;
                    let mut ended = pending
                        .pop_front()
                        .ok_or_else(|| Malformed("an answer to nothing".into()))?;
                    ended.chunk.ended = true;
                    if ended.abandoned {
                        abandoned_ended = true;
                    } else {
                        answered.push_back(ended);
                    }
                }
                tag::COPY_IN => {
                    if let Some(front) = pending.front_mut() {
                        front.chunk.copy_refused |=
                            answer_copy_in(front.copy_in_policy, send_buffer)?;
                    }
                }
                tag::COMPLETE if !pending.is_empty() => {
                    let mentions =
                        pending.front().map(|front| front.latency.mentions).unwrap_or_default();
                    names.complete(mentions, body, async_messages.reports_search_path());
                    state.note_tag(body);
                }
                _ if !tag::ALL.contains(&kind)
                    && (*login_phase == LoginPhase::Begun || !tag::AT_START.contains(&kind)) =>
                {
                    return Err(Malformed(format!("a message {:?}", char::from(kind))));
                }
                _ if pending.is_empty() => {
                    return Err(Malformed(format!("a message {:?} unasked", char::from(kind))));
                }
                _ => {}
            }
            at = next;
        }
        append_to_first(pending, recv_buffer.buffer.get(from..at).unwrap_or_default());
        recv_buffer.start = at;
        if abandoned_ended {
            self.note_cleanup();
        }
        Ok(())
    }
}

/// Answers a COPY that the caller's own statement began: rows come by a load alone.
fn answer_copy_in(copy_in_policy: CopyInPolicy, out: &mut BytesMut) -> Result<bool, Malformed> {
    if copy_in_policy != CopyInPolicy::Accept {
        let failed = frontend::copy_fail("a COPY FROM STDIN is for load() alone", out);
        failed.map_err(|error| Malformed(error.to_string()))?;
    }
    if copy_in_policy == CopyInPolicy::FailAndSync {
        frontend::sync(out);
    }
    Ok(copy_in_policy != CopyInPolicy::Accept)
}
