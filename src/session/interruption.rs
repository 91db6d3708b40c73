//! How an interrupted operation ends. The server is asked to cancel it, and its answer is waited for: only that tells
//! whether the cancellation came too late.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::Client;
use super::interrupt::TICK;
use crate::error::Error;

/// How long the answer to what was interrupted is waited for: an interrupted caller goes on within half a second.
pub const OUTCOME_TIMEOUT: Duration = Duration::from_millis(400);

/// How an interrupted operation ended.
pub enum Ended<T> {
    /// With this: the server has answered, or the connection is lost.
    Heard(T),
    /// Nothing of it can have been committed: the caller drops it.
    Undone,
    /// The server did not answer in time; the connection is given up.
    Unheard,
}

/// An operation that is being cancelled at the server, until its end is heard.
pub struct Interruption {
    client: Client,
    deadline: Instant,
    cancelling: Option<JoinHandle<()>>,
}

impl Interruption {
    /// Asks the server, from a thread of its own, to cancel what is under way. `None` where it is not sent whole, so that
    /// to drop it is to undo it.
    #[must_use]
    pub fn begin(client: &Client) -> Option<Self> {
        if !client.begin_to_end() {
            return None;
        }
        let hold = client.pause_sending();
        let cancel = move || hold.cancel_until_stopped(OUTCOME_TIMEOUT);
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        // Without a thread the statement runs to its end, or the connection is given up.
        let cancelling = std::thread::Builder::new().name("howdah cancel".into()).spawn(cancel);
        Some(Self { client: client.clone(), deadline, cancelling: cancelling.ok() })
    }

    /// Lets the operation take in what has come; it ends where it would send something else.
    pub fn poll<T>(&self, operation: Pin<&mut impl Future<Output = T>>) -> Option<Ended<T>> {
        match self.client.poll_to_end(operation) {
            Poll::Ready(value) => Some(Ended::Heard(value)),
            Poll::Pending if self.client.is_idle() => Some(Ended::Undone),
            Poll::Pending if Instant::now() > self.deadline => {
                self.client.give_up(NO_ANSWER);
                Some(Ended::Unheard)
            }
            Poll::Pending => None,
        }
    }

    /// Waits until something has come, or there is no time left.
    pub fn wait(&self) {
        let late = || if Instant::now() > self.deadline { Err(Error::Interrupted) } else { Ok(()) };
        // Who polls next sees that it is late.
        let _ = self.client.wait_for_ready_waiter(&mut Instant::now(), &mut || late());
    }

    /// Waits until no cancellation is under way that could hit what is run next.
    #[expect(
        clippy::disallowed_methods,
        reason = "the other thread tells nobody that it has ended"
    )]
    pub fn finish(self) {
        let Some(thread) = self.cancelling else { return };
        while !thread.is_finished() {
            if Instant::now() > self.deadline + TICK {
                return self.client.give_up(NO_ANSWER);
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

/// Why a connection is given up.
pub const NO_ANSWER: &str = "the statement did not end in time when it was cancelled";

impl Client {
    /// Marks what is under way as cancelled; tells whether it was sent whole.
    #[must_use]
    pub fn begin_to_end(&self) -> bool {
        self.0.protocol().cancel_all()
    }

    /// Polls an operation that is to begin nothing more.
    pub fn poll_to_end<F: Future + ?Sized>(&self, operation: Pin<&mut F>) -> Poll<F::Output> {
        let mut cx = Context::from_waker(Waker::noop());
        self.0.protocol().refuses_requests = true;
        let polled = operation.poll(&mut cx);
        self.0.protocol().refuses_requests = false;
        polled
    }
}
