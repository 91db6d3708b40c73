//! Interrupts an operation that may commit: the server is asked to cancel it, and its response is awaited, because only that says
//! whether the cancellation came too late.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::Client;
use super::interrupt::TICK;
use crate::error::Error;

/// How long the response to an interrupted operation is awaited. An interrupted caller returns within half a second: this, and a
/// [`TICK`] before the interrupt is noticed and one until the cancel request has ended.
pub const OUTCOME_TIMEOUT: Duration = Duration::from_millis(400);

/// How often to look whether the thread that sends cancel requests has ended. It has nothing left to do when the response is there,
/// so that one or two looks suffice.
const FINISH_POLL_INTERVAL: Duration = Duration::from_micros(100);

/// How an interrupted operation ended.
pub enum Ended<T> {
    /// With this result: the server has answered, or the connection is lost.
    Answered(T),
    /// It would begin another request, so nothing of it can be committed; the caller drops it.
    Stopped,
    /// The server did not answer in time, and the connection was closed.
    Unanswered,
}

/// An operation that is being cancelled at the server.
pub struct Interruption {
    client: Client,
    deadline: Instant,
    cancel_thread: Option<JoinHandle<()>>,
}

impl Interruption {
    /// Sends cancel requests from a thread of its own. `None` if the operation has not sent its request completely: to drop it
    /// undoes it.
    #[must_use]
    pub fn begin(client: &Client) -> Option<Self> {
        if !client.begin_to_end() {
            return None;
        }
        let barrier = client.pause_sending();
        let cancel = move || barrier.cancel_until_stopped(OUTCOME_TIMEOUT);
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        // If no thread can be started, the statement runs to its end, or the connection is closed at the deadline.
        let cancel_thread = std::thread::Builder::new().name("howdah cancel".into()).spawn(cancel);
        Some(Self { client: client.clone(), deadline, cancel_thread: cancel_thread.ok() })
    }

    /// Polls the operation, which may take its response and begin no request.
    pub fn poll<T>(&self, operation: Pin<&mut impl Future<Output = T>>) -> Option<Ended<T>> {
        match self.client.poll_to_end(operation) {
            Poll::Ready(value) => Some(Ended::Answered(value)),
            Poll::Pending if self.client.is_idle() => Some(Ended::Stopped),
            Poll::Pending if Instant::now() > self.deadline => {
                self.client.give_up(NO_ANSWER);
                Some(Ended::Unanswered)
            }
            Poll::Pending => None,
        }
    }

    /// Waits until something was received, or the deadline passes.
    pub fn wait(&self) {
        let interrupt =
            || if Instant::now() > self.deadline { Err(Error::Interrupted) } else { Ok(()) };
        // The next poll notices that the deadline has passed.
        let _ = self.client.wait_for_ready_waiter(&mut Instant::now(), &mut || interrupt());
    }

    /// Waits until no cancel request is under way that could hit the next statement.
    #[expect(clippy::disallowed_methods, reason = "a thread cannot be joined with a time limit")]
    pub fn finish(self) {
        let Some(thread) = self.cancel_thread else { return };
        while !thread.is_finished() {
            if Instant::now() > self.deadline + TICK {
                return self.client.give_up(NO_ANSWER);
            }
            std::thread::sleep(FINISH_POLL_INTERVAL);
        }
    }
}

/// Why the connection of an interrupted operation is closed.
pub const NO_ANSWER: &str = "the statement did not end in time when it was cancelled";

impl Client {
    /// Marks the requests under way as cancelled; returns false if one of them is not completely sent.
    #[must_use]
    pub fn begin_to_end(&self) -> bool {
        self.0.protocol().cancel_all()
    }

    /// Polls an operation that must begin no request.
    pub fn poll_to_end<F: Future + ?Sized>(&self, operation: Pin<&mut F>) -> Poll<F::Output> {
        let mut cx = Context::from_waker(Waker::noop());
        self.0.protocol().cancellation.refuses_requests = true;
        let polled = operation.poll(&mut cx);
        self.0.protocol().cancellation.refuses_requests = false;
        polled
    }
}
