//! The encoded cells of a column, and their interleaving into COPY tuples.
//!
//! Row lengths are computed first; then each column writes its cells at the rows' offsets. Every
//! loop handles one kind of cell without a branch per cell, which makes it fast.

use std::borrow::Cow;

use super::copy::TRAILER;

/// The encoded cells of one column, with their validity.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    body: Body<'a>,
    /// `false` for a NULL cell; `None` if no cell is NULL.
    valid: Option<Vec<bool>>,
}

#[derive(Debug, Clone)]
enum Body<'a> {
    /// Only NULLs: their count.
    Null(usize),
    /// Cells of one width, contiguous.
    One(Vec<[u8; 1]>),
    Two(Vec<[u8; 2]>),
    Four(Vec<[u8; 4]>),
    Eight(Vec<[u8; 8]>),
    Sixteen(Vec<[u8; 16]>),
    /// Borrowed cells, each sent after the same prefix.
    Slices {
        prefix: &'static [u8],
        slices: Vec<&'a [u8]>,
    },
    /// Cells of varying width, contiguous; `ends` are their end offsets.
    Variable {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

/// The widths of fixed-width cells.
pub trait Fixed: Sized {
    /// Wraps cells of this width.
    fn cells(cells: Vec<Self>, valid: Option<Vec<bool>>) -> Cells<'static>;
}

macro_rules! fixed_widths {
    ($($width:literal => $variant:ident),*) => {$(
        impl Fixed for [u8; $width] {
            fn cells(cells: Vec<Self>, valid: Option<Vec<bool>>) -> Cells<'static> {
                Cells { body: Body::$variant(cells), valid }
            }
        }
    )*};
}
fixed_widths!(1 => One, 2 => Two, 4 => Four, 8 => Eight, 16 => Sixteen);

impl<'a> Cells<'a> {
    /// `count` NULLs.
    #[must_use]
    pub fn null(count: usize) -> Self {
        Self { body: Body::Null(count), valid: None }
    }

    /// Borrowed cells; each is sent after `prefix`.
    #[must_use]
    pub fn slices(prefix: &'static [u8], slices: Vec<&'a [u8]>, valid: Option<Vec<bool>>) -> Self {
        Self { body: Body::Slices { prefix, slices }, valid }
    }

    /// Cells contiguous in `bytes`; `ends` are their end offsets.
    #[must_use]
    pub fn variable(bytes: Vec<u8>, ends: Vec<usize>, valid: Option<Vec<bool>>) -> Self {
        Self { body: Body::Variable { bytes, ends }, valid }
    }

    /// The number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Null(count) => *count,
            Body::One(cells) => cells.len(),
            Body::Two(cells) => cells.len(),
            Body::Four(cells) => cells.len(),
            Body::Eight(cells) => cells.len(),
            Body::Sixteen(cells) => cells.len(),
            Body::Slices { slices, .. } => slices.len(),
            Body::Variable { ends, .. } => ends.len(),
        }
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One cell: its prefix and its bytes; `None` for NULL.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(&'static [u8], &[u8])> {
        if let Some(valid) = &self.valid
            && !valid.get(index).copied().unwrap_or(false)
        {
            return None;
        }
        match &self.body {
            Body::Null(_) => None,
            Body::One(cells) => cells.get(index).map(|cell| (&[][..], &cell[..])),
            Body::Two(cells) => cells.get(index).map(|cell| (&[][..], &cell[..])),
            Body::Four(cells) => cells.get(index).map(|cell| (&[][..], &cell[..])),
            Body::Eight(cells) => cells.get(index).map(|cell| (&[][..], &cell[..])),
            Body::Sixteen(cells) => cells.get(index).map(|cell| (&[][..], &cell[..])),
            Body::Slices { prefix, slices } => slices.get(index).map(|cell| (*prefix, *cell)),
            Body::Variable { bytes, ends } => {
                let start = index.checked_sub(1).map_or(Some(0), |i| ends.get(i).copied())?;
                bytes.get(start..*ends.get(index)?).map(|cell| (&[][..], cell))
            }
        }
    }

    /// Appends one cell after its length, as in arrays and tuples.
    pub fn put(&self, index: usize, out: &mut Vec<u8>) {
        match self.get(index) {
            None => out.extend_from_slice(&NULL),
            Some((prefix, cell)) => {
                out.extend_from_slice(&length(prefix.len() + cell.len()));
                out.extend_from_slice(prefix);
                out.extend_from_slice(cell);
            }
        }
    }

    /// The cells at `indices` (`None`: NULL), in that order.
    #[must_use]
    pub fn take(&self, indices: impl Iterator<Item = Option<usize>>) -> Cells<'static> {
        let (mut bytes, mut ends, mut valid) = (Vec::new(), Vec::new(), Vec::new());
        for index in indices {
            let cell = index.and_then(|index| self.get(index));
            if let Some((prefix, cell)) = cell {
                bytes.extend_from_slice(prefix);
                bytes.extend_from_slice(cell);
            }
            ends.push(bytes.len());
            valid.push(cell.is_some());
        }
        Cells::variable(bytes, ends, Some(valid))
    }

    /// Adds the encoded length of this column's cells to the rows' lengths.
    fn measure(&self, lengths: &mut [usize]) {
        match &self.body {
            Body::Null(_) => lengths.iter_mut().for_each(|row| *row += 4),
            Body::One(_) => self.measure_fixed(1, lengths),
            Body::Two(_) => self.measure_fixed(2, lengths),
            Body::Four(_) => self.measure_fixed(4, lengths),
            Body::Eight(_) => self.measure_fixed(8, lengths),
            Body::Sixteen(_) => self.measure_fixed(16, lengths),
            Body::Slices { prefix, slices } if self.valid.is_none() => {
                for (row, slice) in lengths.iter_mut().zip(slices) {
                    *row += 4 + prefix.len() + slice.len();
                }
            }
            Body::Slices { .. } | Body::Variable { .. } => {
                for (index, row) in lengths.iter_mut().enumerate() {
                    *row += 4 + self.get(index).map_or(0, |(p, cell)| p.len() + cell.len());
                }
            }
        }
    }

    fn measure_fixed(&self, width: usize, lengths: &mut [usize]) {
        match &self.valid {
            None => lengths.iter_mut().for_each(|row| *row += 4 + width),
            Some(valid) => {
                for (row, valid) in lengths.iter_mut().zip(valid) {
                    *row += 4 + width * usize::from(*valid);
                }
            }
        }
    }

    /// Writes each cell at its row's offset, and advances the offset.
    fn write(&self, out: &mut [u8], offsets: &mut [usize]) {
        match &self.body {
            Body::Null(_) => offsets.iter_mut().for_each(|offset| write(out, offset, &NULL)),
            Body::One(cells) => self.write_fixed::<1, 5>(cells, out, offsets),
            Body::Two(cells) => self.write_fixed::<2, 6>(cells, out, offsets),
            Body::Four(cells) => self.write_fixed::<4, 8>(cells, out, offsets),
            Body::Eight(cells) => self.write_fixed::<8, 12>(cells, out, offsets),
            Body::Sixteen(cells) => self.write_fixed::<16, 20>(cells, out, offsets),
            Body::Slices { .. } | Body::Variable { .. } => {
                for (index, offset) in offsets.iter_mut().enumerate() {
                    match self.get(index) {
                        None => write(out, offset, &NULL),
                        Some((prefix, cell)) => {
                            write(out, offset, &length(prefix.len() + cell.len()));
                            if !prefix.is_empty() {
                                write(out, offset, prefix);
                            }
                            write(out, offset, cell);
                        }
                    }
                }
            }
        }
    }

    /// `M` is `N + 4`: the cell and its length.
    fn write_fixed<const N: usize, const M: usize>(
        &self,
        cells: &[[u8; N]],
        out: &mut [u8],
        offsets: &mut [usize],
    ) {
        match &self.valid {
            None => {
                for (offset, cell) in offsets.iter_mut().zip(cells) {
                    write(out, offset, &frame::<N, M>(cell));
                }
            }
            Some(valid) => {
                for ((offset, cell), valid) in offsets.iter_mut().zip(cells).zip(valid) {
                    if *valid {
                        write(out, offset, &frame::<N, M>(cell));
                    } else {
                        write(out, offset, &NULL);
                    }
                }
            }
        }
    }
}

/// A cell after its length; `M` is `N + 4`.
#[inline]
fn frame<const N: usize, const M: usize>(cell: &[u8; N]) -> [u8; M] {
    let mut framed = [0; M];
    let (head, body) = framed.split_at_mut(4);
    head.copy_from_slice(&length(N));
    body.copy_from_slice(cell);
    framed
}

const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// The length word of a cell. It fits an `i32`, as rows longer than [`MAX_ROW_BYTES`] were refused
/// before.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}

#[inline]
fn write(out: &mut [u8], offset: &mut usize, bytes: &[u8]) {
    let end = *offset + bytes.len();
    if let Some(target) = out.get_mut(*offset..end) {
        target.copy_from_slice(bytes);
    }
    *offset = end;
}

/// The error of a row that is longer than a COPY message can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The row's index in the batch.
    pub row: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

/// The server allocates at most 1 GiB for a message, and so for a row.
const MAX_ROW_BYTES: usize = 0x3fff_ffff;

/// Appends the COPY tuples of `columns`, which all have `rows` cells.
///
/// # Errors
/// When a row is longer than the server accepts.
pub fn interleave(columns: &[Cells<'_>], rows: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX).to_be_bytes();
    let mut lengths = vec![TRAILER.len(); rows];
    for column in columns {
        column.measure(&mut lengths);
    }
    let start = out.len();
    let mut end = start;
    let mut offsets = lengths;
    for (row, offset) in offsets.iter_mut().enumerate() {
        let bytes = *offset;
        if bytes > MAX_ROW_BYTES {
            return Err(TooLong { row, bytes });
        }
        *offset = end;
        end += bytes;
    }
    out.resize(end, 0);
    for offset in &mut offsets {
        write(out, offset, &count);
    }
    for column in columns {
        column.write(out, &mut offsets);
    }
    Ok(())
}

/// The COPY tuple of one row in parts, without copying the cells' bytes.
///
/// # Errors
/// When the row is longer than the server accepts.
pub fn tuple_parts<'a>(
    columns: &'a [Cells<'_>],
    row: usize,
) -> Result<impl Iterator<Item = Cow<'a, [u8]>>, TooLong> {
    let cell = move |column: &'a Cells<'_>| column.get(row);
    let lengths =
        columns.iter().map(cell).map(|cell| 4 + cell.map_or(0, |(p, c)| p.len() + c.len()));
    let bytes = lengths.sum::<usize>() + TRAILER.len();
    if bytes > MAX_ROW_BYTES {
        return Err(TooLong { row, bytes });
    }
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX).to_be_bytes();
    let framed = move |column: &'a Cells<'_>| match cell(column) {
        None => [Cow::Owned(NULL.to_vec()), Cow::Borrowed(&[][..])],
        Some((prefix, cell)) => {
            let head = [&length(prefix.len() + cell.len()), prefix].concat();
            [Cow::Owned(head), Cow::Borrowed(cell)]
        }
    };
    Ok([Cow::Owned(count.to_vec())].into_iter().chain(columns.iter().flat_map(framed)))
}

#[cfg(test)]
mod tests {
    use super::super::copy;
    use super::*;

    #[test]
    fn test_interleave_of_every_kind_of_cell_reads_back() {
        let text = b"abcdef";
        let columns = [
            Fixed::cells(vec![[1_u8], [0], [1]], None),
            Fixed::cells(
                vec![[0, 0, 0, 1], [0; 4], [0, 0, 0, 3_u8]],
                Some(vec![true, false, true]),
            ),
            Cells::null(3),
            Cells::slices(b"", vec![&text[..1], &text[1..3], &text[3..3]], None),
            Cells::slices(
                b"\x01",
                vec![&text[..1], &text[1..3], b""],
                Some(vec![true, true, false]),
            ),
            Cells::variable(b"xyyzzz".to_vec(), vec![1, 3, 6], None),
        ];
        let mut bytes = copy::HEADER.to_vec();
        interleave(&columns, 3, &mut bytes).unwrap();
        let by_parts = (0..3).flat_map(|row| tuple_parts(&columns, row).unwrap());
        assert_eq!(by_parts.collect::<Vec<_>>().concat(), bytes[copy::HEADER.len()..]);
        bytes.extend(copy::TRAILER);
        let rows = copy::tuples(&bytes).unwrap();
        assert_eq!(
            rows[1],
            vec![
                Some(&b"\0"[..]),
                None,
                None,
                Some(&b"bc"[..]),
                Some(&b"\x01bc"[..]),
                Some(&b"yy"[..])
            ]
        );
        assert_eq!(rows[2][4], None);
        assert_eq!(rows[2][5], Some(&b"zzz"[..]));
    }

    #[test]
    fn test_take_of_cells_follows_the_indices() {
        let cells = Cells::slices(b"", vec![b"a", b"bb"], None);
        let taken = cells.take([Some(1), None, Some(0), Some(7)].into_iter());
        let got: Vec<_> = (0..4).map(|i| taken.get(i).map(|(_, cell)| cell)).collect();
        assert_eq!(got, [Some(&b"bb"[..]), None, Some(&b"a"[..]), None]);
    }
}
