//! `tid`: an Arrow utf8 of block and offset, as in `(42,7)`.
//!
//! Wire: the block in 4 bytes, the offset in 2. `tidin` and `tidrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/tid.c>.

use std::fmt::Write;

use postgres_types::Type;

use super::text_form::{TextForm, checked_by_server, not_a};
use crate::wire::{Malformed, fixed};

pub(super) static TID: TextForm = TextForm {
    name: "tid",
    built_in: Some(Type::TID),
    print: |cell, out| {
        let [a, b, c, d, e, f] = fixed(cell)?;
        let (block, offset) = (u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]));
        let _infallible = write!(out, "({block},{offset})");
        Ok::<(), Malformed>(())
    },
    parse: |text, out| {
        let (block, offset) = parse(text).ok_or_else(|| not_a("a row's place", "(42,7)"))?;
        out.extend(block.to_be_bytes());
        out.extend(offset.to_be_bytes());
        Ok(())
    },
    check: checked_by_server,
};

fn parse(text: &str) -> Option<(u32, u16)> {
    let (block, offset) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Some((block.trim().parse().ok()?, offset.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_parse_of_a_place_is_block_and_offset() {
        assert_eq!(parse("(4294967295, 65535)"), Some((u32::MAX, u16::MAX)));
        for text in ["", "1,2", "(1)", "(-1,2)", "(1,65536)"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
