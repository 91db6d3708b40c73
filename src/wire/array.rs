//! The binary format of arrays: a header, then each element after its length.
//!
//! Layout: `array_recv` and `array_send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c>.

use super::copy::{cell, take};
use super::{Malformed, cells::Cells};

/// Appends a one-dimensional array of the cells `elements`, or an empty array if there are none.
pub fn put(
    element_oid: u32,
    cells: &Cells<'_>,
    elements: std::ops::Range<usize>,
    out: &mut Vec<u8>,
) {
    let count = i32::try_from(elements.len()).unwrap_or(i32::MAX);
    let has_null = elements.clone().any(|index| cells.get(index).is_none());
    for word in [i32::from(count > 0), i32::from(has_null)] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(&element_oid.to_be_bytes());
    if count > 0 {
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
    }
    for index in elements {
        cells.put(index, out);
    }
}

/// Why an array cannot be read as a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAList {
    /// The bytes are not an array.
    Malformed(Malformed),
    /// The array has several dimensions, or a lower bound other than 1.
    Shape(String),
}

impl From<Malformed> for NotAList {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Appends the elements of an array to `elements`; returns their count.
///
/// # Errors
/// When the bytes are not an array, or it has several dimensions or a lower bound other than 1.
pub fn elements<'a>(
    element_oid: u32,
    bytes: &'a [u8],
    elements: &mut Vec<Option<&'a [u8]>>,
) -> Result<usize, NotAList> {
    let mut rest = bytes;
    let dimensions = i32::from_be_bytes(take(&mut rest)?);
    let _has_null: [u8; 4] = take(&mut rest)?;
    let oid = u32::from_be_bytes(take(&mut rest)?);
    if oid != element_oid {
        let what = format!("expected array elements of type OID {element_oid}, got {oid}");
        return Err(Malformed(what).into());
    }
    match dimensions {
        0 if rest.is_empty() => return Ok(0),
        1 => {}
        2..=6 => {
            return Err(NotAList::Shape(format!(
                "expected an array of one dimension, got {dimensions}"
            )));
        }
        _ => return Err(Malformed(format!("array of {dimensions} dimensions")).into()),
    }
    let count = i32::from_be_bytes(take(&mut rest)?);
    let lower = i32::from_be_bytes(take(&mut rest)?);
    if lower != 1 {
        return Err(NotAList::Shape(format!("expected an array that begins at 1, got {lower}")));
    }
    // Each element has at least four bytes, so a greater count is invalid and must not be
    // allocated.
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= rest.len() / 4)
        .ok_or_else(|| Malformed(format!("array of {count} elements in {} bytes", rest.len())))?;
    for _ in 0..count {
        elements.push(cell(&mut rest)?);
    }
    if rest.is_empty() {
        Ok(count)
    } else {
        Err(Malformed("array with bytes left over".into()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_elements_of_encoded_array_are_the_same() {
        let cells = Cells::slices(b"", vec![b"a", b"", b"ccc"], Some(vec![true, false, true]));
        let mut bytes = Vec::new();
        put(25, &cells, 0..3, &mut bytes);
        let mut got = Vec::new();
        assert_eq!(elements(25, &bytes, &mut got), Ok(3));
        assert_eq!(got, [Some(&b"a"[..]), None, Some(&b"ccc"[..])]);
        for end in 0..bytes.len() {
            assert!(elements(25, &bytes[..end], &mut Vec::new()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn test_elements_of_array_with_invalid_header_is_an_error() {
        let array =
            |words: &[i32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        for words in [
            &[1, 0, 23, i32::MAX, 1][..],
            &[1, 0, 23, -1, 1],
            &[7, 0, 23, 1, 1],
            &[-1, 0, 23],
            &[1, 0, 25, 1, 1, -1],
            &[1, 0, 23, 1, 1, i32::MAX],
        ] {
            let result = elements(23, &array(words), &mut Vec::new()).map(|_| ());
            assert!(matches!(result, Err(NotAList::Malformed(_))), "{words:?}");
        }
        for words in [&[2, 0, 23, 1, 1, 1, 1][..], &[1, 0, 23, 1, 0, -1]] {
            let result = elements(23, &array(words), &mut Vec::new()).map(|_| ());
            assert!(matches!(result, Err(NotAList::Shape(_))), "{words:?}");
        }
    }
}
