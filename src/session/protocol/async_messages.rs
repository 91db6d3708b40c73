//! Asynchronous messages, which the server may send at any time: settings, notices and notifications.

use std::collections::{HashMap, VecDeque};

use super::super::server_error;
use super::super::state::{SessionEffect, SessionState};
use crate::error::ServerError;
use crate::wire::Malformed;
use crate::wire::message::{Body, tag};

/// A notification that another session has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// The payload.
    pub payload: String,
    /// The server process of the session that sent it.
    pub pid: i32,
}

/// The bytes of buffered notices from which the handler takes them before the response ends. Fewer are taken at its end, by one call
/// of the handler, which needs the GIL.
const EARLY_NOTICE_BYTES: usize = 256 << 10;
/// The most bytes of notices that wait to be taken; later ones are dropped and counted. More than one read can receive, so that none
/// is dropped while an operation takes them.
const MAX_NOTICE_BYTES: usize = 8 << 20;
/// The most settings that are kept. PostgreSQL reports about 15; a hostile server must not fill the memory with others.
const MAX_SETTINGS: usize = 1000;

/// The asynchronous messages of one connection.
#[derive(Default)]
pub struct AsyncMessages {
    pub settings: HashMap<String, String>,
    /// Each with its severity and its size in bytes.
    notices: VecDeque<(String, ServerError, usize)>,
    /// Their size, approximately.
    notice_bytes: usize,
    /// How many were dropped because too many were waiting.
    notices_dropped: u64,
    pub notifications: VecDeque<Notification>,
    /// The channels of a listener.
    pub channels: Vec<String>,
}

/// The setting that decides what unqualified names mean.
const SEARCH_PATH: &str = "search_path";

impl AsyncMessages {
    /// The client encoding, if it is not UTF-8.
    pub fn encoding(&self) -> Option<&str> {
        let encoding = self.settings.get("client_encoding").map(String::as_str);
        encoding.filter(|encoding| !matches!(*encoding, "UTF8" | "UNICODE"))
    }

    /// Whether the server reports changes of the search path (PostgreSQL 18 and later).
    pub fn reports_search_path(&self) -> bool {
        self.settings.contains_key(SEARCH_PATH)
    }

    /// Keeps a message; returns whether it reports a new search path.
    pub fn note(
        &mut self,
        kind: u8,
        body: &[u8],
        state: &mut SessionState,
    ) -> Result<bool, Malformed> {
        let mut rest = Body(body);
        match kind {
            tag::SETTING => {
                let name = rest.text()?.into_owned();
                let is_path = name == SEARCH_PATH;
                let value = rest.text()?.into_owned();
                if self.settings.len() < MAX_SETTINGS || self.settings.contains_key(&name) {
                    let before = self.settings.insert(name.clone(), value.clone());
                    if let Some(before) = &before {
                        state.note_setting(&name, before, &value);
                    }
                    return Ok(is_path && before != Some(value));
                }
            }
            tag::NOTIFICATION => {
                let pid = rest.int32()?;
                let channel = rest.text()?.into_owned();
                let payload = rest.text()?.into_owned();
                if self.channels.contains(&channel) {
                    self.notifications.push_back(Notification { channel, payload, pid });
                } else {
                    // The caller has run a LISTEN itself, which must be undone.
                    state.note(SessionEffect::State);
                }
            }
            _ => self.note_notice(body),
        }
        Ok(false)
    }

    fn note_notice(&mut self, body: &[u8]) {
        let bytes = body.len() + size_of::<ServerError>();
        if self.notice_bytes + bytes > MAX_NOTICE_BYTES && !self.notices.is_empty() {
            self.notices_dropped += 1;
            return;
        }
        self.notice_bytes += bytes;
        self.notices.push_back((
            server_error::severity(body),
            server_error::parse_error_response(body),
            bytes,
        ));
    }

    /// Takes the next notice, with its severity.
    pub fn take_notice(&mut self) -> Option<(String, ServerError)> {
        let (severity, notice, bytes) = self.notices.pop_front()?;
        self.notice_bytes -= bytes;
        Some((severity, notice))
    }

    /// Whether notices wait to be taken.
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Returns how many notices were dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.notices_dropped)
    }

    /// Whether notices should be taken before the response ends, because many are buffered.
    pub fn has_many_notices(&self) -> bool {
        self.notice_bytes > EARLY_NOTICE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::{AsyncMessages, MAX_NOTICE_BYTES, SessionState, tag};

    #[test]
    fn test_notices_that_are_not_taken_are_bounded_and_counted() {
        let (mut async_messages, mut state) = (AsyncMessages::default(), SessionState::default());
        let body = [b"SNOTICE\0VNOTICE\0C00000\0M".as_slice(), &[b'x'; 500], b"\0\0"].concat();
        for _ in 0..300_000 {
            async_messages.note(tag::NOTICE, &body, &mut state).unwrap();
        }
        assert!(async_messages.has_many_notices());
        assert!(async_messages.notice_bytes <= MAX_NOTICE_BYTES, "{}", async_messages.notice_bytes);
        let mut taken = 0;
        while async_messages.take_notice().is_some() {
            taken += 1;
        }
        assert!(taken > 1000, "{taken}");
        assert_eq!(taken + async_messages.take_dropped(), 300_000);
        assert_eq!((async_messages.notice_bytes, async_messages.take_dropped()), (0, 0));
    }
}
