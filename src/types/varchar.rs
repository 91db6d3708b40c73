//! `varchar`: an Arrow utf8 whose length the server checks. The server silently cuts off spaces
//! beyond the length, so such text is refused here.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `varcharrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varchar.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as string_decoder;
use super::input::{is_text, slices, strings_from};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `varchar`.
pub struct Varchar;

impl PgType for Varchar {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::VARCHAR)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let slices = slices(array)?;
        if let Some(max) = max_characters(declared) {
            let is_cut = |(index, text): (usize, &&[u8])| {
                text.len() > max && loses_spaces(text, max) && array.is_valid(index)
            };
            if let Some(index) = slices.iter().enumerate().position(is_cut) {
                return Err(CellError::new(index, would_lose_spaces(max)));
            }
        }
        strings_from(array, slices, b"")
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        match max_characters(declared) {
            Some(max) if loses_spaces(cell, max) => Err(would_lose_spaces(max)),
            _ => Ok(()),
        }
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        string_decoder()
    }
}

/// The declared maximum of characters; `None` if there is none. The modifier includes a header of
/// four bytes.
fn max_characters(declared: &ColumnType) -> Option<usize> {
    usize::try_from(declared.typmod.checked_sub(4)?).ok()
}

fn would_lose_spaces(max: usize) -> String {
    format!(
        "trailing spaces exceed varchar({max}), and the server would cut them off; strip them first"
    )
}

/// Whether a text has more than `max` characters, of which those beyond are all spaces.
fn loses_spaces(text: &[u8], max: usize) -> bool {
    let spaces = text.iter().rev().take_while(|byte| **byte == b' ').count();
    if spaces == 0 {
        return false;
    }
    let count = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    count > max && count - spaces <= max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_loses_spaces_of_text_beyond_the_length_is_true() {
        for (text, max, cut) in [
            ("abc", 3, false),
            ("abc ", 3, true),
            ("ab ", 3, false),
            ("ab  ", 3, true),
            ("abcd ", 3, false),
            ("éé ", 3, false),
            ("ééé ", 3, true),
            ("   ", 1, true),
            ("a\u{a0}", 1, false),
        ] {
            assert_eq!(loses_spaces(text.as_bytes(), max), cut, "{text:?} in varchar({max})");
        }
    }
}
