//! Pumps a future and its connection on the calling thread, between `poll(2)` waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use super::config::Address;
use super::interrupt::{Interrupt, TICK};
use super::socket::Signals;
use crate::error::{Error, Result};

/// Why pumping ended before the future did.
pub(super) enum Stopped {
    Interrupted(Error),
    Broken(String),
}

/// A waker that notes that something can go on: no task sleeps elsewhere.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Pumps until `future` is ready.
pub(super) fn pump<T>(
    socket: &Signals,
    deadline: Option<Instant>,
    interrupt: &mut Interrupt<'_>,
    mut future: Pin<&mut impl Future<Output = T>>,
    carry: &mut dyn FnMut(&mut Context<'_>) -> Result<(), String>,
) -> Result<T, Stopped> {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut asked = Instant::now();
    loop {
        socket.reset();
        woken.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return Ok(value);
        }
        if let Err(reason) = carry(&mut cx) {
            // What the server said last may still be on its way to the future.
            return match future.as_mut().poll(&mut cx) {
                Poll::Ready(value) => Ok(value),
                Poll::Pending => Err(Stopped::Broken(reason)),
            };
        }
        if !woken.0.load(Ordering::Relaxed) {
            socket.wait(TICK);
        }
        if asked.elapsed() >= TICK {
            asked = Instant::now();
            interrupt().map_err(Stopped::Interrupted)?;
            if deadline.is_some_and(|deadline| asked > deadline) {
                return Err(Stopped::Broken("timed out".into()));
            }
        }
    }
}

/// Pumps a future that has no connection besides itself.
pub(super) fn until<T>(
    socket: &Signals,
    deadline: Option<Instant>,
    interrupt: &mut Interrupt<'_>,
    future: impl Future<Output = T>,
    address: &Address,
) -> Result<T> {
    let future = std::pin::pin!(future);
    pump(socket, deadline, interrupt, future, &mut |_| Ok(())).map_err(|stopped| match stopped {
        Stopped::Interrupted(error) => error,
        Stopped::Broken(reason) => Error::Connection(format!(
            "cannot connect to {address}: {reason}; {}",
            address.what_to_check()
        )),
    })
}
