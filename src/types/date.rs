//! `date`: an Arrow date32; date64 values that are whole days are accepted too.
//!
//! Wire: 4 bytes, days since 2000-01-01; the least and greatest values are the infinities.
//! `date_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/date.c>.

use arrow_array::Array;
use arrow_array::types::{Date32Type, Date64Type};
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::{DecodeError, formatted, primitive};
use super::encode::try_fixed;
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::time::{EPOCH_DAYS, date_text};
use crate::wire::{self, cells::Cells};

/// `date`.
pub struct Date;

const DAY_MS: i64 = 86_400_000;

impl PgType for Date {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::DATE)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(match read_as.out_of_range {
            OutOfRange::Text => DataType::Utf8,
            _ => DataType::Date32,
        })
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Date32 | DataType::Date64)
    }

    fn encode<'a>(&self, _: &ColumnType, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if *array.data_type() == DataType::Date64 {
            return try_fixed::<Date64Type, 4>(array, |ms| {
                if ms % DAY_MS != 0 {
                    return Err(format!(
                        "{ms} ms is not a whole day; use timestamp, or cast to date32"
                    ));
                }
                days(ms / DAY_MS)
            });
        }
        try_fixed::<Date32Type, 4>(array, |unix| days(unix.into()))
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        if read_as.out_of_range == OutOfRange::Text {
            return formatted(|cell, out| {
                date_text(i32::from_be_bytes(wire::fixed(cell)?), out);
                Ok(())
            });
        }
        primitive::<Date32Type, _>(DataType::Date32, read_as.out_of_range, |cell| {
            let days = i32::from_be_bytes(wire::fixed(cell)?);
            let finite = !matches!(days, i32::MAX | i32::MIN);
            days.checked_add(EPOCH_DAYS).filter(|_| finite).ok_or_else(|| {
                let mut value = String::new();
                date_text(days, &mut value);
                let nearest = if days < 0 { i32::MIN } else { i32::MAX };
                DecodeError::OutOfRange { nearest: Some(nearest), value }
            })
        })
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Date32 | DataType::Date64).then(|| "date".into())
    }
}

/// Converts days since 1970-01-01 to the wire format; the values that mean infinity are refused.
/// The server checks its narrower range.
fn days(unix: i64) -> Result<[u8; 4], String> {
    i32::try_from(unix - i64::from(EPOCH_DAYS))
        .ok()
        .filter(|days| !matches!(*days, i32::MAX | i32::MIN))
        .map(i32::to_be_bytes)
        .ok_or_else(|| format!("day {unix} from 1970-01-01 is out of range for date"))
}
