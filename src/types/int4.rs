//! `int4`: an Arrow int32; integers of any width within the range are accepted.
//!
//! Wire: 4 bytes, big-endian. `int4recv` and `int4send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/int.c>.

use arrow_array::Array;
use arrow_array::types::Int32Type;
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::encode::fixed;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `int4`.
pub struct Int4;

impl PgType for Int4 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::INT4)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Int32)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if *array.data_type() == DataType::Int32 {
            return fixed::<Int32Type, 4>(array, i32::to_be_bytes);
        }
        integers(array, |value| {
            i32::try_from(value)
                .map(i32::to_be_bytes)
                .map_err(|_| format!("{value} is out of range for int4"))
        })
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Int32Type, _>(DataType::Int32, read_as.out_of_range, |cell| {
            Ok(i32::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        let claimed = matches!(source.data_type(), DataType::Int32 | DataType::UInt16);
        (claimed && extension(source) != "arrow.bool8").then(|| "integer".into())
    }
}
