//! `interval`: an Arrow `month_day_nano` interval; every interval and duration type is accepted.
//!
//! Wire: microseconds (8 bytes), days (4), months (4), none of which is converted to another.
//! `interval_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/timestamp.c>.

use arrow_array::Array;
use arrow_array::types::{
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};
use postgres_types::Type;

use super::decode::{DecodeError, formatted, primitive};
use super::encode::try_fixed;
use super::time::whole_us;
use super::typmod_precision::IntervalFields;
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::cells::Cells;
use crate::wire::copy::take;
use crate::wire::time::interval_text;
use crate::wire::{self, Malformed};

/// `interval`.
pub struct Interval;

const ARROW: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

impl PgType for Interval {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::INTERVAL)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(if read_as.out_of_range == OutOfRange::Text {
            DataType::Utf8
        } else {
            ARROW
        })
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Interval(_) | DataType::Duration(_))
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        let parts = IntervalFields::of(declared.typmod);
        let bytes = |months, days, us| {
            parts.check(months, days, us)?;
            Ok(bytes(months, days, us))
        };
        let span = |us: Option<i64>, given: i64| {
            bytes(0, 0, us.ok_or_else(|| format!("{given} is out of range for interval"))?)
        };
        match array.data_type() {
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                try_fixed::<IntervalMonthDayNanoType, 16>(array, |v| {
                    bytes(v.months, v.days, whole_us(v.nanoseconds)?)
                })
            }
            DataType::Interval(IntervalUnit::YearMonth) => {
                try_fixed::<IntervalYearMonthType, 16>(array, |months| bytes(months, 0, 0))
            }
            DataType::Interval(IntervalUnit::DayTime) => {
                try_fixed::<IntervalDayTimeType, 16>(array, |v| {
                    bytes(0, v.days, i64::from(v.milliseconds) * 1000)
                })
            }
            DataType::Duration(TimeUnit::Second) => {
                try_fixed::<DurationSecondType, 16>(array, |v| span(v.checked_mul(1_000_000), v))
            }
            DataType::Duration(TimeUnit::Millisecond) => {
                try_fixed::<DurationMillisecondType, 16>(array, |v| span(v.checked_mul(1000), v))
            }
            DataType::Duration(TimeUnit::Microsecond) => {
                try_fixed::<DurationMicrosecondType, 16>(array, |v| span(Some(v), v))
            }
            DataType::Duration(TimeUnit::Nanosecond) => {
                try_fixed::<DurationNanosecondType, 16>(array, |v| span(Some(whole_us(v)?), v))
            }
            _ => Err(CellError::unexpected(array)),
        }
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        let (months, days, us) = parts(cell).map_err(|malformed| malformed.0)?;
        IntervalFields::of(declared.typmod).check(months, days, us)
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        if read_as.out_of_range == OutOfRange::Text {
            return formatted(|cell, out| {
                let (months, days, us) = parts(cell)?;
                interval_text(months, days, us, out);
                Ok(())
            });
        }
        primitive::<IntervalMonthDayNanoType, _>(ARROW, read_as.out_of_range, |cell| {
            let (months, days, us) = parts(cell)?;
            let infinite = matches!(
                (months, days, us),
                (i32::MAX, i32::MAX, i64::MAX) | (i32::MIN, i32::MIN, i64::MIN)
            );
            let ns = us.checked_mul(1000).filter(|_| !infinite).ok_or_else(|| {
                let mut value = String::new();
                interval_text(months, days, us, &mut value);
                // i64::MIN is NaT to numpy and pandas.
                let ns = if us < 0 { -i64::MAX } else { i64::MAX };
                let nearest = Some(IntervalMonthDayNano::new(months, days, ns));
                DecodeError::OutOfRange { nearest, value }
            })?;
            Ok(IntervalMonthDayNano::new(months, days, ns))
        })
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Interval(_) | DataType::Duration(_))
            .then(|| "interval".into())
    }
}

fn bytes(months: i32, days: i32, us: i64) -> [u8; 16] {
    let bytes = i128::from(us) << 64
        | i128::from(days.cast_unsigned()) << 32
        | i128::from(months.cast_unsigned());
    bytes.to_be_bytes()
}

fn parts(cell: &[u8]) -> Result<(i32, i32, i64), Malformed> {
    let mut rest = &wire::fixed::<16>(cell)?[..];
    let us = i64::from_be_bytes(take(&mut rest)?);
    let days = i32::from_be_bytes(take(&mut rest)?);
    Ok((i32::from_be_bytes(take(&mut rest)?), days, us))
}
