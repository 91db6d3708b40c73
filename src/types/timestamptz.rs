//! `timestamptz`: an Arrow timestamp in microseconds, UTC; every unit and time zone is accepted.
//!
//! Wire: as [`super::timestamp`], in UTC.

use arrow_array::Array;
use arrow_schema::{DataType, Field, TimeUnit};
use postgres_types::Type;

use super::timestamp::{check_precision, decoder, encode};
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;

/// `timestamptz`, with time zone.
pub struct Timestamptz;

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl PgType for Timestamptz {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TIMESTAMPTZ)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(if read_as.out_of_range == OutOfRange::Text {
            DataType::Utf8
        } else {
            utc()
        })
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Timestamp(_, Some(_)))
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        encode(declared, "timestamptz", "+00", array)
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        check_precision(declared, "timestamptz", "+00", cell)
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        decoder(utc(), "+00", read_as.out_of_range)
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Timestamp(_, Some(_))).then(|| "timestamptz".into())
    }
}
