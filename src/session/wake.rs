//! A pipe by which any thread wakes whoever watches a file descriptor.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;

use rustix::io::ioctl_fionbio;

/// A pipe that holds bytes of no meaning.
pub struct WakePipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl WakePipe {
    /// A new one; neither end of it blocks.
    ///
    /// # Errors
    /// When the process has too many files open.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        ioctl_fionbio(&reader, true)?;
        ioctl_fionbio(&writer, true)?;
        Ok(Self { reader, writer })
    }

    /// What becomes readable.
    #[must_use]
    pub fn descriptor(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    /// Wakes whoever watches.
    pub fn wake(&self) {
        // A full pipe wakes, too.
        let _ = (&self.writer).write(&[0]);
    }

    /// Forgets that it was woken.
    pub fn drain(&self) {
        let mut bytes = [0; 64];
        while (&self.reader).read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }
}
