//! A reply that is due, and what of it has come.

use std::sync::Arc;

use super::super::pace::Pace;
use crate::error::ServerError;

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
pub enum OnCopy {
    /// It is what was asked for.
    Goes,
    /// It fails: the request was a simple query.
    Fails,
    /// It fails, and a Sync must follow: the server has taken no notice of the one before.
    FailsAndSyncs,
}

pub(super) struct Due {
    pub ticket: u64,
    pub on_copy: OnCopy,
    pub arrived: Arrived,
    /// So many bytes of the last message are still to come: what is there of it is no whole message.
    pub lacking: usize,
    /// The bytes that have come in all.
    pub received: usize,
    /// Somebody waits for a part of it, of so many bytes.
    pub awaited_bytes: Option<usize>,
    /// Nobody wants it any more.
    pub abandoned: bool,
    /// It is to be cancelled, and how it ends is wanted.
    pub cancelled: bool,
    pub pace: Arc<Pace>,
}

impl Due {
    pub fn new(ticket: u64, on_copy: OnCopy, pace: Arc<Pace>) -> Self {
        Self {
            ticket,
            on_copy,
            arrived: Arrived::default(),
            lacking: 0,
            received: 0,
            awaited_bytes: None,
            abandoned: false,
            cancelled: false,
            pace,
        }
    }

    /// Whether the part that somebody waits for is there.
    pub fn has_awaited(&self) -> bool {
        let is_there = |least| self.arrived.bytes.len() >= least;
        self.lacking == 0 && self.awaited_bytes.is_some_and(is_there)
    }
}
