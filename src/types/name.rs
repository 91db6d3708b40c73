//! `name`: an Arrow utf8; the server checks that it has at most 63 bytes.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `namerecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/name.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as string_decoder;
use super::input::{is_text, strings as encode_strings};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `name`.
pub struct Name;

impl PgType for Name {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::NAME)
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
}
