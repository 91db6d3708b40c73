//! One TLS conversation over a non-blocking stream.

use std::io::{self, ErrorKind, Read, Write};

use rustls::{ClientConnection, Error as TlsError};

use super::PROTOCOL;
use super::binding;
use super::errors::TlsErrorText;
use crate::session::config::security::Negotiation;

/// How many encrypted bytes may wait for the stream; more are not taken until it has taken these.
const WAITING_BYTES: usize = 256 * 1024;

/// TLS as one side of a conversation sees it. No call blocks where the stream does not, and none
/// goes to the stream's other end for more than it was called for.
pub(in crate::session) struct Tls {
    connection: ClientConnection,
    negotiation: Negotiation,
    /// Why nothing more can be read, kept while there was something to read before it.
    failure: Option<io::Error>,
    /// TLS has failed, and says so for good.
    is_broken: bool,
}

impl Tls {
    pub(super) fn new(mut connection: ClientConnection, negotiation: Negotiation) -> Self {
        connection.set_buffer_limit(Some(WAITING_BYTES));
        Self { connection, negotiation, failure: None, is_broken: false }
    }

    /// Goes on with the handshake; true when it is done. Otherwise the stream has to become
    /// writable, where [`Tls::wants_write`], else readable.
    ///
    /// The server may judge our certificate only after this: then the first read says what it
    /// thinks of it.
    ///
    /// # Errors
    /// The stream's, or TLS's, which [`explain`](super::explain()) puts in words.
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

    /// A server that was told nothing before TLS must have understood that PostgreSQL is spoken
    /// inside, lest another server's answers are taken for its.
    fn check_protocol(&self) -> io::Result<()> {
        let agreed = self.connection.alpn_protocol();
        if self.negotiation == Negotiation::Direct && agreed != Some(PROTOCOL) {
            return Err(TlsErrorText::error(
                ErrorKind::InvalidData,
                "the server did not agree to speak PostgreSQL inside TLS (by ALPN); \
                 sslnegotiation=direct wants PostgreSQL 17 or later, or a proxy that knows it",
            ));
        }
        Ok(())
    }

    /// Reads what the server sent: 0 is a clean end. Fewer bytes than there was room for are all
    /// that had come; a full buffer may have more behind it, of which the stream shows no sign.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when nothing has come yet, [`ErrorKind::UnexpectedEof`] when the
    /// stream ended with no word of TLS's, the stream's own, or TLS's.
    pub(in crate::session) fn read(
        &mut self,
        io: &mut (impl Read + Write),
        buf: &mut [u8],
    ) -> io::Result<usize> {
        let mut filled = 0;
        let mut is_drained = false;
        while let Some(room) = buf.get_mut(filled..).filter(|room| !room.is_empty()) {
            match self.connection.reader().read(room) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => {
                    let cut = "the connection ended without TLS saying so";
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

    /// Takes bytes to send, and sends what the stream takes; what is taken is not lost.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when too many wait for the stream already, the stream's own, or
    /// TLS's.
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

    /// Sends what waits for the stream; false when some still does.
    ///
    /// # Errors
    /// The stream's, or what the server said before it closed the stream.
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

    /// Whether encrypted bytes wait for the stream.
    pub(in crate::session) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// The hash of the server's certificate that SCRAM binds a login to, if there is one:
    /// `tls-server-end-point`.
    pub(in crate::session) fn end_point(&self) -> Option<Vec<u8>> {
        binding::end_point(self.connection.peer_certificates()?.first()?)
    }

    /// Says goodbye, if the stream takes it at once.
    pub(in crate::session) fn close(&mut self, io: &mut (impl Read + Write)) {
        self.connection.send_close_notify();
        // Nobody waits for an answer.
        let _ = self.flush(io);
    }

    /// Takes what the stream has, as much as rustls reads at once, and works on it.
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
            // Answers to what came, and the reason for our leaving. What the stream does not take
            // now it takes with the next write; what is wrong with it, that will tell.
            let _ = self.connection.write_tls(io);
        }
        verdict.map_err(wrapped)?;
        Ok(Received { bytes, is_all })
    }

    /// Why the stream takes nothing more: a server that turns us away says so before it hangs up.
    fn cause(&mut self, io: &mut (impl Read + Write), error: io::Error) -> io::Error {
        let hung_up = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        while hung_up.contains(&error.kind()) {
            let Ok(1..) = self.connection.read_tls(&mut Tap { io, is_all: false }) else { break };
            if let Err(reason) = self.connection.process_new_packets() {
                self.is_broken = true;
                return wrapped(reason);
            }
        }
        error
    }
}

/// What came from the stream.
struct Received {
    bytes: usize,
    /// Less came than there was room for, so that the stream is empty now.
    is_all: bool,
}

fn wrapped(error: TlsError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}

/// Reads from a stream, and notes whether that was all it had.
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
