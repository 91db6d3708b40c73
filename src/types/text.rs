//! `text`: an Arrow utf8.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `textrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varlena.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as string_decoder;
use super::input::{is_text, strings as encode_strings};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::cells::Cells;

/// `text`.
pub struct Text;

impl PgType for Text {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TEXT)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        encode_strings(array, b"")
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        string_decoder()
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        (is_text(source.data_type()) && matches!(extension(source), "" | "arrow.opaque"))
            .then(|| "text".into())
    }
}
