//! `cidr`: an Arrow utf8 of a network: no bits are set to the right of its prefix.
//!
//! Wire: see [`crate::wire::inet`].

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::inet::{decoder, encode, python_arrow_type};
use super::input::is_text;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `cidr`.
pub struct Cidr;

impl PgType for Cidr {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::CIDR)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Utf8)
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        python_arrow_type("cidr")
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        encode(array, true)
    }

    fn decoder(&self, _: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        decoder(true)
    }
}
