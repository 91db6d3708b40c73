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
const GATHERING: Duration = Duration::from_micros(100);

#[expect(clippy::disallowed_methods, reason = "poll(2) would end with the first part")]
fn gather() {
    std::thread::sleep(GATHERING);
}

impl Client {
    /// Sends what is to be sent, waits for an answer, `wait` at the longest, and takes it in.
    fn carry(&self, wait: Duration) {
        let (wants_write, holds_more, trickles, wait) = {
            let mut line = self.0.line();
            line.send();
            if line.spins() {
                drop(line);
                if self.spin() {
                    return;
                }
                line = self.0.line();
            }
            let wait = if line.has_news() { Duration::ZERO } else { wait };
            (line.wants_write, line.holds_more, line.trickles(), wait)
        };
        if trickles && !wants_write {
            gather();
        }
        if holds_more || self.0.handle.wait(wants_write, wait) {
            let _ = self.receive();
        }
    }

    /// Takes in what comes soon, without a sleep; tells whether there was anything, or the caller
    /// is to be asked first.
    fn spin(&self) -> bool {
        let began = Instant::now();
        loop {
            {
                let mut line = self.0.line();
                if line.receive() || began.elapsed() >= TICK {
                    return true;
                }
                if !line.spins() {
                    return false;
                }
            }
            // Whoever else wants this core has it: the server, too.
            std::thread::yield_now();
        }
    }

    /// Whether the reply that is due will be there sooner than a sleeper would wake.
    #[must_use]
    pub fn spins(&self) -> bool {
        self.0.line().spins()
    }

    /// Sends what is to be sent, as far as the socket takes it; tells whether it wants to be asked
    /// again when it takes more.
    #[must_use]
    pub fn send_now(&self) -> bool {
        let mut line = self.0.line();
        line.send();
        line.wants_write
    }

    /// Takes in what has come; tells whether there may be more of which the socket knows nothing.
    #[must_use]
    pub fn receive(&self) -> bool {
        let mut line = self.0.line();
        line.receive();
        if line.wants_write {
            line.send();
        }
        line.holds_more
    }

    /// Whether there is something that an operation waits for.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.0.line().has_news()
    }

    /// Whether an operation waits until all has been sent, and all has been.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let line = self.0.line();
        line.wants_room && !line.has_to_send()
    }

    /// Waits until there is something that an operation waits for. The caller was `asked` last at
    /// that time: of many short waits, too, some ask.
    ///
    /// # Errors
    /// What `interrupt` gives.
    pub fn wait_for_news(&self, asked: &mut Instant, interrupt: &mut Interrupt<'_>) -> Result<()> {
        loop {
            self.carry(TICK);
            if asked.elapsed() >= TICK {
                *asked = Instant::now();
                interrupt()?;
                if let Some(overdue) = self.overdue() {
                    return Err(overdue);
                }
            }
            if self.has_news() {
                return Ok(());
            }
        }
    }

    /// Pumps until `future` is ready; an interrupt leaves it where it is.
    ///
    /// # Errors
    /// What `interrupt` gives; that it took longer than the deadline.
    pub(super) fn pump<T>(
        &self,
        deadline: Option<Instant>,
        interrupt: &mut Interrupt<'_>,
        mut future: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut asked = Instant::now();
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                self.pass_notices_on(true);
                return Ok(value);
            }
            self.carry(TICK);
            self.pass_notices_on(false);
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
    pub(super) fn settle(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        loop {
            {
                let line = self.0.line();
                if line.broken().is_some() || line.is_quiet() || Instant::now() > deadline {
                    return;
                }
            }
            self.carry(TICK.min(deadline.saturating_duration_since(Instant::now())));
        }
    }
}
