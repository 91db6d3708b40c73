//! `bpchar`: an Arrow utf8; the server pads it with spaces to the declared length.
//!
//! Wire: the bytes in the client's encoding, which is UTF-8. `bpcharrecv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/varchar.c>.

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings as string_decoder;
use super::input::{is_text, strings as encode_strings};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `bpchar`.
pub struct Bpchar;

impl PgType for Bpchar {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::BPCHAR)
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
