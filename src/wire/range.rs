//! The binary formats of ranges (flags, then each finite bound after its length) and of multiranges
//! (their count, then each range after its length).
//!
//! Layout: `range_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/rangetypes.c> and
//! `multirange_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/multirangetypes.c>.

use super::Malformed;
use super::copy::{cell, take};

// `src/include/utils/rangetypes.h`.
const EMPTY: u8 = 0x01;
const LOWER_INC: u8 = 0x02;
const UPPER_INC: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

/// The flags of a range.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the wire's own flags")]
pub struct Flags {
    /// The range is empty.
    pub empty: bool,
    /// The lower bound is finite.
    pub has_lower: bool,
    /// The upper bound is finite.
    pub has_upper: bool,
    /// The lower bound is inclusive.
    pub lower_inc: bool,
    /// The upper bound is inclusive.
    pub upper_inc: bool,
}

impl Flags {
    /// The flags byte of the binary format.
    #[must_use]
    pub fn byte(self) -> u8 {
        if self.empty {
            return EMPTY;
        }
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        flag(self.has_lower && self.lower_inc, LOWER_INC)
            | flag(self.has_upper && self.upper_inc, UPPER_INC)
            | flag(!self.has_lower, LOWER_INFINITE)
            | flag(!self.has_upper, UPPER_INFINITE)
    }

    fn of(byte: u8) -> Result<Self, Malformed> {
        if byte == EMPTY {
            return Ok(Self { empty: true, ..Self::default() });
        }
        let is_set = |flag: u8| byte & flag != 0;
        let flags = Self {
            empty: false,
            has_lower: !is_set(LOWER_INFINITE),
            has_upper: !is_set(UPPER_INFINITE),
            lower_inc: is_set(LOWER_INC),
            upper_inc: is_set(UPPER_INC),
        };
        // Servers send no other combination.
        if flags.byte() == byte {
            Ok(flags)
        } else {
            Err(Malformed(format!("a range with flags {byte:#04x}")))
        }
    }
}

/// A range's flags and the bytes of its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// The flags.
    pub flags: Flags,
    /// The lower bound; `None` if it is infinite.
    pub lower: Option<&'a [u8]>,
    /// The upper bound; `None` if it is infinite.
    pub upper: Option<&'a [u8]>,
}

/// Decodes a range.
pub fn read(bytes: &[u8]) -> Result<Range<'_>, Malformed> {
    let mut rest = bytes;
    let [byte] = take(&mut rest)?;
    let flags = Flags::of(byte)?;
    let mut bound = |is_finite: bool| {
        if !is_finite {
            return Ok(None);
        }
        cell(&mut rest)?.map(Some).ok_or_else(|| Malformed("a range with a NULL bound".into()))
    };
    let (lower, upper) = (bound(flags.has_lower)?, bound(flags.has_upper)?);
    if rest.is_empty() {
        Ok(Range { flags, lower, upper })
    } else {
        Err(Malformed("a range with bytes left over".into()))
    }
}

/// Appends the ranges of a multirange to `ranges`; returns their count.
pub fn ranges<'a>(bytes: &'a [u8], ranges: &mut Vec<Option<&'a [u8]>>) -> Result<usize, Malformed> {
    let mut rest = bytes;
    let declared = u32::from_be_bytes(take(&mut rest)?);
    let count = usize::try_from(declared).ok().filter(|count| *count <= rest.len() / 5);
    let count = count.ok_or_else(|| {
        Malformed(format!("a multirange of {declared} ranges in {} bytes", bytes.len()))
    })?;
    for _ in 0..count {
        let range = cell(&mut rest)?;
        ranges.push(Some(range.ok_or_else(|| Malformed("a multirange with a NULL".into()))?));
    }
    if rest.is_empty() {
        Ok(count)
    } else {
        Err(Malformed("a multirange with bytes left over".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_read_of_range_with_both_bounds_returns_them() {
        let bytes = [2, 0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9];
        let range = read(&bytes).unwrap();
        assert_eq!((range.lower, range.upper), (Some(&[7][..]), Some(&[8, 9][..])));
        assert!(range.flags.lower_inc && !range.flags.upper_inc && !range.flags.empty);
        assert_eq!(range.flags.byte(), 2);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn test_read_of_range_without_bounds_is_empty_or_infinite() {
        assert!(read(&[1]).unwrap().flags.empty);
        let all = read(&[0x18]).unwrap();
        assert_eq!((all.flags.empty, all.lower, all.upper), (false, None, None));
    }

    #[test]
    fn test_read_of_invalid_range_is_an_error() {
        for bytes in [
            &[][..],
            &[1, 0],
            &[3],
            &[0x20],
            &[0x80],
            &[0x1a],
            &[0x10, 0xff, 0xff, 0xff, 0xff],
            &[0x10, 0x7f, 0xff, 0xff, 0xff],
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn test_ranges_of_multirange_returns_each() {
        let bytes = [0, 0, 0, 2, 0, 0, 0, 1, 0x18, 0, 0, 0, 1, 1];
        let mut got = Vec::new();
        assert_eq!(ranges(&bytes, &mut got), Ok(2));
        assert_eq!(got, [Some(&[0x18][..]), Some(&[1][..])]);
        for cut in 0..bytes.len() {
            assert!(ranges(&bytes[..cut], &mut Vec::new()).is_err(), "cut at {cut}");
        }
        assert!(ranges(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0], &mut Vec::new()).is_err());
    }
}
