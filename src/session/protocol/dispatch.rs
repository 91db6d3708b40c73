//! Splits the received bytes into messages, and gives each to the request or the part of the protocol that it belongs to.

use postgres_protocol::message::frontend;

use super::super::server_error;
use super::login_phase::LoginPhase;
use super::long_rows::is_long_row;
use super::response::CopyInPolicy;
use super::{CloseReason, Protocol};
use crate::wire::Malformed;
use crate::wire::message::{self, HEADER_BYTES, tag};

/// The SQLSTATE `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// What to do with a message after it was handled.
enum Delivery {
    /// It is a part of the first response.
    Part,
    /// It is the last part of the first response.
    LastPart,
    /// It is a part of no response.
    Consumed,
    /// The connection is closed: nothing more is dispatched.
    Closed,
}

impl Protocol {
    /// Dispatches the complete messages that were received.
    pub(super) fn dispatch_messages(&mut self) -> Result<(), Malformed> {
        // The buffer is moved out, so that a message can be borrowed while it is handled.
        let mut received = std::mem::take(&mut self.recv_buffer);
        let bytes = received.buffer.get(received.start..received.end).unwrap_or_default();
        let dispatched = self.dispatch(bytes);
        received.start += dispatched.as_ref().copied().unwrap_or(0);
        self.recv_buffer = received;
        dispatched.map(|_| ())
    }

    /// Dispatches the complete messages of `received`; returns their length. The messages of one response that follow each other are
    /// appended to it at once: those of `run_start..at` are not yet.
    fn dispatch(&mut self, received: &[u8]) -> Result<usize, Malformed> {
        let (mut run_start, mut at) = (0, 0);
        let between = |start: usize, end: usize| received.get(start..end).unwrap_or_default();
        loop {
            let rest = received.get(at..).unwrap_or_default();
            let Some(length) = message::length(rest)? else { break };
            self.login_phase.check_length(length)?;
            let kind = rest.first().copied().unwrap_or_default();
            let Some(whole) = rest.get(..length) else {
                if is_long_row(kind, length) && !self.pending.is_empty() {
                    self.pending.append_to_first(between(run_start, at));
                    self.pending.begin_long_row(rest, length);
                    return Ok(received.len());
                }
                break;
            };
            let next = at + length;
            match self.handle_message(kind, whole.get(HEADER_BYTES..).unwrap_or_default())? {
                Delivery::Part => {}
                Delivery::Consumed => {
                    self.pending.append_to_first(between(run_start, at));
                    run_start = next;
                }
                Delivery::LastPart => {
                    self.pending.append_to_first(between(run_start, next));
                    run_start = next;
                    self.complete_response()?;
                }
                Delivery::Closed => return Ok(next),
            }
            at = next;
        }
        self.pending.append_to_first(between(run_start, at));
        Ok(at)
    }

    #[inline]
    fn handle_message(&mut self, kind: u8, body: &[u8]) -> Result<Delivery, Malformed> {
        if self.login_phase != LoginPhase::Begun {
            self.login_phase.note(kind, body)?;
        }
        match kind {
            tag::NOTICE | tag::NOTIFICATION | tag::SETTING => {
                return self.handle_async_message(kind, body);
            }
            tag::ERROR => return Ok(self.handle_error(body)),
            tag::READY => return self.handle_ready(body),
            tag::COPY_IN => self.handle_copy_in()?,
            tag::COMPLETE if !self.pending.is_empty() => self.handle_complete(body),
            _ if !self.is_allowed(kind) => {
                return Err(Malformed(format!("a message {:?}", char::from(kind))));
            }
            _ if self.pending.is_empty() => {
                let kind = char::from(kind);
                return Err(Malformed(format!(
                    "a message {kind:?}, and no request is waiting for a response"
                )));
            }
            _ => {}
        }
        Ok(Delivery::Part)
    }

    fn is_allowed(&self, kind: u8) -> bool {
        tag::ALL.contains(&kind)
            || (self.login_phase != LoginPhase::Begun && tag::AT_START.contains(&kind))
    }

    /// Keeps a notice, a notification or a reported setting, which the server may send at any time.
    fn handle_async_message(&mut self, kind: u8, body: &[u8]) -> Result<Delivery, Malformed> {
        // Servers before PostgreSQL 18 do not report the search path.
        if self.async_messages.note(kind, body, &mut self.state)? {
            self.names.path_changed();
        }
        match self.async_messages.encoding().filter(|_| self.login_phase == LoginPhase::Begun) {
            None => Ok(Delivery::Consumed),
            Some(encoding) => {
                self.close_reason = Some(CloseReason::Unsupported(format!(
                    "client_encoding was set to {encoding}, and howdah only supports UTF8, so the connection was closed; leave client_encoding as it is: the server converts text to UTF8 whatever the database's encoding"
                )));
                Ok(Delivery::Closed)
            }
        }
    }

    /// Keeps the error with its request. One that belongs to no request ends the connection.
    fn handle_error(&mut self, body: &[u8]) -> Delivery {
        let error = Box::new(server_error::parse_error_response(body));
        self.was_read_only |= error.sqlstate == READ_ONLY;
        if let Some(first) = self.pending.first_mut() {
            first.chunk.error = Some(error);
            return Delivery::Part;
        }
        self.has_lost_server = true;
        self.close_reason = Some(CloseReason::ServerError(error));
        Delivery::Closed
    }

    /// Notes the transaction status of `ReadyForQuery`, which ends a response.
    fn handle_ready(&mut self, body: &[u8]) -> Result<Delivery, Malformed> {
        self.status = match body {
            [status @ (b'I' | b'T' | b'E')] => *status,
            _ => {
                return Err(Malformed("ReadyForQuery with an unknown transaction status".into()));
            }
        };
        self.names.ready(self.status);
        Ok(Delivery::LastPart)
    }

    fn complete_response(&mut self) -> Result<(), Malformed> {
        if self.pending.complete_first()? {
            self.note_cleanup();
        }
        Ok(())
    }

    /// Refuses a COPY FROM STDIN that a caller's own statement has begun: only a load sends rows.
    fn handle_copy_in(&mut self) -> Result<(), Malformed> {
        let Some(first) = self.pending.first_mut() else { return Ok(()) };
        if first.copy_in_policy == CopyInPolicy::Accept {
            return Ok(());
        }
        first.chunk.copy_refused = true;
        let out = &mut self.sending.buffer;
        frontend::copy_fail("only load() can run COPY FROM STDIN", out)
            .map_err(|error| Malformed(error.to_string()))?;
        if first.copy_in_policy == CopyInPolicy::FailAndSync {
            frontend::sync(out);
        }
        Ok(())
    }

    /// Notes what a statement has changed, by its command tag.
    fn handle_complete(&mut self, tag: &[u8]) {
        let name_effect = self.pending.first().map(|first| first.latency.name_effect);
        let reports_path = self.async_messages.reports_search_path();
        self.names.complete(name_effect.unwrap_or_default(), tag, reports_path);
        self.state.note_tag(tag);
    }
}
