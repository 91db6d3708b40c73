//! `int8`: an Arrow int64; integers of any width within the range are accepted.
//!
//! Wire: 8 bytes, big-endian. `int8recv` and `int8send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/int8.c>.

use arrow_array::Array;
use arrow_array::types::Int64Type;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::encode::fixed;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `int8`.
pub struct Int8;

impl PgType for Int8 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::INT8)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Int64)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if *array.data_type() == DataType::Int64 {
            return fixed::<Int64Type, 8>(array, i64::to_be_bytes);
        }
        integers(array, |value| {
            i64::try_from(value)
                .map(i64::to_be_bytes)
                .map_err(|_| format!("{value} is out of range for int8"))
        })
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Int64Type, _>(DataType::Int64, read_as.out_of_range, |cell| {
            Ok(i64::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let claimed = matches!(source.data_type(), DataType::Int64 | DataType::UInt32);
        (claimed && extension(source) != "arrow.bool8").then(|| "bigint".into())
    }
}
