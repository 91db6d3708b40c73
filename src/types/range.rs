//! Ranges: an Arrow struct of both bounds, their inclusivity, and whether the range is empty. A
//! NULL bound is infinite.
//!
//! Wire: see [`crate::wire::range`].

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::{Kind, Type};

use super::array::for_elements;
use super::composite::struct_field;
use super::encode::variable;
use super::{CellError, ColumnType, Decode, PgType, ReadAs, codec_for, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::range::{Flags, read};

/// The codec of every range type whose bound type has a codec.
pub struct Range;

/// The type and codec of the bounds. [`codec_for`] returns no other range type.
pub(super) fn bound(declared: &ColumnType) -> Option<(ColumnType, &'static dyn PgType)> {
    let (Kind::Range(ty) | Kind::Multirange(ty)) = declared.base().kind() else { return None };
    let bound = declared.inner(ty);
    let pg_type = codec_for(&bound)?;
    Some((bound, pg_type))
}

fn struct_of(bound: &Field) -> Field {
    let flag = |name| Field::new(name, DataType::Boolean, false);
    let fields = vec![
        bound.clone().with_name("lower"),
        bound.clone().with_name("upper"),
        flag("lower_inc"),
        flag("upper_inc"),
        flag("empty"),
    ];
    nullable_field(DataType::Struct(fields.into()))
}

impl PgType for Range {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &ColumnType, read_as: &ReadAs) -> Field {
        let of = |(bound, pg_type): (ColumnType, &dyn PgType)| {
            struct_of(&pg_type.arrow(&bound, &for_elements(read_as)))
        };
        bound(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn python_arrow_type(&self, declared: &ColumnType) -> Field {
        let of = |(bound, pg_type): (ColumnType, &dyn PgType)| {
            struct_of(&pg_type.python_arrow_type(&bound))
        };
        bound(declared).map_or_else(|| nullable_field(DataType::Null), of)
    }

    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        let (DataType::Struct(fields), Some((bound, pg_type))) =
            (source.data_type(), bound(declared))
        else {
            return false;
        };
        ["lower", "upper"].iter().all(|name| fields.find(name).is_some())
            && fields.iter().all(|field| match field.name().as_str() {
                "lower" | "upper" => super::accepts(pg_type, &bound, field),
                "lower_inc" | "upper_inc" | "empty" => *field.data_type() == DataType::Boolean,
                _ => false,
            })
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let unexpected = || CellError::unexpected(array);
        let ranges = array.as_struct_opt().ok_or_else(unexpected)?;
        let (declared, pg_type) = bound(declared).ok_or_else(unexpected)?;
        let (lower, upper) = (struct_field(ranges, "lower")?, struct_field(ranges, "upper")?);
        let bounds = |name: &str, array: &ArrayRef| {
            super::encode(pg_type, &declared, array.as_ref())
                .map(|cells| cells.take((0..array.len()).map(Some)))
                .map_err(|error| CellError::new(error.index, format!("{name}: {}", error.message)))
        };
        let (lower, upper) = (bounds("lower", &lower)?, bounds("upper", &upper)?);
        let flag =
            |name: &str| ranges.column_by_name(name).and_then(|column| column.as_boolean_opt());
        let (lower_inc, upper_inc, empty) = (flag("lower_inc"), flag("upper_inc"), flag("empty"));
        variable(array, |index, out| {
            let flags = Flags {
                empty: is_set(empty, index, false),
                has_lower: lower.get(index).is_some(),
                has_upper: upper.get(index).is_some(),
                lower_inc: is_set(lower_inc, index, true),
                upper_inc: is_set(upper_inc, index, false),
            };
            out.push(flags.byte());
            for (is_finite, cells) in [(flags.has_lower, &lower), (flags.has_upper, &upper)] {
                if is_finite && !flags.empty {
                    cells.put(index, out);
                }
            }
            Ok(())
        })
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        let read_as = for_elements(read_as);
        let (bound, pg_type) =
            bound(declared).unwrap_or((ColumnType::new(Type::BYTEA, -1), &super::bytea::Bytea));
        Box::new(Ranges {
            field: struct_of(&pg_type.arrow(&bound, &read_as)),
            lower: pg_type.decoder(&bound, &read_as),
            upper: pg_type.decoder(&bound, &read_as),
            flags: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        })
    }
}

fn is_set(flags: Option<&BooleanArray>, index: usize, default: bool) -> bool {
    match flags {
        Some(flags) if flags.is_valid(index) => flags.value(index),
        _ => default,
    }
}

struct Ranges {
    field: Field,
    lower: Box<dyn Decode>,
    upper: Box<dyn Decode>,
    flags: Vec<Flags>,
    nulls: NullBufferBuilder,
}

impl Decode for Ranges {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        let (mut lower, mut upper) =
            (Vec::with_capacity(cells.len()), Vec::with_capacity(cells.len()));
        for (index, cell) in cells.iter().enumerate() {
            let range = cell.map(read).transpose();
            let range = range.map_err(|malformed| CellError::new(index, malformed.0))?;
            lower.push(range.and_then(|range| range.lower));
            upper.push(range.and_then(|range| range.upper));
            self.flags.push(range.map(|range| range.flags).unwrap_or_default());
            self.nulls.append(range.is_some());
        }
        for (name, decoder, bounds) in
            [("lower", &mut self.lower, lower), ("upper", &mut self.upper, upper)]
        {
            decoder.extend(&bounds).map_err(|error| {
                CellError::new(error.index, format!("{name}: {}", error.message))
            })?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let flags = std::mem::take(&mut self.flags);
        let column = |flag: fn(&Flags) -> bool| {
            Arc::new(BooleanArray::from(flags.iter().map(flag).collect::<Vec<_>>())) as ArrayRef
        };
        let columns = vec![
            self.lower.finish()?,
            self.upper.finish()?,
            column(|flags| flags.lower_inc),
            column(|flags| flags.upper_inc),
            column(|flags| flags.empty),
        ];
        let DataType::Struct(fields) = self.field.data_type() else {
            return Err(ArrowError::SchemaError(
                "a range decoder without a struct type".to_owned(),
            ));
        };
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, self.nulls.finish())?))
    }
}
