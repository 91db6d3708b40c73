//! The binary COPY format: a signature, one tuple per row, a trailer.
//!
//! Layout: <https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS>.

use super::Malformed;

/// The signature, the flags, and the length of the header extension.
pub const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The field count -1 that follows the last row.
pub const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Splits a whole binary COPY into its tuples, each a list of cells.
///
/// # Errors
/// When the bytes are truncated or have another signature.
pub fn tuples(bytes: &[u8]) -> Result<Vec<Vec<Option<&[u8]>>>, Malformed> {
    let mut rest = bytes
        .strip_prefix(&HEADER)
        .ok_or_else(|| Malformed("expected the signature of a binary COPY".into()))?;
    let mut rows = Vec::new();
    loop {
        let count = i16::from_be_bytes(take(&mut rest)?);
        let Ok(count) = usize::try_from(count) else {
            return Ok(rows);
        };
        let mut row = Vec::with_capacity(count);
        for _ in 0..count {
            row.push(cell(&mut rest)?);
        }
        rows.push(row);
    }
}

/// Removes one length-prefixed cell from the front of `rest`; `None` for NULL.
#[inline]
pub fn cell<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
    let Ok(length) = usize::try_from(i32::from_be_bytes(take(rest)?)) else {
        return Ok(None);
    };
    let (cell, tail) =
        rest.split_at_checked(length).ok_or_else(|| Malformed::length(length, rest.len()))?;
    *rest = tail;
    Ok(Some(cell))
}

/// Removes `N` bytes from the front of `rest`.
#[inline]
pub fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (head, tail) =
        rest.split_first_chunk::<N>().ok_or_else(|| Malformed::length(N, rest.len()))?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_tuples_of_truncated_copy_is_an_error() {
        let mut bytes = HEADER.to_vec();
        bytes.extend([0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff]);
        assert_eq!(tuples(&bytes), Ok(vec![vec![Some([0, 0, 0, 7].as_slice())]]));
        for end in 0..bytes.len() {
            assert!(tuples(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
