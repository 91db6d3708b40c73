//! `timestamp`: an Arrow timestamp in microseconds without a zone, from every unit.
//!
//! Wire: 8 bytes, microseconds from 2000-01-01; the ends of the range are infinities.
//! `timestamp_recv` of
//! <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/timestamp.c>.

use arrow_array::Array;
use arrow_array::types::{
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_schema::{DataType, Field, TimeUnit};
use postgres_types::Type;

use super::decode::{Fault, primitive, printed};
use super::encode::try_fixed;
use super::precision::Precision;
use super::time::whole_us;
use super::{CellError, Declared, Decode, OutOfRange, PgType, ReadAs, plain};
use crate::wire::time::{EPOCH_US, timestamp_text};
use crate::wire::{self, cells::Cells};

/// `timestamp`, without time zone.
pub struct Timestamp;

const ARROW: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

impl PgType for Timestamp {
    fn pg_type(&self) -> Option<Type> {
        Some(Type::TIMESTAMP)
    }

    fn arrow(&self, _: &Declared, read_as: &ReadAs) -> Field {
        plain(if read_as.out_of_range == OutOfRange::Text { DataType::Utf8 } else { ARROW })
    }

    fn accepts(&self, _: &Declared, source: &Field) -> bool {
        matches!(source.data_type(), DataType::Timestamp(_, None))
    }

    fn encode<'a>(
        &self,
        declared: &Declared,
        array: &'a dyn Array,
    ) -> Result<Cells<'a>, CellError> {
        encode(declared, "timestamp", "", array)
    }

    fn keeps(&self, declared: &Declared, cell: &[u8]) -> Result<(), String> {
        keeps(declared, "timestamp", "", cell)
    }

    fn decoder(&self, _: &Declared, read_as: &ReadAs) -> Box<dyn Decode> {
        decoder(ARROW, "", read_as.out_of_range)
    }

    fn prints(&self) -> bool {
        true
    }

    fn creates(&self, source: &Field) -> Option<String> {
        matches!(source.data_type(), DataType::Timestamp(_, None)).then(|| "timestamp".into())
    }
}

/// Encodes Arrow timestamps of any unit; they count from the Unix epoch whatever their zone.
/// Errors show them with `zone` behind.
pub(super) fn encode(
    declared: &Declared,
    name: &str,
    zone: &str,
    array: &dyn Array,
) -> Result<Cells<'static>, CellError> {
    let precision = Precision::of(declared.typmod);
    let from_unix = |us, given, unit| {
        let us = from_unix(us, given, unit)?;
        let us = precision.keeps(us, name, |out| timestamp_text(us, zone, out))?;
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

/// Whether a column keeps all digits of a cell.
pub(super) fn keeps(
    declared: &Declared,
    name: &str,
    zone: &str,
    cell: &[u8],
) -> Result<(), String> {
    let us = i64::from_be_bytes(wire::fixed(cell).map_err(|malformed| malformed.0)?);
    let kept = Precision::of(declared.typmod).keeps(us, name, |out| timestamp_text(us, zone, out));
    kept.map(|_| ())
}

/// The server checks its narrower range; its infinities are not to be met by accident.
fn from_unix(us: Option<i64>, given: i64, unit: &str) -> Result<i64, String> {
    us.and_then(|us| us.checked_sub(EPOCH_US))
        .filter(|us| *us != i64::MIN)
        .ok_or_else(|| format!("{given} {unit} from 1970-01-01 is out of range for timestamp"))
}

/// Decodes to timestamps in microseconds; as text with `zone` behind it.
pub(super) fn decoder(
    arrow: DataType,
    zone: &'static str,
    out_of_range: OutOfRange,
) -> Box<dyn Decode> {
    if out_of_range == OutOfRange::Text {
        return printed(move |cell, out| {
            timestamp_text(i64::from_be_bytes(wire::fixed(cell)?), zone, out);
            Ok(())
        });
    }
    primitive::<TimestampMicrosecondType, _>(arrow, out_of_range, move |cell| {
        let us = i64::from_be_bytes(wire::fixed(cell)?);
        us.checked_add(EPOCH_US).filter(|_| us != i64::MIN).ok_or_else(|| {
            let mut value = String::new();
            timestamp_text(us, zone, &mut value);
            let nearest = if us < 0 { i64::MIN } else { i64::MAX };
            Fault::OutOfRange { nearest: Some(nearest), value }
        })
    })
}
