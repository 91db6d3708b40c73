//! `timetz`: an Arrow struct of the time of day (time64 in microseconds) and its offset from UTC in
//! seconds, positive to the east.
//!
//! Wire: 8 bytes as in `time`, then 4 bytes of seconds, positive to the west. `timetz_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/date.c>.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::extension::Opaque;
use arrow_schema::{ArrowError, DataType, Field, Fields, TimeUnit};
use postgres_types::Type;

use super::composite::struct_field;
use super::decode::{formatted, primitive};
use super::encode::variable;
use super::input::is_integer;
use super::int4::Int4;
use super::time::Time;
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::copy::take;
use crate::wire::time::{MAX_OFFSET_S, timetz_text};
use crate::wire::{Malformed, fixed};

/// `timetz`.
pub struct Timetz;

/// The type name that marks the structs of this type that Python values are converted to.
pub const MARKER: &str = "timetz";

fn fields() -> Fields {
    let time = Field::new("time", DataType::Time64(TimeUnit::Microsecond), true);
    vec![time, Field::new("offset", DataType::Int32, true)].into()
}

/// Reads the time of day in microseconds, and the offset in seconds, positive to the east.
///
/// # Errors
/// When the bytes are not a timetz.
pub fn read(cell: &[u8]) -> Result<(i64, i32), Malformed> {
    let mut rest = cell;
    let us = i64::from_be_bytes(take(&mut rest)?);
    let west = i32::from_be_bytes(fixed(rest)?);
    match west.checked_neg().filter(|offset| offset.abs() <= MAX_OFFSET_S) {
        Some(offset) => Ok((us, offset)),
        None => Err(Malformed(format!("a timetz {west} s west of UTC"))),
    }
}

/// Checks an offset from UTC.
///
/// # Errors
/// When it is 16 hours or more.
pub fn check_offset(offset: i32) -> Result<i32, String> {
    if (-MAX_OFFSET_S..=MAX_OFFSET_S).contains(&offset) {
        Ok(offset)
    } else {
        Err(format!("an offset of {offset} s from UTC, which PostgreSQL does not have"))
    }
}

impl PgType for Timetz {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TIMETZ)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(if read_as.out_of_range == OutOfRange::Text {
            DataType::Utf8
        } else {
            DataType::Struct(fields())
        })
    }

    fn python_arrow_type(&self, _: &ColumnType) -> Field {
        nullable_field(DataType::Struct(fields()))
            .with_extension_type(Opaque::new(MARKER, "PostgreSQL"))
    }

    fn accepts(&self, declared: &ColumnType, source: &Field) -> bool {
        let DataType::Struct(fields) = source.data_type() else { return false };
        let time = fields.find("time").is_some_and(|(_, field)| Time.accepts(declared, field));
        let offset = fields.find("offset").is_some_and(|(_, field)| is_integer(field.data_type()));
        fields.len() == 2 && time && offset
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let structs = array.as_struct_opt().ok_or_else(|| CellError::unexpected(array))?;
        let (times, offsets) = (struct_field(structs, "time")?, struct_field(structs, "offset")?);
        let times = Time.encode(declared, times.as_ref())?;
        let offsets = Int4.encode(&ColumnType::new(Type::INT4, -1), offsets.as_ref())?;
        variable(array, |index, out| {
            let (Some((_, time)), Some((_, offset))) = (times.get(index), offsets.get(index))
            else {
                return Err("a timetz without its time or offset".to_owned());
            };
            let offset = i32::from_be_bytes(fixed(offset).map_err(|malformed| malformed.0)?);
            out.extend_from_slice(time);
            out.extend_from_slice(&(-check_offset(offset)?).to_be_bytes());
            Ok(())
        })
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        Time.check_exact(declared, cell.get(..8).unwrap_or_default())
    }

    fn decoder(&self, declared: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        if read_as.out_of_range == OutOfRange::Text {
            return formatted(|cell, out| {
                let (us, offset) = read(cell)?;
                timetz_text(us, offset, out);
                Ok(())
            });
        }
        let offset = |cell: &[u8]| Ok(read(cell)?.1);
        Box::new(Timetzs {
            times: Time.decoder(declared, read_as),
            offsets: primitive::<Int32Type, _>(DataType::Int32, read_as.out_of_range, offset),
            nulls: NullBufferBuilder::new(0),
        })
    }

    fn decodes_to_text(&self) -> bool {
        true
    }
}

struct Timetzs {
    times: Box<dyn Decode>,
    offsets: Box<dyn Decode>,
    nulls: NullBufferBuilder,
}

impl Decode for Timetzs {
    fn extend(&mut self, cells: &[Option<&[u8]>]) -> Result<(), CellError> {
        self.offsets.extend(cells)?;
        let times: Vec<_> = cells.iter().map(|cell| cell.and_then(|cell| cell.get(..8))).collect();
        self.times.extend(&times)?;
        for cell in cells {
            self.nulls.append(cell.is_some());
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let columns = vec![self.times.finish()?, self.offsets.finish()?];
        // A time that cannot be held is NULL on request, and so is the whole value.
        let nulls = arrow_buffer::NullBuffer::union(
            self.nulls.finish().as_ref(),
            columns.first().and_then(|times| times.nulls()),
        );
        Ok(Arc::new(StructArray::try_new(fields(), columns, nulls)?))
    }
}
