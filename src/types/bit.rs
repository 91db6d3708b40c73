//! `bit` and `varbit`: an Arrow utf8 of 0 and 1.
//!
//! Wire: the number of bits, then the bits, the first of them the highest. `varbit_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varbit.c>.

use postgres_types::Type;

use super::text_form::TextForm;
use crate::wire::Malformed;

pub(super) static BIT: TextForm =
    TextForm { name: "bit", built_in: Some(Type::BIT), print, parse, check: check_length };

pub(super) static VARBIT: TextForm =
    TextForm { name: "varbit", built_in: Some(Type::VARBIT), print, parse, check: check_maximum };

fn read(cell: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let (count, bytes) = cell.split_first_chunk().ok_or(Malformed::length(4, cell.len()))?;
    let count = i32::from_be_bytes(*count);
    match usize::try_from(count) {
        Ok(bits) if bits.div_ceil(8) == bytes.len() => Ok((bits, bytes)),
        _ => Err(Malformed(format!("{count} bits in {} bytes", bytes.len()))),
    }
}

fn print(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let (count, bytes) = read(cell)?;
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    out.extend(bits.take(count).map(|bit| if bit == 1 { '1' } else { '0' }));
    Ok(())
}

fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let count = i32::try_from(text.len()).map_err(|_| "over 2 Gbit".to_owned())?;
    out.extend_from_slice(&count.to_be_bytes());
    for chunk in text.as_bytes().chunks(8) {
        let mut byte = 0;
        for (index, digit) in chunk.iter().enumerate() {
            match digit {
                b'0' => {}
                b'1' => byte |= 0x80 >> index,
                _ => return Err("bits that are not all 0 or 1".to_owned()),
            }
        }
        out.push(byte);
    }
    Ok(())
}

/// `bit(n)` takes values of its length only.
fn check_length(length: i32, cell: &[u8]) -> Result<(), String> {
    let count = count(cell)?;
    if usize::try_from(length) == Ok(count) {
        Ok(())
    } else {
        Err(format!("{count} bits for bit({length}), which takes exactly {length}"))
    }
}

/// `bit varying(n)` takes values up to its length.
fn check_maximum(length: i32, cell: &[u8]) -> Result<(), String> {
    let count = count(cell)?;
    if usize::try_from(length).is_ok_and(|length| count <= length) {
        Ok(())
    } else {
        Err(format!("{count} bits for bit varying({length})"))
    }
}

fn count(cell: &[u8]) -> Result<usize, String> {
    read(cell).map(|(count, _)| count).map_err(|malformed| malformed.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_bits_round_trip() {
        for text in ["", "1", "01", "10000000", "101010101", "0000000000000001"] {
            let (mut cell, mut printed) = (Vec::new(), String::new());
            parse(text, &mut cell).unwrap();
            print(&cell, &mut printed).unwrap();
            assert_eq!(printed, text);
        }
        assert_eq!(parse("012", &mut Vec::new()).unwrap_err(), "bits that are not all 0 or 1");
    }

    #[test]
    fn test_print_of_another_length_is_an_error() {
        for cell in [&[0, 0, 0][..], &[0, 0, 0, 9, 1], &[255, 255, 255, 255], &[0, 0, 0, 0, 1]] {
            assert!(print(cell, &mut String::new()).is_err(), "{cell:?}");
        }
    }
}
