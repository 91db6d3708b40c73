//! `jsonb`: `arrow.json`, which is the JSON text unchanged.
//!
//! Wire: a version byte, 1, and the text. `jsonb_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/jsonb.c>.

use arrow_array::Array;
use arrow_schema::extension::Json as ArrowJson;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::bytes;
use super::input::{is_text, strings as encode_strings};
use super::json_value::{encode as encode_containers, is_container};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{Malformed, cells::Cells};

/// `jsonb`.
pub struct Jsonb;

const VERSION: [u8; 1] = [1];

impl PgType for Jsonb {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::JSONB)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8).with_extension_type(ArrowJson::default())
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type()) || is_container(source)
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if !is_text(array.data_type()) {
            return encode_containers(array, &VERSION);
        }
        encode_strings(array, &VERSION)
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        bytes(true, |cell, out| match cell.split_first() {
            Some((1, text)) => {
                out.extend_from_slice(text);
                Ok(())
            }
            _ => Err(Malformed("jsonb with an unknown version byte".into())),
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let is_json = is_text(source.data_type()) && extension(source) == "arrow.json";
        (is_json || is_container(source)).then(|| "jsonb".into())
    }
}
