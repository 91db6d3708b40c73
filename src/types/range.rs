//! Ranges: an Arrow struct of both ends, whether they are in it, and whether nothing is; from such a
//! struct. An end that is NULL is none.
//!
//! Wire: see [`crate::wire::range`].

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, StructArray, UInt64Array};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{ArrowError, DataType, Field};
use postgres_types::{Kind, Type};

use super::array::plainly;
use super::encode::staged;
use super::{CellError, Declared, Decode, PgType, ReadAs, known, plain};
use crate::wire::cells::Cells;
use crate::wire::range::{Flags, read};

/// Every range type over a type that is known.
pub struct Range;

/// The type of the ends, and what is known of it. [`known`] lets no other range through.
pub(super) fn end(declared: &Declared) -> Option<(Declared, &'static dyn PgType)> {
    let (Kind::Range(ty) | Kind::Multirange(ty)) = declared.base().kind() else { return None };
    let end = Declared { ty: ty.clone(), typmod: declared.typmod };
    let pg_type = known(&end)?;
    Some((end, pg_type))
}

fn struct_of(end: &Field) -> Field {
    let flag = |name| Field::new(name, DataType::Boolean, false);
    let fields = vec![
        end.clone().with_name("lower"),
        end.clone().with_name("upper"),
        flag("lower_inc"),
        flag("upper_inc"),
        flag("empty"),
    ];
    plain(DataType::Struct(fields.into()))
}

impl PgType for Range {
    fn pg_type(&self) -> Option<Type> {
        None
    }

    fn arrow(&self, declared: &Declared, read_as: &ReadAs) -> Field {
        let of = |(end, pg_type): (Declared, &dyn PgType)| {
            struct_of(&pg_type.arrow(&end, &plainly(read_as)))
        };
        end(declared).map_or_else(|| plain(DataType::Null), of)
    }

    fn gathered(&self, declared: &Declared) -> Field {
        let of = |(end, pg_type): (Declared, &dyn PgType)| struct_of(&pg_type.gathered(&end));
        end(declared).map_or_else(|| plain(DataType::Null), of)
    }

    fn accepts(&self, declared: &Declared, source: &Field) -> bool {
        let (DataType::Struct(fields), Some((end, pg_type))) = (source.data_type(), end(declared))
        else {
            return false;
        };
        ["lower", "upper"].iter().all(|name| fields.find(name).is_some())
            && fields.iter().all(|field| match field.name().as_str() {
                "lower" | "upper" => super::accepts(pg_type, &end, field),
                "lower_inc" | "upper_inc" | "empty" => *field.data_type() == DataType::Boolean,
                _ => false,
            })
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let unexpected = || CellError::unexpected(array);
        let ranges = array.as_struct_opt().ok_or_else(unexpected)?;
        let (declared, pg_type) = end(declared).ok_or_else(unexpected)?;
        let (lower, upper) = (child(ranges, "lower")?, child(ranges, "upper")?);
        let ends = |name: &str, array: &ArrayRef| {
            super::encode(pg_type, &declared, array.as_ref())
                .map(|cells| cells.take((0..array.len()).map(Some)))
                .map_err(|error| CellError::new(error.index, format!("{name}: {}", error.message)))
        };
        let (lower, upper) = (ends("lower", &lower)?, ends("upper", &upper)?);
        let flag =
            |name: &str| ranges.column_by_name(name).and_then(|column| column.as_boolean_opt());
        let (lower_inc, upper_inc, empty) = (flag("lower_inc"), flag("upper_inc"), flag("empty"));
        staged(array, |index, out| {
            let flags = Flags {
                empty: is_set(empty, index, false),
                has_lower: lower.get(index).is_some(),
                has_upper: upper.get(index).is_some(),
                lower_inc: is_set(lower_inc, index, true),
                upper_inc: is_set(upper_inc, index, false),
            };
            out.push(flags.byte());
            for (is_there, cells) in [(flags.has_lower, &lower), (flags.has_upper, &upper)] {
                if is_there && !flags.empty {
                    cells.put(index, out);
                }
            }
            Ok(())
        })
    }

    fn decoder(&self, declared: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        let read_as = plainly(read_as);
        let (end, pg_type) = end(declared)
            .unwrap_or((Declared { ty: Type::BYTEA, typmod: -1 }, &super::bytea::Bytea));
        Box::new(Ranges {
            field: struct_of(&pg_type.arrow(&end, &read_as)),
            lower: pg_type.decoder(&end, &read_as),
            upper: pg_type.decoder(&end, &read_as),
            flags: Vec::new(),
            nulls: NullBufferBuilder::new(0),
        })
    }
}

/// A field of the structs; NULL where the struct is, for what lies below it is anything.
fn child(ranges: &StructArray, name: &str) -> Result<ArrayRef, CellError> {
    let unexpected = || CellError::unexpected(ranges);
    let child = ranges.column_by_name(name).ok_or_else(unexpected)?;
    if ranges.null_count() == 0 {
        return Ok(Arc::clone(child));
    }
    let index = |index: usize| ranges.is_valid(index).then_some(index as u64);
    let indices: UInt64Array = (0..ranges.len()).map(index).collect();
    arrow_select::take::take(child.as_ref(), &indices, None)
        .map_err(|error| CellError::new(0, error.to_string()))
}

fn is_set(flags: Option<&BooleanArray>, index: usize, otherwise: bool) -> bool {
    match flags {
        Some(flags) if flags.is_valid(index) => flags.value(index),
        _ => otherwise,
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
        for (name, decoder, ends) in
            [("lower", &mut self.lower, lower), ("upper", &mut self.upper, upper)]
        {
            decoder.extend(&ends).map_err(|error| {
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
            return Err(ArrowError::SchemaError("a range that is no struct".to_owned()));
        };
        Ok(Arc::new(StructArray::try_new(fields.clone(), columns, self.nulls.finish())?))
    }
}
