//! pgvector's `vector` and `halfvec`: an Arrow list of float32, of a fixed size if the column
//! declares its dimensions; every list of floats is accepted.
//!
//! An extension's types have no fixed OID and may be in any schema, so they are found by name.
//!
//! Wire: see [`crate::wire::vector`].

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, ListArray, PrimitiveArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::extension::Opaque;
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use postgres_types::{Kind, Type};

use super::array::{item, values_and_ranges};
use super::encode::variable;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::vector::{Width, put, read};

/// `vector` or `halfvec`.
pub struct Vector(Width);

/// The codec of a type, if it is one of them.
pub(super) fn of(ty: &Type) -> Option<&'static dyn PgType> {
    match (ty.kind(), Width::of(ty.name())?) {
        (Kind::Simple, Width::Single) => Some(&Vector(Width::Single)),
        (Kind::Simple, Width::Half) => Some(&Vector(Width::Half)),
        _ => None,
    }
}

/// The element width of a type, if it is one of them.
#[must_use]
pub fn width(ty: &Type) -> Option<Width> {
    if *ty.kind() == Kind::Simple { Width::of(ty.name()) } else { None }
}

fn float_item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float32, true))
}

/// The dimensions that a column declares, if any.
fn dimensions(declared: &ColumnType) -> Option<usize> {
    usize::try_from(declared.typmod).ok().filter(|count| *count > 0)
}

impl PgType for Vector {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, _: &ReadAs) -> Field {
        nullable_field(match dimensions(declared) {
            Some(_) => DataType::FixedSizeList(float_item(), declared.typmod),
            None => DataType::List(float_item()),
        })
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        nullable_field(DataType::List(float_item()))
            .with_extension_type(Opaque::new("vector", "PostgreSQL"))
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        item(source.data_type()).is_some_and(|item| item.data_type().is_floating())
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let (values, ranges) = values_and_ranges(array)?;
        let values = to_float32(&values)?;
        let expected = dimensions(declared);
        variable(array, |index, out| {
            let range = ranges.get(index).cloned().unwrap_or_default();
            let inside = || format!("a vector of {} dimensions beyond its values", range.len());
            let numbers = values.values().get(range.clone()).ok_or_else(inside)?;
            if let Some(expected) = expected
                && expected != numbers.len()
            {
                return Err(format!("expected {expected} dimensions, got {}", numbers.len()));
            }
            if values.null_count() > 0
                && let Some(position) = range.clone().position(|index| values.is_null(index))
            {
                return Err(format!("element {position}: expected a number, got NULL"));
            }
            put(self.0, numbers, out)
        })
    }

    fn decoder(&self, declared: &ColumnType, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(VectorDecoder {
            width: self.0,
            size: dimensions(declared),
            values: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        })
    }
}

/// Converts floats of any width to float32, rounded as the server rounds them.
fn to_float32(values: &ArrayRef) -> Result<Float32Array, CellError> {
    let unexpected = || CellError::unexpected(values.as_ref());
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range becomes infinite")]
    let narrow = |value: f64| value as f32;
    Ok(match values.data_type() {
        DataType::Float32 => {
            values.as_primitive_opt::<Float32Type>().ok_or_else(unexpected)?.clone()
        }
        DataType::Float64 => {
            let wide: &PrimitiveArray<Float64Type> =
                values.as_primitive_opt().ok_or_else(unexpected)?;
            wide.unary(narrow)
        }
        DataType::Float16 => {
            let halves: &PrimitiveArray<Float16Type> =
                values.as_primitive_opt().ok_or_else(unexpected)?;
            halves.unary(half::f16::to_f32)
        }
        _ => return Err(unexpected()),
    })
}

struct VectorDecoder {
    width: Width,
    size: Option<usize>,
    values: Vec<f32>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Decode for VectorDecoder {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let start = self.values.len();
            if let Some(bytes) = cell {
                let count = read(self.width, bytes, &mut self.values)
                    .map_err(|malformed| CellError::new(index, malformed.0))?;
                if let Some(size) = self.size
                    && count != size
                {
                    let message = format!("expected a vector of {size} dimensions, got {count}");
                    return Err(CellError::new(index, message));
                }
            } else if let Some(size) = self.size {
                self.values.resize(start + size, 0.0);
            }
            self.nulls.append(cell.is_some());
            if self.size.is_none() {
                self.offsets.push(i32::try_from(self.values.len()).map_err(|_| {
                    CellError::new(index, "a batch of over 2^31 elements; lower batch_rows=")
                })?);
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.values)));
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let rows = self.nulls.len();
        let nulls = self.nulls.finish();
        Ok(if let Some(size) = self.size.and_then(|size| i32::try_from(size).ok()) {
            let item = float_item();
            Arc::new(FixedSizeListArray::try_new_with_length(item, size, values, nulls, rows)?)
        } else {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            Arc::new(ListArray::try_new(float_item(), offsets, values, nulls)?)
        })
    }
}
