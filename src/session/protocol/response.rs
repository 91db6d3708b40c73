//! The response to one request, and the part of it that was received.

use std::sync::Arc;

use super::super::latency::LatencyStats;
use crate::error::ServerError;

/// Messages that were received for a request and not taken yet.
#[derive(Debug, Default)]
pub struct ResponseChunk {
    /// Complete messages.
    pub bytes: Vec<u8>,
    /// Whether `ReadyForQuery` is the last of them.
    pub ended: bool,
    /// Whether the statement began a COPY FROM STDIN that was answered with `CopyFail`.
    pub copy_refused: bool,
    /// The last `ErrorResponse` among them.
    pub error: Option<Box<ServerError>>,
}

/// The answer to the server's `CopyInResponse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyInPolicy {
    /// None: the request is a COPY whose rows follow.
    Accept,
    /// `CopyFail`: the request is a simple query.
    Fail,
    /// `CopyFail` and Sync: the server ignores the Sync that was sent before (it is in COPY mode when it reads it).
    FailAndSync,
}

/// A response that is outstanding, or complete and not taken yet.
pub(super) struct PendingResponse {
    pub request_id: u64,
    pub copy_in_policy: CopyInPolicy,
    pub chunk: ResponseChunk,
    /// The bytes of a long row at the end of `chunk` that were not received yet.
    pub missing_bytes: usize,
    /// The bytes received since the request, taken or not.
    pub received_bytes: usize,
    /// The caller waits for a chunk of at least this size.
    pub awaited_bytes: Option<usize>,
    /// The caller has dropped it: its messages are discarded.
    pub abandoned: bool,
    /// The server is asked to cancel it, and the caller waits for its end.
    pub cancelled: bool,
    pub latency: Arc<LatencyStats>,
}

impl PendingResponse {
    pub fn new(request_id: u64, copy_in_policy: CopyInPolicy, latency: Arc<LatencyStats>) -> Self {
        Self {
            request_id,
            copy_in_policy,
            chunk: ResponseChunk::default(),
            missing_bytes: 0,
            received_bytes: 0,
            awaited_bytes: None,
            abandoned: false,
            cancelled: false,
            latency,
        }
    }

    /// Whether the chunk that the caller waits for has been received.
    pub fn has_awaited(&self) -> bool {
        let is_received = |least_bytes| self.chunk.bytes.len() >= least_bytes;
        self.missing_bytes == 0 && self.awaited_bytes.is_some_and(is_received)
    }
}
