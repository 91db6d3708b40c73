//! A wait for a pipeline: for answers, or for statements to be written.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use super::Pipeline;
use crate::error::Result;
use crate::session::Client;

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Until {
    /// Another statement has its result; or all have.
    Answer,
    /// The socket takes more.
    Room,
    /// The queue is written; answers are left to others.
    Written,
}

/// Waits until there is more of what is waited for. When it is dropped before, as when it takes too long, the pipeline is
/// closed: what the server is at is cancelled by whoever drops it.
pub(in super::super) struct Step {
    pipeline: Arc<Pipeline>,
    client: Client,
    until: Until,
    settled: u64,
    has_ended: bool,
}

impl Step {
    /// A step of a pipeline.
    ///
    /// # Errors
    /// When that is closed.
    pub fn new(pipeline: &Arc<Pipeline>, until: Until) -> Result<Self> {
        let client = pipeline.pooled()?.client().clone();
        if until == Until::Written {
            pipeline.is_writing.store(true, Ordering::Relaxed);
        } else {
            pipeline.waiting.fetch_add(1, Ordering::Relaxed);
        }
        let settled = pipeline.settled.load(Ordering::Relaxed);
        Ok(Self { pipeline: Arc::clone(pipeline), client, until, settled, has_ended: false })
    }

    fn is_done(&self) -> bool {
        let pipeline = &self.pipeline;
        let is_there = match self.until {
            Until::Answer => pipeline.settled.load(Ordering::Relaxed) > self.settled,
            Until::Room => !pipeline.is_full(),
            Until::Written => pipeline.has_written_all(),
        };
        is_there || pipeline.is_settled() || pipeline.is_closed.load(Ordering::Relaxed)
    }
}

impl Future for Step {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        let advanced = if self.until == Until::Written {
            self.pipeline.write()
        } else {
            self.client.request_poll(false);
            self.pipeline.advance()
        };
        if advanced.is_ok() && !self.is_done() {
            return Poll::Pending;
        }
        self.has_ended = true;
        Poll::Ready(advanced)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.until == Until::Written {
            self.pipeline.is_writing.store(false, Ordering::Relaxed);
            // Who waits is to hear of what is sent after it has begun to wait.
            self.client.request_poll(self.pipeline.is_waited_for());
        } else {
            self.pipeline.waiting.fetch_sub(1, Ordering::Relaxed);
            self.client.request_poll(false);
        }
        if !self.has_ended {
            self.pipeline.close();
        }
    }
}
