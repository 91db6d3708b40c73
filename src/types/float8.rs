//! `float8`: an Arrow float64. Every Arrow float and integers that stay exact are accepted too.
//!
//! Wire: 8 bytes, IEEE 754, big-endian. `float8recv` and `float8send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/float.c>.

use arrow_array::Array;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::encode::fixed;
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `float8`.
pub struct Float8;

impl PgType for Float8 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::FLOAT8)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Float64)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        source.data_type().is_floating()
            || is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        match array.data_type() {
            DataType::Float64 => fixed::<Float64Type, 8>(array, f64::to_be_bytes),
            DataType::Float32 => fixed::<Float32Type, 8>(array, |v| f64::from(v).to_be_bytes()),
            DataType::Float16 => fixed::<Float16Type, 8>(array, |v| v.to_f64().to_be_bytes()),
            _ => integers(array, exact_integer),
        }
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Float64Type, _>(DataType::Float64, read_as.out_of_range, |cell| {
            Ok(f64::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Float64).then(|| "double precision".into())
    }
}

/// Converts an integer that float8 holds exactly.
fn exact_integer(value: i128) -> Result<[u8; 8], String> {
    let float = value as f64;
    if value.unsigned_abs() <= 1 << 53 {
        Ok(float.to_be_bytes())
    } else {
        Err(format!("{value} has more digits than float8 can hold exactly"))
    }
}
