//! The responses that are outstanding, in the order of their requests, and those that nobody has taken yet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::latency::LatencyStats;
use super::recv_buffer::{MAX_RECV_BUFFER_BYTES, RECV_BUFFER_BYTES};
use super::response::{CopyInPolicy, PendingResponse, ResponseChunk};
use crate::error::ServerError;
use crate::wire::Malformed;

/// The responses of one connection.
#[derive(Default)]
pub struct PendingResponses {
    /// Outstanding: the server answers the first of them now.
    queue: VecDeque<PendingResponse>,
    /// Complete, and not taken yet.
    answered: VecDeque<PendingResponse>,
    /// An empty buffer that a reader has returned. The chunks of a long result reuse it.
    spare_buffer: Vec<u8>,
    last_request_id: u64,
    last_answered: u64,
}

impl PendingResponses {
    /// Adds the response to a new request; returns the request's number.
    pub fn push(&mut self, copy_in_policy: CopyInPolicy, latency: &Arc<LatencyStats>) -> u64 {
        self.last_request_id += 1;
        self.queue.push_back(PendingResponse::new(
            self.last_request_id,
            copy_in_policy,
            Arc::clone(latency),
        ));
        self.last_request_id
    }

    /// Removes a request of which nothing was sent.
    pub fn withdraw(&mut self, request_id: u64) {
        self.queue.retain(|pending| pending.request_id != request_id);
    }

    pub fn last_request_id(&self) -> u64 {
        self.last_request_id
    }

    /// The last request whose complete response was taken.
    pub fn last_answered(&self) -> u64 {
        self.last_answered
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// The response that the server sends now.
    pub(super) fn first(&self) -> Option<&PendingResponse> {
        self.queue.front()
    }

    pub(super) fn first_mut(&mut self) -> Option<&mut PendingResponse> {
        self.queue.front_mut()
    }

    /// The error that the server has sent for the first response.
    pub fn error_of_first(&self) -> Option<&ServerError> {
        self.first()?.chunk.error.as_deref()
    }

    /// Appends complete messages to the first response.
    pub fn append_to_first(&mut self, messages: &[u8]) {
        let Some(first) = self.queue.front_mut() else { return };
        first.received_bytes += messages.len();
        if first.abandoned {
            return;
        }
        let chunk = &mut first.chunk.bytes;
        if chunk.capacity() == 0 && messages.len() >= RECV_BUFFER_BYTES {
            *chunk = std::mem::take(&mut self.spare_buffer);
        }
        chunk.extend_from_slice(messages);
    }

    /// Completes the first response; returns whether it was abandoned.
    pub fn complete_first(&mut self) -> Result<bool, Malformed> {
        let mut completed = self.queue.pop_front().ok_or_else(|| {
            Malformed("ReadyForQuery, and no request is waiting for a response".into())
        })?;
        completed.chunk.ended = true;
        let abandoned = completed.abandoned;
        if !abandoned {
            self.answered.push_back(completed);
        }
        Ok(abandoned)
    }

    /// Takes the rest of a response that is complete.
    pub fn take_answered(&mut self, request_id: u64) -> Option<ResponseChunk> {
        let is_it = |pending: &PendingResponse| pending.request_id == request_id;
        let position = self.answered.iter().position(is_it)?;
        let answered = self.answered.remove(position)?;
        self.last_answered = request_id;
        Some(answered.chunk)
    }

    /// Takes at least `least_bytes` of an outstanding response; notes that the caller waits if less was received.
    pub fn take_part(&mut self, request_id: u64, least_bytes: usize) -> Option<ResponseChunk> {
        let pending = self.find_mut(request_id)?;
        pending.awaited_bytes = Some(least_bytes);
        if !pending.has_awaited() {
            return None;
        }
        pending.awaited_bytes = None;
        Some(std::mem::take(&mut pending.chunk))
    }

    /// Notes that the caller does not wait for a response at present.
    pub fn stop_waiting(&mut self, request_id: u64) {
        if let Some(pending) = self.find_mut(request_id) {
            pending.awaited_bytes = None;
        }
    }

    fn find_mut(&mut self, request_id: u64) -> Option<&mut PendingResponse> {
        self.queue.iter_mut().find(|pending| pending.request_id == request_id)
    }

    /// Takes back the buffer of a chunk that was read.
    pub fn recycle_buffer(&mut self, mut bytes: Vec<u8>) {
        bytes.clear();
        // Buffers grow by doubling, so that one for chunks of `MAX_RECV_BUFFER_BYTES` has up to twice that capacity.
        // A longer one was made for a long row, and its memory is freed.
        if bytes.capacity() <= 2 * MAX_RECV_BUFFER_BYTES
            && bytes.capacity() > self.spare_buffer.capacity()
        {
            self.spare_buffer = bytes;
        }
    }

    /// Discards a response: what was received of it, and what will be.
    pub fn abandon(&mut self, request_id: u64) {
        self.answered.retain(|pending| pending.request_id != request_id);
        if let Some(pending) = self.find_mut(request_id) {
            pending.abandoned = true;
            pending.chunk = ResponseChunk::default();
        }
    }

    /// Marks all outstanding responses as cancelled; their callers still wait for them.
    pub fn mark_cancelled(&mut self) {
        for pending in &mut self.queue {
            pending.cancelled = true;
        }
    }

    /// Whether a caller has dropped an outstanding response.
    pub fn has_abandoned(&self) -> bool {
        self.queue.iter().any(|pending| pending.abandoned)
    }

    /// Whether all outstanding responses are abandoned.
    pub fn are_abandoned(&self) -> bool {
        self.queue.iter().all(|pending| pending.abandoned)
    }

    /// The request that the server runs now, if it is to be cancelled and not later than `request_id`.
    pub fn unwanted_request_running(&self, request_id: u64) -> Option<u64> {
        let first = self.first()?;
        let is_unwanted = first.abandoned || first.cancelled;
        (is_unwanted && first.request_id <= request_id).then_some(first.request_id)
    }

    /// Whether the server has sent an error for a request whose response was not taken completely.
    pub fn has_failed(&self, request_id: u64) -> bool {
        let is_it = |pending: &&PendingResponse| pending.request_id == request_id;
        let failed = |pending: &PendingResponse| pending.chunk.error.is_some();
        self.queue.iter().chain(&self.answered).find(is_it).is_some_and(failed)
    }

    /// Whether a caller waits for something that has been received.
    pub fn has_awaited(&self) -> bool {
        self.answered.iter().any(|pending| pending.awaited_bytes.is_some())
            || self.first().is_some_and(PendingResponse::has_awaited)
    }
}
