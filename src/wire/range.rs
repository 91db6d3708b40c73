//! Ranges on the wire: flags, then the ends that there are, each with its length; and multiranges,
//! which are ranges after each other.
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

/// What is told of a range before its ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the wire's own flags")]
pub struct Flags {
    /// Nothing is in it, and it has no ends.
    pub empty: bool,
    /// There is a lower end.
    pub has_lower: bool,
    /// There is an upper end.
    pub has_upper: bool,
    /// The lower end is in it.
    pub lower_inc: bool,
    /// The upper end is in it.
    pub upper_inc: bool,
}

impl Flags {
    /// The byte that stands before the ends.
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
        // No other combination comes from a server.
        if flags.byte() == byte {
            Ok(flags)
        } else {
            Err(Malformed(format!("a range with flags {byte:#04x}")))
        }
    }
}

/// A range's flags and the bytes of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'a> {
    /// What is told before the ends.
    pub flags: Flags,
    /// The lower end.
    pub lower: Option<&'a [u8]>,
    /// The upper end.
    pub upper: Option<&'a [u8]>,
}

/// Cuts a range into its parts.
///
/// # Errors
/// When the bytes are no range.
pub fn read(bytes: &[u8]) -> Result<Range<'_>, Malformed> {
    let mut rest = bytes;
    let [byte] = take(&mut rest)?;
    let flags = Flags::of(byte)?;
    let mut end = |is_there: bool| {
        if !is_there {
            return Ok(None);
        }
        cell(&mut rest)?.map(Some).ok_or_else(|| Malformed("a range to NULL".into()))
    };
    let (lower, upper) = (end(flags.has_lower)?, end(flags.has_upper)?);
    if rest.is_empty() {
        Ok(Range { flags, lower, upper })
    } else {
        Err(Malformed("a range with bytes left over".into()))
    }
}

/// Appends the ranges of a multirange to `ranges`; tells how many.
///
/// # Errors
/// When the bytes are no multirange.
pub fn ranges<'a>(bytes: &'a [u8], ranges: &mut Vec<Option<&'a [u8]>>) -> Result<usize, Malformed> {
    let mut rest = bytes;
    let told = u32::from_be_bytes(take(&mut rest)?);
    let count = usize::try_from(told).ok().filter(|count| *count <= rest.len() / 5);
    let count = count.ok_or_else(|| {
        Malformed(format!("a multirange of {told} ranges in {} bytes", bytes.len()))
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
    fn test_range_with_both_ends_is_cut_in_parts() {
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
    fn test_range_without_ends_is_empty_or_all() {
        assert!(read(&[1]).unwrap().flags.empty);
        let all = read(&[0x18]).unwrap();
        assert_eq!((all.flags.empty, all.lower, all.upper), (false, None, None));
    }

    #[test]
    fn test_range_of_odd_bytes_is_malformed() {
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
    fn test_multirange_is_cut_in_ranges() {
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
