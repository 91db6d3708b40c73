//! `timestamptz`: an Arrow timestamp in microseconds, UTC, from every unit and zone.
//!
//! Wire: as [`super::timestamp`], counted in UTC.

use arrow_array::Array;
use arrow_schema::{DataType, Field, TimeUnit};
use postgres_types::Type;

use super::timestamp::{decoder, encode, keeps};
use super::{CellError, Declared, Decode, OutOfRange, PgType, ReadAs, plain};
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

    fn arrow(&self, _: &Declared, read_as: &ReadAs) -> Field {
        plain(if read_as.out_of_range == OutOfRange::Text { DataType::Utf8 } else { utc() })
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Timestamp(_, Some(_)))
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        encode(declared, "timestamptz", "+00", array)
    }

    fn keeps(&self, declared: &Declared, cell: &[u8]) -> Result<(), String> {
        keeps(declared, "timestamptz", "+00", cell)
    }

    fn decoder(&self, _: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        decoder(utc(), "+00", read_as.out_of_range)
    }

    fn prints(&self) -> bool {
        true
    }

    fn creates(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Timestamp(_, Some(_))).then(|| "timestamptz".into())
    }
}
