//! `int2`: an Arrow int16; integers of any width within the range are accepted.
//!
//! Wire: 2 bytes, big-endian. `int2recv` and `int2send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/int.c>.

use arrow_array::Array;
use arrow_array::types::Int16Type;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::encode::fixed;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `int2`.
pub struct Int2;

impl PgType for Int2 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::INT2)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Int16)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if *array.data_type() == DataType::Int16 {
            return fixed::<Int16Type, 2>(array, i16::to_be_bytes);
        }
        integers(array, |value| {
            i16::try_from(value)
                .map(i16::to_be_bytes)
                .map_err(|_| format!("{value} is out of range for int2"))
        })
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Int16Type, _>(DataType::Int16, read_as.out_of_range, |cell| {
            Ok(i16::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let claimed =
            matches!(source.data_type(), DataType::Int8 | DataType::Int16 | DataType::UInt8);
        (claimed && extension(source) != "arrow.bool8").then(|| "smallint".into())
    }
}
