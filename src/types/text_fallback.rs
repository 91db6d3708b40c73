//! Types without a codec: an Arrow utf8 of the server's text, marked with the type's name.
//!
//! Wire: the text format, as the type's output function prints it. A binary COPY cannot contain it,
//! but a query's result can, where each column has its own format.

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// The codec of every type that is read as text.
pub struct TextFallback;

impl PgType for TextFallback {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8)
            .with_extension_type(Opaque::new(declared.name(), "PostgreSQL"))
    }

    /// A binary COPY has no text format: see `load_codec_for`.
    fn accepts(&self, _: &ColumnType, _: &Field) -> bool {
        false
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        Err(CellError::unexpected(array))
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        strings()
    }

    fn decodes_to_text(&self) -> bool {
        true
    }
}
