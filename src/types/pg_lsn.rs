//! `pg_lsn`: an Arrow utf8 of both halves in hexadecimal, as in `16/B374D848`.
//!
//! Wire: 8 bytes, big-endian, unsigned. `pg_lsn_in` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/pg_lsn.c>.

use std::fmt::Write;

use postgres_types::Type;

use super::text_form::{TextForm, checked_by_server, not_a};
use crate::wire::{Malformed, fixed};

pub(super) static PG_LSN: TextForm = TextForm {
    name: "pg_lsn",
    built_in: Some(Type::PG_LSN),
    print,
    parse: |text, out| {
        let lsn = parse(text).ok_or_else(|| not_a("a log sequence number", "16/B374D848"))?;
        out.extend(lsn.to_be_bytes());
        Ok(())
    },
    check: checked_by_server,
};

fn print(cell: &[u8], out: &mut String) -> Result<(), Malformed> {
    let lsn = u64::from_be_bytes(fixed(cell)?);
    let _infallible = write!(out, "{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff);
    Ok(())
}

fn parse(text: &str) -> Option<u64> {
    let half = |digits: &str| {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from(u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?).into()
    };
    let (high, low) = text.split_once('/')?;
    let (high, low): (Option<u64>, Option<u64>) = (half(high), half(low));
    Some(high? << 32 | low?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_lsn_round_trips() {
        for text in ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"] {
            let (mut cell, mut printed) = (Vec::new(), String::new());
            PG_LSN.parse(text, &mut cell).unwrap();
            print(&cell, &mut printed).unwrap();
            assert_eq!(printed, text);
        }
        for text in ["", "/", "1", "+1/0", "1/100000000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
