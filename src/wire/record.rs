//! The binary formats of composite values and of `hstore`.
//!
//! Layout: `record_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/rowtypes.c>, and
//! `hstore_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/contrib/hstore/hstore_io.c>.

use super::Malformed;
use super::copy::{cell, take};

/// Reads the fields of a composite value whose types have these OIDs; passes each to `field`.
///
/// # Errors
/// When the bytes are not such a value.
pub fn fields<'a>(
    oids: impl ExactSizeIterator<Item = u32>,
    bytes: &'a [u8],
    mut field: impl FnMut(usize, Option<&'a [u8]>),
) -> Result<(), Malformed> {
    let mut rest = bytes;
    let count = i32::from_be_bytes(take(&mut rest)?);
    if usize::try_from(count) != Ok(oids.len()) {
        return Err(changed(&format!("{} fields", oids.len()), &format!("{count}")));
    }
    for (index, expected) in oids.enumerate() {
        let oid = u32::from_be_bytes(take(&mut rest)?);
        if oid != expected {
            let expected = format!("field {index} of the type with OID {expected}");
            return Err(changed(&expected, &format!("OID {oid}")));
        }
        field(index, cell(&mut rest)?);
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(Malformed("a composite value with bytes left over".into()))
    }
}

fn changed(expected: &str, got: &str) -> Malformed {
    Malformed(format!(
        "expected {expected}, got {got}: the composite type was changed after this connection had looked it up; connect again"
    ))
}

/// Reads the pairs of an hstore; passes each key, and its value, to `pair`.
///
/// # Errors
/// When the bytes are not an hstore.
pub fn pairs<'a>(
    bytes: &'a [u8],
    mut pair: impl FnMut(&'a [u8], Option<&'a [u8]>),
) -> Result<(), Malformed> {
    let mut rest = bytes;
    let count = i32::from_be_bytes(take(&mut rest)?);
    for _ in 0..count {
        let key = cell(&mut rest)?.ok_or_else(|| Malformed("an hstore with a NULL key".into()))?;
        pair(key, cell(&mut rest)?);
    }
    if rest.is_empty() && count >= 0 {
        Ok(())
    } else {
        Err(Malformed(format!("an hstore of {count} pairs in {} bytes", bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_fields_of_a_record_are_passed_in_order() {
        let bytes = [0, 0, 0, 2, 0, 0, 0, 21, 0, 0, 0, 2, 0, 7, 0, 0, 0, 25, 255, 255, 255, 255];
        let mut got = Vec::new();
        fields([21, 25].into_iter(), &bytes, |index, cell| got.push((index, cell))).unwrap();
        assert_eq!(got, [(0, Some(&[0, 7][..])), (1, None)]);
        for end in 0..bytes.len() {
            assert!(
                fields([21, 25].into_iter(), &bytes[..end], |_, _| ()).is_err(),
                "cut at {end}"
            );
        }
        assert!(fields([21].into_iter(), &bytes, |_, _| ()).is_err());
        let error = fields([23, 25].into_iter(), &bytes, |_, _| ()).unwrap_err();
        assert!(error.0.contains("connect again"), "{error}");
    }

    #[test]
    fn test_pairs_of_an_hstore_are_passed_in_order() {
        let bytes = [0, 0, 0, 1, 0, 0, 0, 1, b'a', 255, 255, 255, 255];
        let mut got = Vec::new();
        pairs(&bytes, |key, value| got.push((key, value))).unwrap();
        assert_eq!(got, [(&b"a"[..], None)]);
        for end in 0..bytes.len() {
            assert!(pairs(&bytes[..end], |_, _| ()).is_err(), "cut at {end}");
        }
        assert!(pairs(&[255; 4], |_, _| ()).is_err());
    }
}
