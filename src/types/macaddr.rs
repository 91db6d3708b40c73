//! `macaddr` and `macaddr8`: an Arrow utf8 of hexadecimal bytes between colons; every notation of
//! the server is accepted.
//!
//! Wire: 6 or 8 bytes. `macaddr_in` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/mac.c>, and
//! `macaddr8_in` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/mac8.c>.

use std::fmt::Write;

use postgres_types::Type;

use super::text_form::{TextForm, checked_by_server, not_a};
use crate::wire::fixed;

pub(super) static MACADDR: TextForm = TextForm {
    name: "macaddr",
    built_in: Some(Type::MACADDR),
    print: |cell, out| {
        print(&fixed::<6>(cell)?, out);
        Ok(())
    },
    parse: |text, out| {
        let bytes = parse(text).filter(|bytes| bytes.len() == 6);
        out.extend(bytes.ok_or_else(|| not_a("a MAC address", "08:00:2b:01:02:03"))?);
        Ok(())
    },
    check: checked_by_server,
};

pub(super) static MACADDR8: TextForm = TextForm {
    name: "macaddr8",
    built_in: Some(Type::MACADDR8),
    print: |cell, out| {
        print(&fixed::<8>(cell)?, out);
        Ok(())
    },
    parse: |text, out| {
        let bytes = parse(text).ok_or_else(|| not_a("an EUI-64", "08:00:2b:01:02:03:04:05"))?;
        match bytes.as_slice() {
            // An EUI-48 within the EUI-64, as the server converts it.
            [a, b, c, d, e, f] => out.extend([*a, *b, *c, 0xff, 0xfe, *d, *e, *f]),
            bytes => out.extend(bytes),
        }
        Ok(())
    },
    check: checked_by_server,
};

fn print(bytes: &[u8], out: &mut String) {
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index > 0 { ":" } else { "" };
        let _infallible = write!(out, "{separator}{byte:02x}");
    }
}

/// Parses 6 or 8 bytes in hexadecimal: pairs, groups of two or three bytes, or all together, with
/// the same separator between them.
fn parse(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let separator = text.chars().find(|c| !c.is_ascii_hexdigit());
    let groups: Vec<&str> = match separator {
        Some(separator @ (':' | '-' | '.')) => text.split(separator).collect(),
        Some(_) => return None,
        None => vec![text],
    };
    let length = groups.first().map(|group| group.len())?;
    let digits = length * groups.len();
    if !matches!(digits, 12 | 16) || length % 2 != 0 || groups.iter().any(|g| g.len() != length) {
        return None;
    }
    let digits = groups.concat();
    let pair = |index| digits.get(index..index + 2).filter(|pair| !pair.starts_with('+'));
    (0..digits.len()).step_by(2).map(|index| u8::from_str_radix(pair(index)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_every_notation_is_the_same_address() {
        for text in [
            "08:00:2b:01:02:03",
            "08-00-2b-01-02-03",
            "08002b:010203",
            "08002b-010203",
            "0800.2b01.0203",
            "0800-2b01-0203",
            " 08002B010203 ",
        ] {
            assert_eq!(parse(text), Some(vec![8, 0, 0x2b, 1, 2, 3]), "{text}");
        }
        for text in [
            "",
            "08:00",
            "08:00:2b:01:02:0g",
            "08:00-2b:01:02:03",
            "08:00:2b:01:02:+3",
            "é8002b010203",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn test_parse_of_six_bytes_makes_eight() {
        let (mut cell, mut text) = (Vec::new(), String::new());
        MACADDR8.parse("08:00:2b:01:02:03", &mut cell).unwrap();
        MACADDR8.print(&cell, &mut text).unwrap();
        assert_eq!(text, "08:00:2b:ff:fe:01:02:03");
    }
}
