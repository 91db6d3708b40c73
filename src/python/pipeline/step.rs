//! Waits for a pipeline: for results, or until statements are written.

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
    /// One more statement has its result, or all have.
    Answer,
    /// The socket takes more.
    Writable,
    /// The queue is written. Answers are left to other steps.
    Written,
}

/// A future that ends when the condition holds. If it is dropped before, for example at a timeout, the pipeline is closed, and
/// the code that drops it cancels the statement that the server runs.
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
    /// When the pipeline is closed.
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
        let holds = match self.until {
            Until::Answer => pipeline.settled.load(Ordering::Relaxed) > self.settled,
            Until::Writable => !pipeline.is_full(),
            Until::Written => pipeline.has_written_all(),
        };
        holds || !pipeline.is_under_way() || pipeline.is_closed.load(Ordering::Relaxed)
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
            // Steps that wait for results must be polled: more was sent since they began to wait.
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
