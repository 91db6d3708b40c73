//! `jsonb`: `arrow.json`, which is text; nothing is serialised again.
//!
//! Wire: a version byte, 1, and the text. `jsonb_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonb.c>.

use arrow_array::Array;
use arrow_schema::extension::Json as ArrowJson;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::bytes;
use super::input::{is_text, strings as sent};
use super::{CellError, Declared, Decode, PgType, ReadAs, extension, plain};
use crate::wire::{Malformed, cells::Cells};

/// `jsonb`.
pub struct Jsonb;

const VERSION: [u8; 1] = [1];

impl PgType for Jsonb {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::JSONB)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8).with_extension_type(ArrowJson::default())
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        sent(array, &VERSION)
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        bytes(true, |cell, out| match cell.split_first() {
            Some((1, text)) => {
                out.extend_from_slice(text);
                Ok(())
            }
            _ => Err(Malformed("jsonb of an unknown version".into())),
        })
    }

    fn creates(&self, source: &Field) -> Option<String> {
        (is_text(source.data_type()) && extension(source) == "arrow.json").then(|| "jsonb".into())
    }
}
