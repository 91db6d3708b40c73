//! pgvector's `vector` and `halfvec`: an Arrow list of float32, of a fixed size where the column
//! tells one; from every list of floats.
//!
//! An extension's types have no OID of their own and may be in any schema: they go by their name.
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

use super::array::{item, parts};
use super::encode::staged;
use super::{CellError, Declared, Decode, PgType, ReadAs, plain};
use crate::wire::cells::Cells;
use crate::wire::vector::{Width, put, read};

/// `vector` or `halfvec`.
pub struct Vector(Width);

/// What is known of a type that is one of them.
pub(super) fn of(ty: &Type) -> Option<&'static dyn PgType> {
    match (ty.kind(), Width::of(ty.name())?) {
        (Kind::Simple, Width::Single) => Some(&Vector(Width::Single)),
        (Kind::Simple, Width::Half) => Some(&Vector(Width::Half)),
        _ => None,
    }
}

/// The width of a type that is one of them.
#[must_use]
pub fn width(ty: &Type) -> Option<Width> {
    if *ty.kind() == Kind::Simple { Width::of(ty.name()) } else { None }
}

fn floats() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float32, true))
}

/// How many numbers the column's vectors have; `None` if it does not say.
fn dimensions(declared: &Declared) -> Option<usize> {
    usize::try_from(declared.typmod).ok().filter(|count| *count > 0)
}

impl PgType for Vector {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &Declared, _: &ReadAs) -> Field {
        plain(match dimensions(declared) {
            Some(_) => DataType::FixedSizeList(floats(), declared.typmod),
            None => DataType::List(floats()),
        })
    }

    fn gathered(&self, _: &Declared) -> Field {
        plain(DataType::List(floats())).with_extension_type(Opaque::new("vector", "PostgreSQL"))
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        item(source.data_type()).is_some_and(|item| item.data_type().is_floating())
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let (values, ranges) = parts(array)?;
        let values = narrowed(&values)?;
        let expected = dimensions(declared);
        staged(array, |index, out| {
            let range = ranges.get(index).cloned().unwrap_or_default();
            let inside = || format!("a vector of {} numbers beyond its values", range.len());
            let numbers = values.values().get(range.clone()).ok_or_else(inside)?;
            if let Some(expected) = expected
                && expected != numbers.len()
            {
                return Err(format!("{} numbers, where {expected} are expected", numbers.len()));
            }
            if values.null_count() > 0
                && let Some(place) = range.clone().position(|index| values.is_null(index))
            {
                return Err(format!("NULL at element {place}, where a vector has numbers"));
            }
            put(self.0, numbers, out)
        })
    }

    fn decoder(&self, declared: &Declared, _: &ReadAs) -> Box<dyn Decode> {
        Box::new(Vectors {
            width: self.0,
            size: dimensions(declared),
            values: Vec::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        })
    }
}

/// Floats of any width as the server would round them.
fn narrowed(values: &ArrayRef) -> Result<Float32Array, CellError> {
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

struct Vectors {
    width: Width,
    size: Option<usize>,
    values: Vec<f32>,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl Decode for Vectors {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        for (index, cell) in cells.iter().enumerate() {
            let start = self.values.len();
            if let Some(bytes) = cell {
                let count = read(self.width, bytes, &mut self.values)
                    .map_err(|malformed| CellError::new(index, malformed.0))?;
                if let Some(size) = self.size
                    && count != size
                {
                    let message = format!("a vector of {count} numbers, where {size} were told");
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
            let item = floats();
            Arc::new(FixedSizeListArray::try_new_with_length(item, size, values, nulls, rows)?)
        } else {
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            Arc::new(ListArray::try_new(floats(), offsets, values, nulls)?)
        })
    }
}
