//! `float4`: an Arrow float32, from every Arrow float in range, rounded to 24 bits, and integers that stay exact.
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
use super::{CellError, Declared, Decode, PgType, ReadAs, extension, plain};
use crate::wire::{self, cells::Cells};

/// `float4`.
pub struct Float4;

impl PgType for Float4 {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::FLOAT4)
    }

    fn arrow(&self, _: &Declared, _: &ReadAs) -> Field {
        plain(DataType::Float32)
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        source.data_type().is_floating()
            || is_integer(source.data_type()) && extension(source) != "arrow.bool8"
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        match array.data_type() {
            DataType::Float32 => fixed::<Float32Type, 4>(array, f32::to_be_bytes),
            DataType::Float16 => fixed::<Float16Type, 4>(array, |v| v.to_f32().to_be_bytes()),
            DataType::Float64 => try_fixed::<Float64Type, 4>(array, rounded),
            _ => integers(array, exactly),
        }
    }

    fn decoder(&self, _: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        primitive::<Float32Type, _>(DataType::Float32, read_as.out_of_range, |cell| {
            Ok(f32::from_be_bytes(wire::fixed(cell)?))
        })
    }

    fn creates(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Float16 | DataType::Float32).then(|| "real".into())
    }
}

/// An integer as float4, if nothing of it is lost.
fn exactly(value: i128) -> Result<[u8; 4], String> {
    let float = value as f32;
    if value.unsigned_abs() <= 1 << 24 {
        Ok(float.to_be_bytes())
    } else {
        Err(format!("{value} has more digits than float4 can hold exactly"))
    }
}

/// A float8 rounded to float4's 24 bits, as the server's own assignment does; within its range.
fn rounded(value: f64) -> Result<[u8; 4], String> {
    #[expect(clippy::cast_possible_truncation, reason = "what is lost is checked next")]
    let narrow = value as f32;
    let lost = narrow.is_infinite() && value.is_finite() || narrow == 0.0 && value != 0.0;
    if lost { Err(format!("{value} is out of range for float4")) } else { Ok(narrow.to_be_bytes()) }
}
