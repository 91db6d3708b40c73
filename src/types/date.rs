//! `date`: an Arrow date32, also from date64 on whole days.
//!
//! Wire: 4 bytes, days from 2000-01-01; the ends of the range are infinities. `date_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/date.c>.

use arrow_array::Array;
use arrow_array::types::{Date32Type, Date64Type};
use arrow_schema::{DataType, Field};
use postgres_types::Type;

use super::decode::{Fault, primitive, printed};
use super::encode::try_fixed;
use super::{CellError, Declared, Decode, OutOfRange, PgType, ReadAs, plain};
use crate::wire::time::{EPOCH_DAYS, date_text};
use crate::wire::{self, cells::Cells};

/// `date`.
pub struct Date;

const DAY_MS: i64 = 86_400_000;

impl PgType for Date {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::DATE)
    }

    fn arrow(&self, _: &Declared, read_as: &ReadAs) -> Field {
        plain(match read_as.out_of_range {
            OutOfRange::Text => DataType::Utf8,
            _ => DataType::Date32,
        })
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Date32 | DataType::Date64)
    }

    fn encode<'a>(&self, _: &Declared, array: &'a dyn Array) -> Result<Cells<'a>, CellError> {
        if *array.data_type() == DataType::Date64 {
            return try_fixed::<Date64Type, 4>(array, |ms| {
                if ms % DAY_MS != 0 {
                    return Err(format!(
                        "{ms} ms is no whole day; use timestamp, or cast to date32"
                    ));
                }
                days(ms / DAY_MS)
            });
        }
        try_fixed::<Date32Type, 4>(array, |unix| days(unix.into()))
    }

    fn decoder(&self, _: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        if read_as.out_of_range == OutOfRange::Text {
            return printed(|cell, out| {
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
                Fault::OutOfRange { nearest: Some(nearest), value }
            })
        })
    }

    fn prints(&self) -> bool {
        true
    }

    fn creates(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Date32 | DataType::Date64).then(|| "date".into())
    }
}

/// Days from the Unix epoch to PostgreSQL's; the ends of the range, its infinities, left out. The
/// server checks its narrower range.
fn days(unix: i64) -> Result<[u8; 4], String> {
    i32::try_from(unix - i64::from(EPOCH_DAYS))
        .ok()
        .filter(|days| !matches!(*days, i32::MAX | i32::MIN))
        .map(i32::to_be_bytes)
        .ok_or_else(|| format!("day {unix} from 1970-01-01 is out of range for date"))
}
