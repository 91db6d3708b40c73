//! A pipe with which any thread wakes a thread or an event loop that watches a file descriptor.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

use rustix::io::ioctl_fionbio;

/// A pipe whose bytes only mean that there is something to do.
pub struct WakePipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl WakePipe {
    /// Opens a pipe, neither end of which blocks.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        ioctl_fionbio(&reader, true)?;
        ioctl_fionbio(&writer, true)?;
        Ok(Self { reader, writer })
    }

    /// The file descriptor that becomes readable.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    /// Makes the descriptor readable.
    pub fn wake(&self) {
        // If the pipe is full, the descriptor is readable anyway.
        let _ = (&self.writer).write(&[0]);
    }

    /// Makes the descriptor unreadable.
    pub fn drain(&self) {
        let mut bytes = [0; 64];
        while (&self.reader).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
