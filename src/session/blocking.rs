//! Drives a connection on the calling thread: sends, waits with `poll(2)`, receives.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::client::Client;
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

/// How long the parts of a long result gather in the socket. To be woken for each of them costs
/// the server, which must wake us, and us more than the bytes do.
const COALESCE_DELAY: Duration = Duration::from_micros(100);

#[expect(clippy::disallowed_methods, reason = "poll(2) would end with the first part")]
fn coalesce_reads() {
    std::thread::sleep(COALESCE_DELAY);
}

impl Client {
    /// Sends what is to be sent, waits for an answer, `wait` at the longest, and takes it in.
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
            (protocol.wants_write, protocol.holds_more, protocol.should_coalesce_reads(), wait)
        };
        if should_coalesce_reads && !wants_write {
            coalesce_reads();
        }
        if holds_more || self.0.handle.wait(wants_write, wait) {
            let _ = self.receive();
        }
    }

    /// Takes in what comes soon, without a sleep; tells whether there was anything, or the caller
    /// is to be asked first.
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
            // Whoever else wants this core has it: the server, too.
            std::thread::yield_now();
        }
    }

    /// Whether the reply that is due will be there sooner than a sleeper would wake.
    #[must_use]
    pub fn should_busy_wait(&self) -> bool {
        self.0.protocol().should_busy_wait()
    }

    /// Sends what is to be sent, as far as the socket takes it; tells whether it wants to be asked
    /// again when it takes more.
    #[must_use]
    pub fn send_now(&self) -> bool {
        let mut protocol = self.0.protocol();
        protocol.send();
        protocol.wants_write
    }

    /// Takes in what has come; tells whether there may be more of which the socket knows nothing.
    #[must_use]
    pub fn receive(&self) -> bool {
        let mut protocol = self.0.protocol();
        protocol.receive();
        if protocol.wants_write {
            protocol.send();
        }
        protocol.holds_more
    }

    /// Whether there is something that an operation waits for.
    #[must_use]
    pub fn has_ready_waiter(&self) -> bool {
        self.0.protocol().has_ready_waiter()
    }

    /// Whether an operation waits until all has been sent, and all has been.
    #[must_use]
    pub fn has_drained_for_waiter(&self) -> bool {
        let protocol = self.0.protocol();
        protocol.has_drain_waiter && !protocol.has_to_send()
    }

    /// Waits until there is something that an operation waits for. The caller was `asked` last at
    /// that time: of many short waits, too, some ask.
    ///
    /// # Errors
    /// What `interrupt` gives.
    pub fn wait_for_ready_waiter(
        &self,
        asked: &mut Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<()> {
        loop {
            self.drive_once(TICK);
            if asked.elapsed() >= TICK {
                *asked = Instant::now();
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

    /// Pumps until `future` is ready; an interrupt leaves it where it is.
    ///
    /// # Errors
    /// What `interrupt` gives; that it took longer than the deadline.
    pub(super) fn block_on<T>(
        &self,
        deadline: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut asked = Instant::now();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                self.deliver_notices(true);
                return Ok(value);
            }
            self.drive_once(TICK);
            self.deliver_notices(false);
            if asked.elapsed() >= TICK {
                asked = Instant::now();
                interrupt()?;
                if deadline.is_some_and(|deadline| asked > deadline) {
                    return Err(Error::Interrupted);
                }
                if let Some(overdue) = self.overdue() {
                    return Err(overdue);
                }
            }
        }
    }

    /// Pumps until all has been said and answered, so long at the most.
    pub(super) fn drain(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            {
                let protocol = self.0.protocol();
                if protocol.broken().is_some() || protocol.is_idle() || Instant::now() > deadline {
                    return;
                }
            }
            self.drive_once(TICK.min(deadline.saturating_duration_since(Instant::now())));
        }
    }
}
