//! What gets through a stream: all of it, in whatever pieces; and what is said when it breaks.

use std::io::{self, ErrorKind, Read, Write};

use rustls::version::{TLS12, TLS13};

use super::authority::Identity;
use super::peer::{Outlet, Peer};
use super::{Tls, assert_says, connect, connector, describe_error, security, shake};
use crate::session::config::security::SslMode;

fn connected() -> (Tls, Peer) {
    let identity = Identity::alone(&["localhost"], |_| {});
    connect(&security(SslMode::Require), "localhost", identity.server()).unwrap()
}

/// Bytes whose values depend on their position.
fn numbered(count: usize) -> Vec<u8> {
    (0..count).map(|index| u8::try_from((index ^ (index >> 8)) & 0xff).unwrap()).collect()
}

fn read_all(tls: &mut Tls, peer: &mut Peer, wanted: usize, room: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = vec![0; room];
    while all.len() < wanted {
        match tls.read(peer, &mut buf) {
            Ok(0) => panic!("the end after {} bytes", all.len()),
            Ok(count) => all.extend(&buf[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    all
}

fn write_all(tls: &mut Tls, peer: &mut Peer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match tls.write(peer, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(tls.wants_write());
                let _ = tls.flush(peer).unwrap();
            }
        }
    }
    while !tls.flush(peer).unwrap() {}
}

#[test]
fn test_stream_of_single_bytes_with_pauses_loses_nothing() {
    let identity = Identity::alone(&["localhost"], |_| {});
    for version in [&TLS12, &TLS13] {
        let mut tls = connector(&security(SslMode::Require)).start("localhost").unwrap();
        let mut peer = Peer::new(identity.server_of(&[version], None, &[]));
        peer.step = 1;
        peer.stutters = true;
        shake(&mut tls, &mut peer).unwrap();
        let bytes = numbered(40_000);
        peer.say(&bytes);
        assert!(read_all(&mut tls, &mut peer, bytes.len(), 1000) == bytes);
        write_all(&mut tls, &mut peer, &bytes);
        assert!(peer.heard == bytes);
    }
}

#[test]
fn test_write_to_a_full_stream_buffers_a_limited_number_of_bytes() {
    let (mut tls, mut peer) = connected();
    peer.outlet = Outlet::Stuck;
    let bytes = numbered(3_000_000);
    let mut taken = 0;
    let error = loop {
        match tls.write(&mut peer, &bytes[taken..]) {
            Ok(count) => taken += count,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!((100_000..400_000).contains(&taken), "{taken}");
    assert!(tls.wants_write());
    assert!(!tls.flush(&mut peer).unwrap());
    peer.outlet = Outlet::Open;
    peer.step = 1000;
    write_all(&mut tls, &mut peer, &bytes[taken..]);
    assert!(!tls.wants_write());
    assert!(peer.heard == bytes);
}

#[test]
fn test_read_while_writes_are_buffered_succeeds() {
    let (mut tls, mut peer) = connected();
    peer.outlet = Outlet::Stuck;
    assert_eq!(tls.write(&mut peer, b"question").unwrap(), 8);
    peer.say(b"notice");
    assert_eq!(read_all(&mut tls, &mut peer, 6, 100), b"notice");
    peer.outlet = Outlet::Open;
    assert!(tls.flush(&mut peer).unwrap());
    assert_eq!(peer.heard, b"question");
}

#[test]
fn test_read_of_a_large_result_takes_few_reads_and_fills_its_buffer() {
    let (mut tls, mut peer) = connected();
    let bytes = numbered(4_000_000);
    // As PostgreSQL sends it: a record for each buffer of 8 KiB.
    for piece in bytes.chunks(8192) {
        peer.say(piece);
    }
    peer.reads = 0;
    let mut buf = vec![0; 65_536];
    let mut all: Vec<u8> = Vec::new();
    let mut calls = 0;
    while all.len() < bytes.len() {
        let count = tls.read(&mut peer, &mut buf).unwrap();
        all.extend(&buf[..count]);
        calls += 1;
    }
    assert!(all == bytes);
    assert!(calls <= 63, "{calls}");
    assert!(peer.reads <= 600, "{}", peer.reads);
}

#[test]
fn test_read_of_a_short_answer_takes_one_read() {
    let (mut tls, mut peer) = connected();
    peer.say(b"first");
    peer.say(b"second");
    peer.reads = 0;
    let mut buf = [0; 100];
    assert_eq!(tls.read(&mut peer, &mut buf).unwrap(), 11);
    assert_eq!(&buf[..11], b"firstsecond");
    assert_eq!(peer.reads, 1);
    let error = tls.read(&mut peer, &mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn test_read_into_small_buffers_leaves_the_rest_for_later() {
    let (mut tls, mut peer) = connected();
    peer.say(b"one answer");
    let mut buf = [0; 4];
    for part in [&b"one "[..], b"answ", b"er"] {
        let count = tls.read(&mut peer, &mut buf).unwrap();
        assert_eq!(&buf[..count], part);
    }
    assert_eq!(tls.read(&mut peer, &mut []).unwrap(), 0);
}

#[test]
fn test_read_at_a_clean_end_is_zero_after_all_bytes() {
    let (mut tls, mut peer) = connected();
    peer.say(b"last words");
    peer.leave();
    let mut buf = [0; 100];
    assert_eq!(tls.read(&mut peer, &mut buf).unwrap(), 10);
    assert_eq!(tls.read(&mut peer, &mut buf).unwrap(), 0);
    assert_eq!(tls.read(&mut peer, &mut buf).unwrap(), 0);
}

#[test]
fn test_read_of_a_cut_stream_is_an_unexpected_end_after_all_bytes() {
    for lost in [0, 1, 20] {
        let (mut tls, mut peer) = connected();
        peer.say(b"last");
        peer.say(b"words");
        peer.is_cut = true;
        peer.incoming.truncate(peer.incoming.len() - lost);
        let mut buf = [0; 100];
        let count = tls.read(&mut peer, &mut buf).unwrap();
        assert_eq!(&buf[..count], if lost == 0 { &b"lastwords"[..] } else { b"last" });
        for _ in 0..2 {
            let error = tls.read(&mut peer, &mut buf).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            assert_says(&describe_error(&error), &["connection ended"]);
        }
    }
}

#[test]
fn test_read_of_changed_bytes_is_an_error_after_the_unchanged_ones() {
    let (mut tls, mut peer) = connected();
    peer.say(b"sound");
    let sound = peer.incoming.len();
    peer.say(b"unsound");
    peer.incoming[sound + 10] ^= 1;
    let mut buf = [0; 100];
    assert_eq!(tls.read(&mut peer, &mut buf).unwrap(), 5);
    for _ in 0..2 {
        let error = tls.read(&mut peer, &mut buf).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_says(&describe_error(&error), &["cannot be decrypted"]);
    }
    assert!(tls.write(&mut peer, b"more").is_err());
}

#[test]
fn test_close_sends_close_notify() {
    let (mut tls, mut peer) = connected();
    tls.close(&mut peer);
    let mut buf = [0; 10];
    assert_eq!(peer.server.reader().read(&mut buf).unwrap(), 0);
    assert!(!tls.wants_write());
}

#[test]
fn test_handshake_cut_anywhere_is_an_error_with_a_message() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let whole = {
        let (_, peer) = connect_recorded(&identity, usize::MAX, |_| {});
        peer.length
    };
    for kept in (0..whole).step_by(7) {
        let (error, _) = connect_recorded(&identity, kept, |_| {});
        let error = error.expect("a cut handshake");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{kept}");
        assert_says(&describe_error(&error), &["during the TLS handshake"]);
    }
}

#[test]
fn test_handshake_with_any_bit_changed_never_panics() {
    let identity = Identity::alone(&["localhost"], |_| {});
    let whole = {
        let (_, peer) = connect_recorded(&identity, usize::MAX, |_| {});
        peer.length
    };
    for place in 0..whole {
        let flip = |bytes: &mut [u8]| {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= 1 << (place % 8);
            }
        };
        if let (Some(error), _) = connect_recorded(&identity, usize::MAX, flip) {
            assert!(!describe_error(&error).is_empty());
        }
    }
}

#[test]
fn test_handshake_with_other_protocols_is_refused_with_a_message() {
    for (garbage, words) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "is not TLS"),
        (b"E\0\0\0\x0cSFATAL\0\0", "is not TLS"),
        (&[0; 100], "is not TLS"),
        (&[0xff; 100], "is not TLS"),
        (b"N", "is not TLS"),
        (b"\x16\x03", "during the TLS handshake"),
        (&[0x15, 3, 3, 0, 2, 2, 70], "version of TLS"),
        (&[0x15, 3, 3, 0, 2, 2, 40], "ended the TLS handshake"),
        (&[0x15, 3, 3, 0, 2, 2, 112], "sslsni=0"),
        (&[0x15, 3, 3, 0, 2, 2, 80], "InternalError"),
        (&[0x16, 3, 3, 0xff, 0xff], ""),
        (&[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5], ""),
    ] {
        let mut tls = connector(&security(SslMode::Require)).start("localhost").unwrap();
        let mut stream = Canned { bytes: garbage };
        let error = tls.handshake(&mut stream).unwrap_err();
        assert_says(&describe_error(&error), &[words]);
    }
}

/// A stream that always returns the same bytes.
struct Canned<'a> {
    bytes: &'a [u8],
}

impl Read for Canned<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buf)
    }
}

impl Write for Canned<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The server's bytes of a handshake, changed and cut.
struct Recorded<F> {
    peer: Peer,
    length: usize,
    kept: usize,
    change: Option<F>,
}

impl<F: FnOnce(&mut [u8])> Read for Recorded<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(change) = self.change.take() {
            self.length = self.peer.incoming.len();
            change(self.peer.incoming.make_contiguous());
            self.peer.incoming.truncate(self.kept);
        }
        // The whole flight is here, and no other comes.
        self.peer.is_cut = true;
        self.peer.read(buf)
    }
}

impl<F> Write for Recorded<F> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.peer.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect_recorded<F: FnOnce(&mut [u8])>(
    identity: &Identity,
    kept: usize,
    change: F,
) -> (Option<io::Error>, Recorded<F>) {
    let mut tls = connector(&security(SslMode::Require)).start("localhost").unwrap();
    let server = identity.server_of(&[&TLS13], None, &[]);
    let mut stream = Recorded { peer: Peer::new(server), length: 0, kept, change: Some(change) };
    let error = loop {
        match tls.handshake(&mut stream) {
            Ok(true) => break None,
            Ok(false) => {}
            Err(error) => break Some(error),
        }
    };
    (error, stream)
}
