//! Splits a binary COPY, which arrives in parts of any size, into rows.
//!
//! Layout: <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>. The checks
//! are those of `ReceiveCopyBinaryHeader` and `CopyFromBinaryOneRow` in
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/commands/copyfromparse.c>.

use super::Malformed;
use super::copy::{HEADER, TRAILER, take};

/// The bytes of the signature, before the flags.
const SIGNATURE_BYTES: usize = 11;
/// The flag of files with OIDs, which PostgreSQL wrote before version 12.
const OIDS_FLAG: u32 = 1 << 16;
/// The flags that change the format. A reader ignores the others.
const CRITICAL_FLAGS: u32 = 0xffff_0000;
/// The longest value that PostgreSQL makes: 1 GiB less one byte (`MaxAllocSize`).
const MAX_CELL_BYTES: usize = 0x3fff_ffff;
/// A buffer that one long row has made larger than this is not kept.
const MAX_KEPT_BYTES: usize = 4 << 20;

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    /// The rest of the header's extension, of which this many bytes are to be skipped.
    Extension(usize),
    Rows,
    End,
}

/// What the bytes begin with.
enum Parsed {
    /// A row that ends here.
    Row(usize),
    Trailer,
    /// Not the whole of a row; so many bytes are needed to get further.
    Incomplete(usize),
}

/// The bytes of a binary COPY that have arrived and were not taken yet.
#[derive(Debug)]
pub struct CopyRows {
    columns: usize,
    bytes: Vec<u8>,
    /// The first byte that was not taken.
    start: usize,
    /// The bytes that must have arrived before anything else can be taken.
    needed: usize,
    state: State,
}

impl CopyRows {
    /// A reader of rows with so many columns.
    #[must_use]
    pub fn new(columns: usize) -> Self {
        let needed = HEADER.len();
        Self { columns, bytes: Vec::new(), start: 0, needed, state: State::Header }
    }

    /// Appends bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.bytes.len() && self.bytes.capacity() > MAX_KEPT_BYTES {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..self.start);
        }
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The number of bytes that have arrived and were not taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Takes up to `max_rows` whole rows, and appends their cells; returns the number of rows, and
    /// that of their bytes. No rows means that more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are not a binary COPY with this number of columns. A row with an error comes
    /// first: the rows before it were taken by an earlier call.
    pub fn take<'a>(
        &'a mut self,
        max_rows: usize,
        cells: &mut Vec<Option<&'a [u8]>>,
    ) -> Result<(usize, usize), Malformed> {
        self.take_header()?;
        let (mut rows, first) = (0, self.start);
        if self.state == State::End && self.waiting() > 0 {
            return Err(Malformed("bytes after the trailer of the COPY".into()));
        }
        while rows < max_rows && self.state == State::Rows && self.waiting() >= self.needed {
            let kept = cells.len();
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            match parse(rest, self.columns, cells) {
                Ok(Parsed::Row(end)) => {
                    (self.start, self.needed) = (self.start + end, TRAILER.len());
                    rows += 1;
                }
                Ok(Parsed::Trailer) => {
                    self.start += TRAILER.len();
                    self.state = State::End;
                }
                Ok(Parsed::Incomplete(needed)) => {
                    self.needed = needed;
                    cells.truncate(kept);
                }
                Err(malformed) if rows == 0 => return Err(malformed),
                Err(_) => {
                    cells.truncate(kept);
                    break;
                }
            }
        }
        Ok((rows, self.start - first))
    }

    fn take_header(&mut self) -> Result<(), Malformed> {
        if self.state == State::Header {
            let rest = self.bytes.get(self.start..).unwrap_or_default();
            let known = rest.len().min(SIGNATURE_BYTES);
            if rest.get(..known) != HEADER.get(..known) {
                let what = "expected the signature of a binary COPY; use COPY with FORMAT binary";
                return Err(Malformed(what.into()));
            }
            if rest.len() < HEADER.len() {
                return Ok(());
            }
            let mut words = rest.get(SIGNATURE_BYTES..).unwrap_or_default();
            let flags = u32::from_be_bytes(take(&mut words)?);
            if flags & OIDS_FLAG != 0 {
                return Err(Malformed("a COPY with OIDs, which howdah does not read".into()));
            }
            if flags & CRITICAL_FLAGS != 0 {
                return Err(Malformed(format!("unknown flags in the COPY's header: {flags:#x}")));
            }
            let extension = i32::from_be_bytes(take(&mut words)?);
            let extension = usize::try_from(extension).map_err(|_| {
                Malformed(format!("a header extension of {extension} bytes in the COPY"))
            })?;
            self.start += HEADER.len();
            (self.state, self.needed) = (State::Extension(extension), TRAILER.len());
        }
        if let State::Extension(left) = self.state {
            let skipped = left.min(self.waiting());
            self.start += skipped;
            self.state =
                if skipped == left { State::Rows } else { State::Extension(left - skipped) };
        }
        Ok(())
    }

    /// Checks that the COPY has ended, when no more bytes will arrive.
    ///
    /// # Errors
    /// When it ends early.
    pub fn finish(&self) -> Result<(), Malformed> {
        let what = match self.state {
            State::End if self.waiting() == 0 => return Ok(()),
            State::End => "bytes after the trailer of the COPY",
            State::Rows if self.waiting() == 0 => "the COPY ends without its trailer",
            State::Rows => "the COPY ends within a row",
            State::Header | State::Extension(_) => "the COPY ends within its header",
        };
        Err(Malformed(what.into()))
    }
}

/// Parses what `bytes` begin with, and appends the cells of a row.
fn parse<'a>(
    bytes: &'a [u8],
    columns: usize,
    cells: &mut Vec<Option<&'a [u8]>>,
) -> Result<Parsed, Malformed> {
    let mut rest = bytes;
    let taken = |rest: &[u8]| bytes.len() - rest.len();
    let Some((count, tail)) = rest.split_first_chunk::<2>() else {
        return Ok(Parsed::Incomplete(2));
    };
    rest = tail;
    if *count == TRAILER {
        return Ok(Parsed::Trailer);
    }
    let count = i16::from_be_bytes(*count);
    if usize::try_from(count) != Ok(columns) {
        return Err(Malformed(format!("expected a row of {columns} columns, got {count}")));
    }
    for _ in 0..columns {
        let Some((length, tail)) = rest.split_first_chunk::<4>() else {
            return Ok(Parsed::Incomplete(taken(rest) + 4));
        };
        rest = tail;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            cells.push(None);
            continue;
        }
        let bytes = usize::try_from(length).ok().filter(|bytes| *bytes <= MAX_CELL_BYTES);
        let Some(bytes) = bytes else {
            return Err(Malformed(format!("a value of {length} bytes in the COPY")));
        };
        let Some((cell, tail)) = rest.split_at_checked(bytes) else {
            return Ok(Parsed::Incomplete(taken(rest) + bytes));
        };
        rest = tail;
        cells.push(Some(cell));
    }
    Ok(Parsed::Row(taken(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows of two columns.
    fn copy() -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        bytes.extend([0, 2, 0, 0, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff]);
        bytes.extend([0, 2, 0, 0, 0, 0, 0, 0, 0, 3, b'b', b'c', b'd']);
        bytes.extend(TRAILER);
        bytes
    }

    type Row = Vec<Option<Vec<u8>>>;

    /// The rows of bytes that arrive in chunks of this size.
    fn rows(bytes: &[u8], chunk: usize) -> Result<Vec<Row>, Malformed> {
        let mut reader = CopyRows::new(2);
        let mut rows = Vec::new();
        for chunk in bytes.chunks(chunk) {
            reader.push(chunk);
            loop {
                let mut cells = Vec::new();
                let (count, _) = reader.take(1, &mut cells)?;
                if count == 0 {
                    break;
                }
                rows.push(cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect());
            }
        }
        reader.finish().map(|()| rows)
    }

    #[test]
    fn test_rows_of_copy_cut_anywhere_are_the_same() {
        let bytes = copy();
        let expected: Vec<Row> =
            vec![vec![Some(b"a".to_vec()), None], vec![Some(Vec::new()), Some(b"bcd".to_vec())]];
        for chunk in 1..=bytes.len() {
            assert_eq!(rows(&bytes, chunk), Ok(expected.clone()), "chunks of {chunk}");
        }
    }

    #[test]
    fn test_copy_that_ends_early_is_an_error() {
        let bytes = copy();
        for end in 0..bytes.len() {
            assert!(rows(&bytes[..end], 7).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn test_malformed_copy_says_what_is_wrong() {
        let with = |at: usize, new: &[u8]| {
            let mut bytes = copy();
            bytes.splice(at..at + new.len(), new.iter().copied());
            rows(&bytes, 1000).unwrap_err().0
        };
        assert!(with(0, b"1\t2\n").contains("signature"));
        assert!(with(11, &[0, 1, 0, 0]).contains("OIDs"));
        assert!(with(11, &[0, 2, 0, 0]).contains("0x20000"));
        assert!(with(15, &[0xff; 4]).contains("extension of -1"));
        assert!(with(19, &[0, 3]).contains("2 columns, got 3"));
        assert!(with(19, &[0xff, 0xfe]).contains("2 columns, got -2"));
        assert!(with(21, &[0xff, 0xff, 0xff, 0xfe]).contains("value of -2 bytes"));
        assert!(with(21, &[0x40, 0, 0, 0]).contains("value of 1073741824 bytes"));
        assert!(with(21, &[0x3f, 0, 0, 0]).contains("ends within a row"));
        let bytes = [copy(), b"x".to_vec()].concat();
        assert!(rows(&bytes, 1000).unwrap_err().0.contains("after the trailer"));
    }

    #[test]
    fn test_header_extension_and_harmless_flags_are_skipped() {
        let mut bytes = copy();
        bytes.splice(14..19, [1, 0, 0, 0, 3, b'x', b'y', b'z']);
        for chunk in 1..bytes.len() {
            assert_eq!(rows(&bytes, chunk).unwrap().len(), 2, "chunks of {chunk}");
        }
    }
}
