//! `float4`: an Arrow float32. Floats within the range (rounded to 24 bits) and integers that stay
//! exact are accepted too.
//!
//! Wire: 4 bytes, IEEE 754, big-endian. `float4recv` and `float4send` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/float.c>.

use arrow_array::Array;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::primitive;
use super::encode::{fixed, try_fixed};
use super::input::{integers, is_integer};
use super::{CellError, ColumnType, Decode, PgType, ReadAs, extension, nullable_field};
use crate::wire::{self, cells::Cells};

/// `float4`.
pub struct Float4;

impl PgType for Float4 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::FLOAT4)
    }

    fn arrow(&self, _: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(DataType::Float32)
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        source.data_type().is_floating()
            || is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        match array.data_type() {
            DataType::Float32 => fixed::<Float32Type, 4>(array, f32::to_be_bytes),
            DataType::Float16 => fixed::<Float16Type, 4>(array, |v| v.to_f32().to_be_bytes()),
            DataType::Float64 => try_fixed::<Float64Type, 4>(array, rounded),
            _ => integers(array, exact_integer),
        }
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Float32Type, _>(DataType::Float32, read_as.out_of_range, |cell| {
            Ok(f32::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Float16 | DataType::Float32).then(|| "real".into())
    }
}

/// Converts an integer that float4 holds exactly.
fn exact_integer(value: i128) -> Result<[u8; 4], String> {
    let float = value as f32;
    if value.unsigned_abs() <= 1 << 24 {
        Ok(float.to_be_bytes())
    } else {
        Err(format!("{value} has more digits than float4 can hold exactly"))
    }
}

/// Rounds a float8 to float4's 24 bits, as the server's own assignment cast does, unless it is out
/// of range.
fn rounded(value: f64) -> Result<[u8; 4], String> {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is checked next")]
    let narrow = value as f32;
    let lost = narrow.is_infinite() && value.is_finite() || narrow == 0.0 && value != 0.0;
    if lost { Err(format!("{value} is out of range for float4")) } else { Ok(narrow.to_be_bytes()) }
}
