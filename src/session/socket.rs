//! A non-blocking socket that is registered with no reactor, with or without TLS.

use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockAddr, Type};

use super::config::{Address, Keepalive, UserTimeout};
use super::interrupt::{Interrupt, TICK};
use super::peer;
use super::tls::{Tls, explain};
use crate::error::{Error, Result};

/// The bytes of a connection.
pub(super) struct Socket {
    handle: Handle,
    tls: Option<Box<Tls>>,
    /// `tcp_user_timeout`, if it is suspended for long requests.
    user_timeout: Option<Duration>,
    user_timeout_suspended: bool,
}

/// The socket itself, to wait for.
#[derive(Clone)]
pub struct Handle(Arc<socket2::Socket>);

impl Handle {
    /// Waits for at most `wait` until the socket is readable, or also writable if `to_write`; returns whether it is. A closed connection
    /// is readable.
    pub(super) fn wait(&self, to_write: bool, wait: Duration) -> bool {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, to_write);
        self.poll(flags, wait)
    }

    fn poll(&self, flags: PollFlags, wait: Duration) -> bool {
        let mut fds = [PollFd::new(&self.0, flags)];
        let timeout = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        // A signal ends the wait early, and the caller waits again.
        poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready > 0)
    }

    fn is_tcp(&self) -> bool {
        self.0.local_addr().is_ok_and(|address| !address.is_unix())
    }

    /// The file descriptor, for an event loop.
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// The send buffer of a Unix socket, so that the server has rows to store while this process waits for a core. Linux gives it 208 KiB by
/// default (`wmem_default`). TCP's buffers grow by themselves, to 4 MiB by default.
const UNIX_SEND_BYTES: usize = 1 << 20;

impl Socket {
    pub fn connect(
        address: &Address,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<Self> {
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
        let socket = socket2::Socket::new(domain, Type::STREAM, None).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        if domain == Domain::UNIX {
            // The system may allow less.
            let _ = socket.set_send_buffer_size(UNIX_SEND_BYTES);
        } else {
            socket.set_tcp_nodelay(true).map_err(refused)?;
        }
        let handle = Handle(Arc::new(socket));
        match handle.0.connect(&target) {
            Ok(()) => return Ok(Self::of(handle)),
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) => return Err(refused(error)),
        }
        while !handle.poll(PollFlags::OUT, tick(deadline)) {
            interrupt()?;
            if Instant::now() >= deadline {
                return Err(refused(io::ErrorKind::TimedOut.into()));
            }
        }
        match handle.0.take_error().map_err(refused)? {
            Some(error) => Err(refused(error)),
            None => Ok(Self::of(handle)),
        }
    }

    fn of(handle: Handle) -> Self {
        Self { handle, tls: None, user_timeout: None, user_timeout_suspended: false }
    }

    /// Sets keepalives and `tcp_user_timeout`.
    pub fn keep_alive(&mut self, keepalive: Option<&Keepalive>, user_timeout: UserTimeout) {
        // Unix sockets have neither, and some systems lack options: these calls may fail.
        let Some(keepalive) = keepalive else { return };
        let mut wanted = socket2::TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            wanted = wanted.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            wanted = wanted.with_interval(interval);
        }
        if let Some(retries) = keepalive.retries {
            wanted = wanted.with_retries(retries);
        }
        let _ = self.handle.0.set_tcp_keepalive(&wanted);
        self.set_user_timeout(user_timeout.limit);
        if user_timeout.is_suspended_for_long_requests && self.handle.is_tcp() {
            self.user_timeout = user_timeout.limit;
        }
    }

    fn set_user_timeout(&self, limit: Option<Duration>) {
        #[cfg(target_os = "linux")]
        let _ = self.handle.0.set_tcp_user_timeout(limit);
        #[cfg(not(target_os = "linux"))]
        let _ = limit;
    }

    /// Suspends `tcp_user_timeout` while a long request is sent. A server that waits for a lock does not read meanwhile, and Linux treats
    /// a peer that acknowledges with a zero window like one that does not answer (`TCP_USER_TIMEOUT` in <https://man7.org/linux/man-pages/man7/tcp.7.html>).
    pub fn suspend_user_timeout(&mut self) {
        if self.user_timeout.is_some() && !self.user_timeout_suspended {
            self.user_timeout_suspended = true;
            self.set_user_timeout(None);
        }
    }

    /// Sets `tcp_user_timeout` again after everything is answered.
    pub fn resume_user_timeout(&mut self) {
        if std::mem::take(&mut self.user_timeout_suspended) {
            self.set_user_timeout(self.user_timeout);
        }
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs the TLS handshake. From then on, [`Socket::read`] and [`Socket::write`] decrypt and encrypt.
    pub fn secure(
        &mut self,
        mut tls: Tls,
        deadline: Instant,
        interrupt: &mut Interrupt<'_>,
    ) -> Result<(), Insecure> {
        let mut bytes = &*self.handle.0;
        let failed = |error| {
            let explained = explain(&error);
            Insecure::Failed(
                explained.unwrap_or_else(|| format!("{error}, during the TLS handshake")),
            )
        };
        while !tls.handshake(&mut bytes).map_err(failed)? {
            let flags = if tls.wants_write() { PollFlags::OUT } else { PollFlags::IN };
            self.handle.poll(flags, tick(deadline));
            interrupt()?;
            if Instant::now() >= deadline {
                return Err(lost("timed out during the TLS handshake").into());
            }
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Checks that the server runs as the system user of this name.
    pub fn check_peer(&self, wanted: &str) -> Result<()> {
        peer::check(&*self.handle.0, wanted)
    }

    /// The data for SCRAM's channel binding (RFC 5929); `None` without TLS.
    pub fn end_point(&self) -> Option<Vec<u8>> {
        self.tls.as_ref()?.end_point()
    }

    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits for one byte, such as the server's answer to `SSLRequest`.
    pub fn read_byte(&mut self, deadline: Instant, interrupt: &mut Interrupt<'_>) -> Result<u8> {
        let mut byte = [0];
        loop {
            match self.read(&mut byte) {
                Ok(Some(1)) => return Ok(byte[0]),
                Ok(Some(_)) => return Err(lost("the server closed the connection")),
                Ok(None) => {}
                Err(error) => return Err(lost(&describe_error(&error))),
            }
            self.handle.poll(PollFlags::IN, tick(deadline));
            interrupt()?;
            if Instant::now() >= deadline {
                return Err(lost("timed out"));
            }
        }
    }

    /// Reads; `None` if nothing was received yet, 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut bytes = &*self.handle.0;
        let tls = &mut self.tls;
        attempted(|| match tls {
            Some(tls) => tls.read(&mut bytes, buffer),
            None => bytes.read(buffer),
        })
    }

    /// Writes as much as the socket takes; `None` if that is nothing at present.
    pub fn write(&mut self, chunk: &[u8]) -> io::Result<Option<usize>> {
        let mut bytes = &*self.handle.0;
        let tls = &mut self.tls;
        attempted(|| match tls {
            Some(tls) => tls.write(&mut bytes, chunk),
            None => bytes.write(chunk),
        })
    }

    /// Writes as much as the socket takes of several chunks, in one call unless there is TLS; `None` if that is nothing at present.
    pub fn write_vectored(&mut self, chunks: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        match chunks {
            [first, _, ..] if self.tls.is_some() => self.write(first),
            [only] => self.write(only),
            _ => attempted(|| (&*self.handle.0).write_vectored(chunks)),
        }
    }

    /// Sends what TLS has buffered; returns whether that was all.
    pub fn flush(&mut self) -> io::Result<bool> {
        let mut bytes = &*self.handle.0;
        match &mut self.tls {
            Some(tls) => tls.flush(&mut bytes),
            None => Ok(true),
        }
    }

    /// Shuts the connection down.
    pub fn finish(&mut self) {
        let mut bytes = &*self.handle.0;
        if let Some(tls) = &mut self.tls {
            tls.close(&mut bytes);
        }
        // It fails if the server has closed the connection before. It also wakes those who wait for the socket.
        let _ = self.handle.0.shutdown(std::net::Shutdown::Both);
    }
}

/// How long to wait before the interrupt and the deadline are checked.
fn tick(deadline: Instant) -> Duration {
    TICK.min(deadline.saturating_duration_since(Instant::now()))
}

/// Why TLS could not be negotiated.
pub(super) enum Insecure {
    /// The handshake failed: a connection without TLS may be tried, if `sslmode` allows it.
    Failed(String),
    /// The attempt to connect has ended.
    Stopped(Error),
    /// The connection was lost before the server had answered.
    Broken(Error),
}

impl From<Error> for Insecure {
    fn from(error: Error) -> Self {
        Self::Stopped(error)
    }
}

fn lost(reason: &str) -> Error {
    Error::Connection(reason.to_owned())
}

/// The message of an error of the socket, or of TLS.
pub(super) fn describe_error(error: &io::Error) -> String {
    explain(error).unwrap_or_else(|| error.to_string())
}

fn attempted(mut operation: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match operation() {
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
