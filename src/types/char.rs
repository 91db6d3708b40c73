//! `"char"`: an Arrow utf8 of one byte; bytes above 127 are written in octal, as in `\377`.
//!
//! Wire: one byte. `charin` and `charout` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/char.c>.

use std::fmt::Write;

use postgres_types::Type;

use super::text_form::{TextForm, checked_by_server};
use crate::wire::{Malformed, fixed};

pub(super) static CHAR: TextForm =
    TextForm { name: "char", built_in: Some(Type::CHAR), print, parse, check: checked_by_server };

fn print(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    match fixed::<1>(cell)? {
        [0] => {}
        [byte] if byte.is_ascii() => out.push(char::from(byte)),
        [byte] => {
            let _infallible = write!(out, "\\{byte:03o}");
        }
    }
    Ok(())
}

fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    out.push(match text.as_bytes() {
        [] => 0,
        [byte] if *byte != 0 => *byte,
        [b'\\', octal @ ..] if octal.len() == 3 && octal.iter().all(u8::is_ascii_digit) => {
            let octal = text.get(1..).unwrap_or_default();
            u8::from_str_radix(octal, 8).map_err(|_| too_long(text))?
        }
        _ => return Err(too_long(text)),
    });
    Ok(())
}

fn too_long(text: &str) -> String {
    format!("{text:?} for \"char\", which holds one byte; use text or char(n)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_every_byte_round_trips() {
        for byte in 0..=255 {
            let (mut text, mut cell) = (String::new(), Vec::new());
            print(&[byte], &mut text).unwrap();
            parse(&text, &mut cell).unwrap();
            assert_eq!(cell, [byte]);
        }
    }

    #[test]
    fn test_parse_of_more_than_a_byte_is_an_error() {
        for text in ["ab", "é", "\\400", "\\8ab", "\0"] {
            assert!(parse(text, &mut Vec::new()).is_err(), "{text}");
        }
    }
}
