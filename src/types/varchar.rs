//! `varchar`: an Arrow utf8, text whose length the server checks. Where nothing but spaces is too much
//! it cuts them off without a word, so such a text is refused here.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `varcharrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varchar.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as received;
use super::input::{is_text, slices, texts};
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// `varchar`.
pub struct Varchar;

impl PgType for Varchar {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::VARCHAR)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8)
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let slices = slices(array)?;
        if let Some(most) = characters(declared) {
            let is_cut = |(index, text): (usize, &&[u8])| {
                text.len() > most && loses_spaces(text, most) && array.is_valid(index)
            };
            if let Some(index) = slices.iter().enumerate().position(is_cut) {
                return Err(CellError::new(index, cut_off(most)));
            }
        }
        texts(array, slices, b"")
    }

    fn keeps(&self, declared: &Declared, cell: &[u8]) -> Result<(), String> {
        match characters(declared) {
            Some(most) if loses_spaces(cell, most) => Err(cut_off(most)),
            _ => Ok(()),
        }
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        received()
    }
}

/// How many characters a column holds; `None` if it does not say. The modifier counts a header of four
/// bytes, too.
fn characters(declared: &Declared) -> Option<usize> {
    usize::try_from(declared.typmod.checked_sub(4)?).ok()
}

fn cut_off(most: usize) -> String {
    format!(
        "spaces at the end of a text go beyond varchar({most}), which would cut them off; strip it first"
    )
}

/// Whether a text has more characters than `most`, and none but spaces beyond.
fn loses_spaces(text: &[u8], most: usize) -> bool {
    let spaces = text.iter().rev().take_while(|byte| **byte == b' ').count();
    if spaces == 0 {
        return false;
    }
    let characters = text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    characters > most && characters - spaces <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_spaces_that_a_varchar_would_cut_off_are_told_from_those_that_fit() {
        for (text, most, cut) in [
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
            assert_eq!(loses_spaces(text.as_bytes(), most), cut, "{text:?} in varchar({most})");
        }
    }
}
