//! A reply that is due, and what of it has come.

use std::sync::Arc;

use super::super::latency::LatencyStats;
use crate::error::ServerError;

/// Bytes of messages that have come for a request.
#[derive(Debug, Default)]
pub struct ResponseChunk {
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
pub enum CopyInPolicy {
    /// It is what was asked for.
    Accept,
    /// It fails: the request was a simple query.
    Fail,
    /// It fails, and a Sync must follow: the server has taken no notice of the one before.
    FailAndSync,
}

pub(super) struct PendingResponse {
    pub request_id: u64,
    pub copy_in_policy: CopyInPolicy,
    pub chunk: ResponseChunk,
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
    pub latency: Arc<LatencyStats>,
}

impl PendingResponse {
    pub fn new(request_id: u64, copy_in_policy: CopyInPolicy, latency: Arc<LatencyStats>) -> Self {
        Self {
            request_id,
            copy_in_policy,
            chunk: ResponseChunk::default(),
            lacking: 0,
            received: 0,
            awaited_bytes: None,
            abandoned: false,
            cancelled: false,
            latency,
        }
    }

    /// Whether the part that somebody waits for is there.
    pub fn has_awaited(&self) -> bool {
        let is_there = |least| self.chunk.bytes.len() >= least;
        self.lacking == 0 && self.awaited_bytes.is_some_and(is_there)
    }
}
