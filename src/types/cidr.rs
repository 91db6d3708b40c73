//! `cidr`: an Arrow utf8, a network: no bits are set behind its prefix.
//!
//! Wire: see [`crate::wire::inet`].

use arrow_array::Array;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::inet::{decoder, encode, gathered};
use super::input::is_text;
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;

/// `cidr`.
pub struct Cidr;

impl PgType for Cidr {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::CIDR)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Utf8)
    }

    fn gathered(&self, _: &Declared) -> Field {
        gathered("cidr")
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        is_text(source.data_type())
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        encode(array, true)
    }

    fn decoder(&self, _: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        decoder(true)
    }
}
