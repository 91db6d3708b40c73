//! What the server says unasked, and for whom it is kept.

use std::collections::{HashMap, VecDeque};

use super::super::server_error;
use super::super::state::{Leaves, SessionState};
use crate::error::ServerError;
use crate::wire::Malformed;
use crate::wire::message::{Body, tag};

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

/// Notices of so many bytes are taken while the answer is still on its way.
const EARLY_NOTICE_BYTES: usize = 256 << 10;
/// Notices of no more bytes than this wait to be taken: where nobody takes them, the later ones are
/// dropped. It is more than is received at a time.
const MAX_NOTICE_BYTES: usize = 8 << 20;
/// The server reports a few settings, and of those that somebody else invents no more are kept.
const MAX_SETTINGS: usize = 1000;

/// What the server says unasked, until somebody takes it.
#[derive(Default)]
pub struct AsyncMessages {
    pub settings: HashMap<String, String>,
    /// Warnings and the like, each with its severity and its bytes.
    notices: VecDeque<(String, ServerError, usize)>,
    /// About how many bytes they have.
    notice_bytes: usize,
    /// How many came when too many were there.
    notices_dropped: u64,
    pub notifications: VecDeque<Notification>,
    /// The channels that somebody listens to.
    pub channels: Vec<String>,
}

/// The setting that names are looked up by.
const SEARCH_PATH: &str = "search_path";

impl AsyncMessages {
    /// The encoding of texts that come, if it is another than ours.
    pub fn encoding(&self) -> Option<&str> {
        let encoding = self.settings.get("client_encoding").map(String::as_str);
        encoding.filter(|encoding| !matches!(*encoding, "UTF8" | "UNICODE"))
    }

    /// Whether the server reports the search path whenever it has changed.
    pub fn reports_search_path(&self) -> bool {
        self.settings.contains_key(SEARCH_PATH)
    }

    /// Keeps it; tells whether it is another search path.
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
                    // A LISTEN of the caller's own has nobody to take what it brings.
                    state.note(Leaves::State);
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

    /// The next notice.
    pub fn take_notice(&mut self) -> Option<(String, ServerError)> {
        let (severity, notice, bytes) = self.notices.pop_front()?;
        self.notice_bytes -= bytes;
        Some((severity, notice))
    }

    /// Whether there is a notice.
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// How many notices were dropped since this was asked last.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.notices_dropped)
    }

    /// Whether so many notices are there that somebody should take them before the answer ends.
    pub fn has_many_notices(&self) -> bool {
        self.notice_bytes > EARLY_NOTICE_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::{AsyncMessages, MAX_NOTICE_BYTES, SessionState, tag};

    #[test]
    fn test_notices_that_nobody_takes_are_bounded_and_counted() {
        let (mut async_messages, mut state) = (AsyncMessages::default(), SessionState::default());
        let body = [b"SNOTICE\0VNOTICE\0C00000\0M".as_slice(), &[b'x'; 500], b"\0\0"].concat();
        for _ in 0..300_000 {
            async_messages.note(tag::NOTICE, &body, &mut state).unwrap();
        }
        assert!(async_messages.has_many_notices());
        assert!(async_messages.notice_bytes <= MAX_NOTICE_BYTES, "{}", async_messages.notice_bytes);
        let mut kept = 0;
        while async_messages.take_notice().is_some() {
            kept += 1;
        }
        assert!(kept > 1000, "{kept}");
        assert_eq!(kept + async_messages.take_dropped(), 300_000);
        assert_eq!((async_messages.notice_bytes, async_messages.take_dropped()), (0, 0));
    }
}
