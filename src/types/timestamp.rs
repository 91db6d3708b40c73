//! `timestamp`: an Arrow timestamp in microseconds without time zone; every unit is accepted.
//!
//! Wire: 8 bytes, microseconds since 2000-01-01; the least and greatest values are the infinities.
//! `timestamp_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/timestamp.c>.

use arrow_array::Array;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_schema::{DataType, Field, TimeUnit};
use postgres_types::Type;

use super::decode::{DecodeError, formatted, primitive};
use super::encode::try_fixed;
use super::time::whole_us;
use super::typmod_precision::Precision;
use super::{CellError, ColumnType, Decode, OutOfRange, PgType, ReadAs, nullable_field};
use crate::wire::time::{EPOCH_US, timestamp_text};
use crate::wire::{self, cells::Cells};

/// `timestamp`, without time zone.
pub struct Timestamp;

const ARROW: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

impl PgType for Timestamp {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TIMESTAMP)
    }

    fn arrow(&self, _: &ColumnType, read_as: &ReadAs) -> Field {
        nullable_field(if read_as.out_of_range == OutOfRange::Text {
            DataType::Utf8
        } else {
            ARROW
        })
    }

    fn accepts(&self, _: &ColumnType, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Timestamp(_, None))
    }

    fn encode<'a>(
        &self,
        declared: &ColumnType,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        encode(declared, "timestamp", "", array)
    }

    fn check_exact(&self, declared: &ColumnType, cell: &[u8]) -> Result<(), String> {
        check_precision(declared, "timestamp", "", cell)
    }

    fn decoder(&self, _: &ColumnType, read_as: &ReadAs) -> Box<dyn Decode> {
        decoder(ARROW, "", read_as.out_of_range)
    }

    fn decodes_to_text(&self) -> bool {
        true
    }

    fn ddl_type_for(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Timestamp(_, None)).then(|| "timestamp".into())
    }
}

/// Encodes Arrow timestamps of any unit, which count from the Unix epoch whatever their time zone.
/// Error messages append `zone`, such as `+00`.
pub(super) fn encode(
    declared: &ColumnType,
    name: &str,
    zone: &str,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    let precision = Precision::of(declared.typmod);
    let from_unix = |us, given, unit| {
        let us = from_unix(us, given, unit)?;
        let us = precision.check(us, name, |out| timestamp_text(us, zone, out))?;
        Ok(us.to_be_bytes())
    };
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return Err(CellError::unexpected(array));
    };
    match unit {
        TimeUnit::Second => try_fixed::<TimestampSecondType, 8>(array, |v| {
            from_unix(v.checked_mul(1_000_000), v, "s")
        }),
        TimeUnit::Millisecond => try_fixed::<TimestampMillisecondType, 8>(array, |v| {
            from_unix(v.checked_mul(1000), v, "ms")
        }),
        TimeUnit::Microsecond => {
            try_fixed::<TimestampMicrosecondType, 8>(array, |v| from_unix(Some(v), v, "µs"))
        }
        TimeUnit::Nanosecond => try_fixed::<TimestampNanosecondType, 8>(array, |v| {
            from_unix(Some(whole_us(v)?), v, "ns")
        }),
    }
}

/// Checks that a column's precision stores all digits of a cell.
pub(super) fn check_precision(
    declared: &ColumnType,
    name: &str,
    zone: &str,
    cell: &[u8],
) -> Result<(), String> {
    let us = i64::from_be_bytes(wire::fixed(cell).map_err(|malformed| malformed.0)?);
    let checked =
        Precision::of(declared.typmod).check(us, name, |out| timestamp_text(us, zone, out));
    checked.map(|_| ())
}

/// Converts microseconds since 1970-01-01 to PostgreSQL's epoch; the value that means -infinity is
/// refused. The server checks its narrower range.
fn from_unix(us: Option<i64>, given: i64, unit: &str) -> Result<i64, String> {
    us.and_then(|us| us.checked_sub(EPOCH_US))
        .filter(|us| *us != i64::MIN)
        .ok_or_else(|| format!("{given} {unit} from 1970-01-01 is out of range for timestamp"))
}

/// A decoder to timestamps in microseconds, or to text with `zone` appended.
pub(super) fn decoder(
    arrow: DataType,
    zone: &'static str,
    out_of_range: OutOfRange,
) -> Box<dyn Decode> {
    if out_of_range == OutOfRange::Text {
        return formatted(move |cell, out| {
            timestamp_text(i64::from_be_bytes(wire::fixed(cell)?), zone, out);
            Ok(())
        });
    }
    primitive::<TimestampMicrosecondType, _>(arrow, out_of_range, move |cell| {
        let us = i64::from_be_bytes(wire::fixed(cell)?);
        us.checked_add(EPOCH_US).filter(|_| us != i64::MIN).ok_or_else(|| {
            let mut value = String::new();
            timestamp_text(us, zone, &mut value);
            // i64::MIN is NaT to numpy and pandas.
            let nearest = if us < 0 { -i64::MAX } else { i64::MAX };
            DecodeError::OutOfRange { nearest: Some(nearest), value }
        })
    })
}
