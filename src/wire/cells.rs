//! The cells of one column in wire form, and their weaving into COPY tuples.
//!
//! Columns are written one after another into rows whose places were measured first: every loop
//! is over one kind of cell, which is what makes it quick.

use std::borrow::Cow;

use super::copy::TRAILER;

/// The cells of one column, encoded; NULLs told apart.
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    body: Body<'a>,
    /// `false` where the cell is NULL; absent where none is.
    valid: Option<Vec<bool>>,
}

#[derive(Debug, Clone)]
enum Body<'a> {
    /// Every cell is NULL; how many.
    Null(usize),
    /// Cells of one width, end to end.
    One(Vec<[u8; 1]>),
    Two(Vec<[u8; 2]>),
    Four(Vec<[u8; 4]>),
    Eight(Vec<[u8; 8]>),
    Sixteen(Vec<[u8; 16]>),
    /// Cells that lie elsewhere, each after the same prefix.
    Slices {
        prefix: &'static [u8],
        slices: Vec<&'a [u8]>,
    },
    /// Cells of varying width, end to end.
    Staged {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    },
}

/// Widths that a fixed cell can have.
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

    /// Cells that lie elsewhere; each is sent after `prefix`.
    #[must_use]
    pub fn slices(prefix: &'static [u8], slices: Vec<&'a [u8]>, valid: Option<Vec<bool>>) -> Self {
        Self { body: Body::Slices { prefix, slices }, valid }
    }

    /// Cells end to end in `bytes`, each reaching to its place in `ends`.
    #[must_use]
    pub fn staged(bytes: Vec<u8>, ends: Vec<usize>, valid: Option<Vec<bool>>) -> Self {
        Self { body: Body::Staged { bytes, ends }, valid }
    }

    /// How many cells there are.
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
            Body::Staged { ends, .. } => ends.len(),
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
            Body::Staged { bytes, ends } => {
                let start = index.checked_sub(1).map_or(Some(0), |i| ends.get(i).copied())?;
                bytes.get(start..*ends.get(index)?).map(|cell| (&[][..], cell))
            }
        }
    }

    /// Appends one cell with its length before it, as arrays and tuples want it.
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
        Cells::staged(bytes, ends, Some(valid))
    }

    /// Adds to each row's length what this column's cell will take.
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
            Body::Slices { .. } | Body::Staged { .. } => {
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

    /// Writes each cell where its row stands, and moves the row on.
    fn write(&self, out: &mut [u8], places: &mut [usize]) {
        match &self.body {
            Body::Null(_) => places.iter_mut().for_each(|place| write(out, place, &NULL)),
            Body::One(cells) => self.write_fixed::<1, 5>(cells, out, places),
            Body::Two(cells) => self.write_fixed::<2, 6>(cells, out, places),
            Body::Four(cells) => self.write_fixed::<4, 8>(cells, out, places),
            Body::Eight(cells) => self.write_fixed::<8, 12>(cells, out, places),
            Body::Sixteen(cells) => self.write_fixed::<16, 20>(cells, out, places),
            Body::Slices { .. } | Body::Staged { .. } => {
                for (index, place) in places.iter_mut().enumerate() {
                    match self.get(index) {
                        None => write(out, place, &NULL),
                        Some((prefix, cell)) => {
                            write(out, place, &length(prefix.len() + cell.len()));
                            if !prefix.is_empty() {
                                write(out, place, prefix);
                            }
                            write(out, place, cell);
                        }
                    }
                }
            }
        }
    }

    /// `M` is `N` with the four bytes of the length.
    fn write_fixed<const N: usize, const M: usize>(
        &self,
        cells: &[[u8; N]],
        out: &mut [u8],
        places: &mut [usize],
    ) {
        match &self.valid {
            None => {
                for (place, cell) in places.iter_mut().zip(cells) {
                    write(out, place, &frame::<N, M>(cell));
                }
            }
            Some(valid) => {
                for ((place, cell), valid) in places.iter_mut().zip(cells).zip(valid) {
                    if *valid {
                        write(out, place, &frame::<N, M>(cell));
                    } else {
                        write(out, place, &NULL);
                    }
                }
            }
        }
    }
}

/// A cell after its length; `M` is `N` and four.
#[inline]
fn frame<const N: usize, const M: usize>(cell: &[u8; N]) -> [u8; M] {
    let mut framed = [0; M];
    let (head, body) = framed.split_at_mut(4);
    head.copy_from_slice(&length(N));
    body.copy_from_slice(cell);
    framed
}

const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// A length as the wire has it. A cell is far shorter than 2 GiB: its row was measured before.
fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_be_bytes()
}

#[inline]
fn write(out: &mut [u8], place: &mut usize, bytes: &[u8]) {
    let end = *place + bytes.len();
    if let Some(target) = out.get_mut(*place..end) {
        target.copy_from_slice(bytes);
    }
    *place = end;
}

/// A row that no COPY message can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong {
    /// The row's index among those given.
    pub row: usize,
    /// How long it would have been.
    pub bytes: usize,
}

/// PostgreSQL holds a message, and so a row, in memory of at most one gibibyte.
/// `MaxAllocSize` of `src/include/utils/memutils.h`.
const MAX_ROW_BYTES: usize = 0x3fff_ffff;

/// Appends the tuples that `columns`, all of the same length, make row by row.
///
/// # Errors
/// When a row is longer than the server can take.
pub fn weave(columns: &[Cells<'_>], rows: usize, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX).to_be_bytes();
    let mut lengths = vec![TRAILER.len(); rows];
    for column in columns {
        column.measure(&mut lengths);
    }
    let start = out.len();
    let mut end = start;
    let mut places = lengths;
    for (row, place) in places.iter_mut().enumerate() {
        let bytes = *place;
        if bytes > MAX_ROW_BYTES {
            return Err(TooLong { row, bytes });
        }
        *place = end;
        end += bytes;
    }
    out.resize(end, 0);
    for place in &mut places {
        write(out, place, &count);
    }
    for column in columns {
        column.write(out, &mut places);
    }
    Ok(())
}

/// The tuple of one row, part by part: what a cell's bytes stand in is not copied.
///
/// # Errors
/// When the row is longer than the server can take.
pub fn parts<'a>(
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
    fn test_weave_of_every_kind_of_cell_reads_back() {
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
            Cells::staged(b"xyyzzz".to_vec(), vec![1, 3, 6], None),
        ];
        let mut bytes = copy::HEADER.to_vec();
        weave(&columns, 3, &mut bytes).unwrap();
        let apart = (0..3).flat_map(|row| parts(&columns, row).unwrap());
        assert_eq!(apart.collect::<Vec<_>>().concat(), bytes[copy::HEADER.len()..]);
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
