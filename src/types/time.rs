//! `time`: an Arrow time64 in microseconds; every Arrow time is accepted.
//!
//! Wire: 8 bytes, microseconds since midnight, 24:00 included. `time_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/date.c>.

use arrow_array::Array;
use arrow_array::types::{
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
};
use arrow_schema::{DataType, Field, TimeUnit};
use postgres_types::Type;

use super::decode::{DecodeError, formatted, primitive};
use super::encode::try_fixed;
use super::typmod_precision::Precision;
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::time::{DAY_US, time_text};
use crate::wire::{self, cells::Cells};

/// `time`.
pub struct Time;

const ARROW: DataType = DataType::Time64(TimeUnit::Microsecond);

impl PgType for Time {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TIME)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(if read_as.out_of_range == OutOfRange::Text {
            DataType::Utf8
        } else {
            ARROW
        })
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Time32(_) | DataType::Time64(_))
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let precision = Precision::of(declared.typmod);
        let of_day = |us| of_day(precision.check(us, "time", |out| time_text(us, out))?);
        match array.data_type() {
            DataType::Time32(TimeUnit::Second) => {
                try_fixed::<Time32SecondType, 8>(array, |v| of_day(i64::from(v) * 1_000_000))
            }
            DataType::Time32(_) => {
                try_fixed::<Time32MillisecondType, 8>(array, |v| of_day(i64::from(v) * 1000))
            }
            DataType::Time64(TimeUnit::Nanosecond) => {
                try_fixed::<Time64NanosecondType, 8>(array, |ns| of_day(whole_us(ns)?))
            }
            _ => try_fixed::<Time64MicrosecondType, 8>(array, of_day),
        }
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        let us = i64::from_be_bytes(wire::fixed(cell).map_err(|malformed| malformed.0)?);
        Precision::of(declared.typmod).check(us, "time", |out| time_text(us, out)).map(|_| ())
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        if read_as.out_of_range == OutOfRange::Text {
            return formatted(|cell, out| {
                time_text(i64::from_be_bytes(wire::fixed(cell)?), out);
                Ok(())
            });
        }
        primitive::<Time64MicrosecondType, _>(ARROW, read_as.out_of_range, |cell| {
            let us = i64::from_be_bytes(wire::fixed(cell)?);
            // Arrow's day ends before 24:00.
            if (0..DAY_US).contains(&us) {
                return Ok(us);
            }
            let mut value = String::new();
            time_text(us, &mut value);
            Err(DecodeError::OutOfRange { nearest: Some(us.clamp(0, DAY_US - 1)), value })
        })
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Time32(_) | DataType::Time64(_))
            .then(|| "time".into())
    }
}

fn of_day(us: i64) -> Result<[u8; 8], String> {
    if (0..=DAY_US).contains(&us) {
        Ok(us.to_be_bytes())
    } else {
        Err(format!("{us} µs from midnight is out of range for time"))
    }
}

/// Converts nanoseconds that are whole microseconds.
pub(super) fn whole_us(ns: i64) -> Result<i64, String> {
    if ns % 1000 == 0 {
        Ok(ns / 1000)
    } else {
        Err(format!(
            "{ns} ns is not a whole number of microseconds, PostgreSQL's unit; round it first"
        ))
    }
}
