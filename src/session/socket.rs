//! A non-blocking socket that registers with no reactor: it notes what it waits for.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::config::Address;
use super::interrupt::{Interrupt, TICK};
use crate::error::{Error, Result};

/// The socket as tokio-postgres sees it.
pub struct Socket {
    shared: Arc<Signals>,
    frames: Frames,
}

/// What a socket waits for, and what went by on it.
pub struct Signals {
    inner: socket2::Socket,
    wants_read: AtomicBool,
    wants_write: AtomicBool,
    watching: AtomicBool,
    error_seen: AtomicBool,
    /// The last eight bytes received.
    tail: AtomicU64,
}

impl Socket {
    pub(super) fn connect(
        address: &Address,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<(Self, Arc<Signals>)> {
        let refused = |error: io::Error| {
            Error::Connection(format!(
                "cannot connect to {address}: {error}; {}",
                address.what_to_check()
            ))
        };
        let (domain, target) = match address {
            Address::Tcp { socket, .. } => (Domain::for_address(*socket), SockAddr::from(*socket)),
            Address::Unix(path) => (Domain::UNIX, SockAddr::unix(path).map_err(refused)?),
        };
        let inner = socket2::Socket::new(domain, Type::STREAM, None).map_err(refused)?;
        inner.set_nonblocking(true).map_err(refused)?;
        if domain != Domain::UNIX {
            inner.set_tcp_nodelay(true).map_err(refused)?;
            inner.set_keepalive(true).map_err(refused)?;
        }
        let shared = Arc::new(Signals {
            inner,
            wants_read: AtomicBool::new(false),
            wants_write: AtomicBool::new(false),
            watching: AtomicBool::new(false),
            error_seen: AtomicBool::new(false),
            tail: AtomicU64::new(0),
        });
        shared.finish_connect(&target, deadline, interrupt, &refused)?;
        Ok((Self { shared: Arc::clone(&shared), frames: Frames::default() }, shared))
    }
}

impl Signals {
    fn finish_connect(
        &self,
        target: &SockAddr,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
        refused: &impl Fn(io::Error) -> Error,
    ) -> Result<()> {
        match self.inner.connect(target) {
            Ok(()) => return Ok(()),
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(refused(error)),
        }
        while !self.poll(PollFlags::OUT, TICK) {
            interrupt()?;
            if Instant::now() > deadline {
                return Err(refused(io::ErrorKind::TimedOut.into()));
            }
        }
        match self.inner.take_error().map_err(refused)? {
            Some(error) => Err(refused(error)),
            None => Ok(()),
        }
    }

    /// Waits, `wait` at the longest, until the socket is ready for what was last tried in vain.
    pub(super) fn wait(&self, wait: Duration) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.wants_read.load(Ordering::Relaxed));
        flags.set(PollFlags::OUT, self.wants_write.load(Ordering::Relaxed));
        self.poll(flags, wait);
    }

    fn poll(&self, flags: PollFlags, wait: Duration) -> bool {
        let mut fds = [PollFd::new(&self.inner, flags)];
        let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        // An interrupted wait is a wait that ended early.
        poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready > 0)
    }

    /// Whether there is something to read, or the other side has hung up.
    pub(super) fn is_readable(&self) -> bool {
        self.poll(PollFlags::IN, Duration::ZERO)
    }

    /// Waits a little for something to read.
    pub(super) fn wait_readable(&self) {
        self.poll(PollFlags::IN, TICK);
    }

    /// Forgets what was waited for, before it is tried again.
    pub(super) fn reset(&self) {
        self.wants_read.store(false, Ordering::Relaxed);
        self.wants_write.store(false, Ordering::Relaxed);
    }

    fn note_tail(&self, received: &[u8]) {
        let last = received.get(received.len().saturating_sub(8)..).unwrap_or_default();
        let shift = |tail: u64, byte: &u8| tail << 8 | u64::from(*byte);
        let tail = last.iter().fold(self.tail.load(Ordering::Relaxed), shift);
        self.tail.store(tail, Ordering::Relaxed);
    }

    /// What the server said of its transaction, if that is the last it said: `ReadyForQuery`,
    /// whose status is I outside of one, T in one and E in one that has failed. tokio-postgres
    /// keeps it to itself.
    pub(super) fn transaction_status(&self) -> Option<u8> {
        match self.tail.load(Ordering::Relaxed).to_be_bytes() {
            [_, _, b'Z', 0, 0, 0, 5, status] => Some(status),
            _ => None,
        }
    }

    /// Waits until the server is ready for the next query.
    pub async fn ready(&self) {
        std::future::poll_fn(|_| match self.transaction_status() {
            Some(_) => Poll::Ready(()),
            None => Poll::Pending,
        })
        .await;
    }

    /// From now on, looks for errors among the server's messages. To be called between messages.
    pub fn watch(&self) {
        self.error_seen.store(false, Ordering::Relaxed);
        self.watching.store(true, Ordering::Relaxed);
    }

    /// Ends the watch.
    pub fn unwatch(&self) {
        self.watching.store(false, Ordering::Relaxed);
    }

    /// Whether an error went by since the watch began.
    #[must_use]
    pub fn error_seen(&self) -> bool {
        self.error_seen.load(Ordering::Relaxed)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

fn ready<T>(result: io::Result<T>, wants: &AtomicBool) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            wants.store(true, Ordering::Relaxed);
            Poll::Pending
        }
        result => Poll::Ready(result),
    }
}

fn retried<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { shared, frames } = &mut *self;
        let unfilled = buf.initialize_unfilled();
        let result = retried(|| (&shared.inner).read(unfilled));
        let count = std::task::ready!(ready(result, &shared.wants_read))?;
        if !shared.watching.load(Ordering::Relaxed) {
            *frames = Frames::default();
        } else if frames.has_error(unfilled.get(..count).unwrap_or_default()) {
            shared.error_seen.store(true, Ordering::Relaxed);
        }
        shared.note_tail(unfilled.get(..count).unwrap_or_default());
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready(retried(|| (&self.shared.inner).write(bytes)), &self.shared.wants_write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.shared.inner.shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }
}

/// Follows the frames of the server's messages: a tag, then a length that counts itself.
///
/// tokio-postgres tells of an error during COPY only when the whole input has been sent.
#[derive(Default)]
struct Frames {
    header: Vec<u8>,
    body_left: usize,
}

impl Frames {
    fn has_error(&mut self, mut bytes: &[u8]) -> bool {
        let mut seen = false;
        while !bytes.is_empty() {
            let skipped = self.body_left.min(bytes.len());
            self.body_left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            let (head, rest) = bytes.split_at((5 - self.header.len()).min(bytes.len()));
            self.header.extend_from_slice(head);
            bytes = rest;
            if let [tag, a, b, c, d] = self.header[..] {
                seen |= tag == b'E';
                self.body_left = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
                self.header.clear();
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_frames_cut_anywhere_tell_an_error_from_a_notice() {
        let notice = b"N\0\0\0\x09EEEEE";
        let error = b"E\0\0\0\x06xx";
        let whole = [&notice[..], notice, error].concat();
        for cut in 0..whole.len() {
            let mut frames = Frames::default();
            let first = frames.has_error(&whole[..cut]);
            assert_eq!(first, cut >= 25, "cut at {cut}");
            assert_eq!(frames.has_error(&whole[cut..]), cut < 25, "cut at {cut}");
        }
    }
}
