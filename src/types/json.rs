//! `json`: `arrow.json`, which is the JSON text unchanged.
//!
//! Wire: the text. `json_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/json.c>.

use arrow_array::Array;
use arrow_schema::extension::Json as ArrowJson;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as string_decoder;
use super::input::{is_text, strings as encode_strings};
use super::json_value::{encode as encode_containers, is_container};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `json`.
pub struct Json;

impl PgType for Json {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::JSON)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8).with_extension_type(ArrowJson::default())
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type()) || is_container(source)
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if !is_text(array.data_type()) {
            return encode_containers(array, b"");
        }
        encode_strings(array, b"")
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        string_decoder()
    }
}
