//! A server at the other end of a stream in memory, which may give and take a few bytes at a time.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use rustls::ServerConnection;

/// Whether the stream accepts bytes.
#[derive(PartialEq)]
pub(super) enum Outlet {
    Open,
    Stuck,
    Reset,
}

/// The client's stream, and the server behind it.
pub(super) struct Peer {
    pub(super) server: ServerConnection,
    /// The bytes that the server has read.
    pub(super) heard: Vec<u8>,
    /// Bytes that the client has not read yet.
    pub(super) incoming: VecDeque<u8>,
    /// How many bytes one call transfers.
    pub(super) step: usize,
    /// Every other call would block.
    pub(super) stutters: bool,
    /// The stream ends after these bytes.
    pub(super) is_cut: bool,
    pub(super) outlet: Outlet,
    /// The server's error.
    pub(super) failure: Option<rustls::Error>,
    calls: usize,
    pub(super) reads: usize,
}

impl Peer {
    pub(super) fn new(mut server: ServerConnection) -> Self {
        server.set_buffer_limit(None);
        Self {
            server,
            heard: Vec::new(),
            incoming: VecDeque::new(),
            step: usize::MAX,
            stutters: false,
            is_cut: false,
            outlet: Outlet::Open,
            failure: None,
            calls: 0,
            reads: 0,
        }
    }

    /// Makes the server send bytes.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.server.writer().write_all(bytes).unwrap();
        self.pump();
    }

    /// Makes the server send `close_notify`.
    pub(super) fn leave(&mut self) {
        self.server.send_close_notify();
        self.pump();
        self.is_cut = true;
    }

    fn pump(&mut self) {
        while self.server.wants_write() {
            let mut out = Vec::new();
            self.server.write_tls(&mut out).unwrap();
            self.incoming.extend(out);
        }
    }

    fn blocks(&mut self) -> bool {
        self.calls += 1;
        self.stutters && self.calls % 2 == 1
    }
}

impl Read for Peer {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.blocks() || (self.incoming.is_empty() && !self.is_cut) {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.reads += 1;
        let room = buf.len().min(self.step);
        self.incoming.read(&mut buf[..room])
    }
}

impl Write for Peer {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.outlet == Outlet::Reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.blocks() || self.outlet == Outlet::Stuck {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = buf.len().min(self.step);
        let mut rest = &buf[..taken];
        while !rest.is_empty() && self.failure.is_none() {
            self.server.read_tls(&mut rest).unwrap();
            if let Err(error) = self.server.process_new_packets() {
                self.failure = Some(error);
            }
            let mut heard = Vec::new();
            // It would block, or the client has left.
            let _ = self.server.reader().read_to_end(&mut heard);
            self.heard.extend(heard);
        }
        self.pump();
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
