//! Drives a connection on the calling thread: sends, waits with `poll(2)`, receives.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::client::Client;
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

/// How long a thread sleeps so that more of a long response arrives before it reads. Without it the thread is woken for every 8 KiB
/// that the server sends, and waking it costs the server, too. The response as a whole is not delayed, because the server continues
/// to send. The value is a guess; no committed measurement stands behind it.
const COALESCE_DELAY: Duration = Duration::from_micros(100);

#[expect(clippy::disallowed_methods, reason = "poll(2) would return for the first bytes")]
fn coalesce_reads() {
    std::thread::sleep(COALESCE_DELAY);
}

impl Client {
    /// Sends, waits for at most `wait` until the socket is readable, and receives.
    fn drive_once(&self, wait: Duration) {
        let (wants_write, holds_more, should_coalesce_reads, wait) = {
            let mut protocol = self.0.protocol();
            protocol.send();
            if protocol.should_busy_wait() {
                drop(protocol);
                if self.busy_wait() {
                    return;
                }
                protocol = self.0.protocol();
            }
            let wait = if protocol.has_ready_waiter() { Duration::ZERO } else { wait };
            (
                protocol.sending.wants_write,
                protocol.holds_more(),
                protocol.should_coalesce_reads(),
                wait,
            )
        };
        if should_coalesce_reads && !wants_write {
            coalesce_reads();
        }
        if holds_more || self.0.handle.wait(wants_write, wait) {
            let _ = self.receive();
        }
    }

    /// Receives without sleeping; returns false when that is not worthwhile any more, true when something was received or the
    /// interrupt must be checked.
    fn busy_wait(&self) -> bool {
        let began = Instant::now();
        loop {
            {
                let mut protocol = self.0.protocol();
                if protocol.receive() || began.elapsed() >= TICK {
                    return true;
                }
                if !protocol.should_busy_wait() {
                    return false;
                }
            }
            // Other threads may use this core, the server's process among them.
            std::thread::yield_now();
        }
    }

    /// Whether the response is expected sooner than a sleeping thread would wake.
    #[must_use]
    pub fn should_busy_wait(&self) -> bool {
        self.0.protocol().should_busy_wait()
    }

    /// Sends as much as the socket takes; returns whether to call it again when the socket is writable.
    #[must_use]
    pub fn send_now(&self) -> bool {
        let mut protocol = self.0.protocol();
        protocol.send();
        protocol.sending.wants_write
    }

    /// Receives what the socket has; returns whether TLS may have more, for which the socket does not become readable.
    #[must_use]
    pub fn receive(&self) -> bool {
        let mut protocol = self.0.protocol();
        protocol.receive();
        if protocol.sending.wants_write {
            protocol.send();
        }
        protocol.holds_more()
    }

    /// Whether an operation that waits can make progress.
    #[must_use]
    pub fn has_ready_waiter(&self) -> bool {
        self.0.protocol().has_ready_waiter()
    }

    /// Whether an operation waits until everything is sent, and it is.
    #[must_use]
    pub fn has_drained_for_waiter(&self) -> bool {
        self.0.protocol().sending.has_drained_for_waiter()
    }

    /// Waits until an operation can make progress; fails with the error of `interrupt`. `checked_at` is when the interrupt was checked
    /// last, so that it is also checked during many short waits.
    pub fn wait_for_ready_waiter(
        &self,
        checked_at: &mut Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<()> {
        loop {
            self.drive_once(TICK);
            if checked_at.elapsed() >= TICK {
                *checked_at = Instant::now();
                interrupt()?;
                if let Some(overdue) = self.overdue() {
                    return Err(overdue);
                }
            }
            if self.has_ready_waiter() {
                return Ok(());
            }
        }
    }

    /// Drives the connection until `future` is ready. Fails with the error of `interrupt`, or [`Error::Interrupted`] after the deadline;
    /// the future then remains as it is.
    pub(super) fn block_on<T>(
        &self,
        deadline: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut checked_at = Instant::now();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                self.deliver_notices(true);
                return Ok(value);
            }
            self.drive_once(TICK);
            self.deliver_notices(false);
            if checked_at.elapsed() >= TICK {
                checked_at = Instant::now();
                interrupt()?;
                if deadline.is_some_and(|deadline| checked_at > deadline) {
                    return Err(Error::Interrupted);
                }
                if let Some(overdue) = self.overdue() {
                    return Err(overdue);
                }
            }
        }
    }

    /// Drives the connection until everything is sent and answered, for at most `timeout`.
    pub(super) fn drain(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            {
                let protocol = self.0.protocol();
                if protocol.close_reason().is_some()
                    || protocol.is_idle()
                    || Instant::now() > deadline
                {
                    return;
                }
            }
            self.drive_once(TICK.min(deadline.saturating_duration_since(Instant::now())));
        }
    }
}
