//! Types of which howdah knows no more than their text: an Arrow utf8, marked with the type's name.
//!
//! Wire: text, which the type's own output function prints; so the server never sends it in a binary
//! COPY, but with a query's rows, where each column has a format of its own.

use arrow_array::Array;
use arrow_schema::extension::Opaque;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::strings;
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// Every type that is read as its text alone.
pub struct Printed;

impl PgType for Printed {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8).with_extension_type(Opaque::new(declared.name(), "PostgreSQL"))
    }

    /// A binary COPY has no room for text.
    fn accepts(&self, _: &Declared, _: &Field) -> bool {
        false
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        Err(CellError::unexpected(array))
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        strings()
    }

    fn prints(&self) -> bool {
        true
    }
}
