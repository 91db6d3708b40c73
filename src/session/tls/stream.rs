//! One TLS connection over a non-blocking stream.

use std::io::{self, ErrorKind, Read, Write};

use rustls::{ClientConnection, Error as TlsError};

use super::PROTOCOL;
use super::binding;
use super::errors::TlsErrorText;
use crate::session::config::security::Negotiation;

/// The most encrypted bytes that are buffered for the stream. It is more than the send buffer of a socket takes at once by default, and
/// less than a COPY queues, so that a load is not held twice in memory.
const MAX_BUFFERED_BYTES: usize = 256 * 1024;

/// The client's side of a TLS connection. No call blocks if the stream does not, and none reads more from it than was asked for.
pub(in crate::session) struct Tls {
    connection: ClientConnection,
    negotiation: Negotiation,
    /// An error that is returned after the bytes before it were read.
    failure: Option<io::Error>,
    /// TLS has failed; every read returns its error.
    is_broken: bool,
}

impl Tls {
    pub(super) fn new(mut connection: ClientConnection, negotiation: Negotiation) -> Self {
        connection.set_buffer_limit(Some(MAX_BUFFERED_BYTES));
        Self { connection, negotiation, failure: None, is_broken: false }
    }

    /// Continues the handshake; returns whether it is done. If not, call it again when the stream is writable, if [`Tls::wants_write`],
    /// else when it is readable.
    ///
    /// With TLS 1.3, the server checks the client's certificate after this; the first read returns the error if it refuses it.
    /// [`explain`](super::explain()) has messages for the errors.
    pub(in crate::session) fn handshake(
        &mut self,
        io: &mut (impl Read + Write),
    ) -> io::Result<bool> {
        loop {
            if !self.flush(io)? {
                return Ok(false);
            }
            if !self.connection.is_handshaking() {
                self.check_protocol()?;
                return Ok(true);
            }
            match self.receive(io) {
                Ok(Received { bytes: 0, .. }) => {
                    return Err(TlsErrorText::error(
                        ErrorKind::UnexpectedEof,
                        "the server closed the connection during the TLS handshake; its log may \
                         say why",
                    ));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// With direct negotiation, checks that the server has agreed to PostgreSQL's protocol, so that no other server's data is read as
    /// PostgreSQL's.
    fn check_protocol(&self) -> io::Result<()> {
        let agreed = self.connection.alpn_protocol();
        if self.negotiation == Negotiation::Direct && agreed != Some(PROTOCOL) {
            return Err(TlsErrorText::error(
                ErrorKind::InvalidData,
                "the server did not agree to PostgreSQL's protocol inside TLS (by ALPN); \
                 sslnegotiation=direct needs PostgreSQL 17 or later, or a proxy that supports it",
            ));
        }
        Ok(())
    }

    /// Reads decrypted bytes; 0 at the end of the connection. If the buffer is not filled, that is all that was received; if it is,
    /// more may be decrypted already, for which the stream does not become readable.
    ///
    /// Fails with [`ErrorKind::WouldBlock`] if nothing was received yet, and [`ErrorKind::UnexpectedEof`] if the stream has ended without
    /// TLS's `close_notify`.
    pub(in crate::session) fn read(
        &mut self,
        io: &mut (impl Read + Write),
        buf: &mut [u8],
    ) -> io::Result<usize> {
        let mut filled = 0;
        let mut is_drained = false;
        while let Some(space) = buf.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.connection.reader().read(space) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    let cut = "the connection ended without TLS's close_notify: it was cut";
                    self.failure
                        .get_or_insert_with(|| TlsErrorText::error(ErrorKind::UnexpectedEof, cut));
                }
            }
            if filled > 0 && (is_drained || self.failure.is_some()) {
                break;
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            match self.receive(io) {
                Ok(received) => is_drained = received.is_all,
                Err(error) if error.kind() != ErrorKind::WouldBlock => self.failure = Some(error),
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Takes bytes to send, and sends as much as the stream takes; the rest is buffered. Returns how many bytes were taken; fails with
    /// [`ErrorKind::WouldBlock`] if the buffer is full.
    pub(in crate::session) fn write(
        &mut self,
        io: &mut (impl Read + Write),
        bytes: &[u8],
    ) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += self.connection.writer().write(rest)?;
            if !self.flush(io)? {
                break;
            }
        }
        if taken == 0 && !bytes.is_empty() { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Sends buffered bytes; returns whether that was all. If the server has closed the stream, the error is the one that it sent before.
    pub(in crate::session) fn flush(&mut self, io: &mut (impl Read + Write)) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(io) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(self.cause(io, error)),
            }
        }
        Ok(true)
    }

    /// Whether encrypted bytes are buffered.
    pub(in crate::session) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// The data for SCRAM's channel binding `tls-server-end-point`, a hash of the server's certificate; `None` if it has none.
    pub(in crate::session) fn end_point(&self) -> Option<Vec<u8>> {
        binding::end_point(self.connection.peer_certificates()?.first()?)
    }

    /// Sends `close_notify`, if the stream takes it at once.
    pub(in crate::session) fn close(&mut self, io: &mut (impl Read + Write)) {
        self.connection.send_close_notify();
        // The connection is closed anyway.
        let _ = self.flush(io);
    }

    /// Receives from the stream, as much as rustls reads at once, and decrypts it.
    fn receive(&mut self, io: &mut (impl Read + Write)) -> io::Result<Received> {
        if self.is_broken {
            self.connection.process_new_packets().map_err(wrapped)?;
        }
        let mut tap = Tap { io, is_all: false };
        let bytes = self.connection.read_tls(&mut tap)?;
        let is_all = tap.is_all;
        let verdict = self.connection.process_new_packets();
        self.is_broken = verdict.is_err();
        if self.connection.wants_write() {
            // Answers to handshake messages, or an alert. If the stream does not take it, or fails, the next write will notice.
            let _ = self.connection.write_tls(io);
        }
        verdict.map_err(wrapped)?;
        Ok(Received { bytes, is_all })
    }

    /// The error of a stream that cannot be written to: a server that refuses the client sends an alert before it closes the stream.
    fn cause(&mut self, io: &mut (impl Read + Write), error: io::Error) -> io::Error {
        let closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        while closed.contains(&error.kind()) {
            let Ok(1..) = self.connection.read_tls(&mut Tap { io, is_all: false }) else { break };
            if let Err(reason) = self.connection.process_new_packets() {
                self.is_broken = true;
                return wrapped(reason);
            }
        }
        error
    }
}

/// What was received from the stream.
struct Received {
    bytes: usize,
    /// Less than was asked for, so the stream is empty now.
    is_all: bool,
}

fn wrapped(error: TlsError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Reads from a stream, and notes whether that was all that it had.
struct Tap<'a, T> {
    io: &'a mut T,
    is_all: bool,
}

impl<T: Read> Read for Tap<'_, T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.io.read(buf) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => {
                    self.is_all = result.as_ref().is_ok_and(|count| *count < buf.len());
                    return result;
                }
            }
        }
    }
}
