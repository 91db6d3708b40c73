//! What decoding does with values that Python's types cannot hold, if that is not an error: infinite dates, timestamps
//! and intervals, years before 1 and after 9999, and 24:00.

use std::sync::Arc;

use pyo3::prelude::*;

use super::super::type_registry::Converter;
use super::datetime::is_infinite;
use super::{Codec, fixed_bytes, malformed, to_object};
use crate::error::Result;
use crate::types::{OutOfRange, timetz};
use crate::wire::copy::take;
use crate::wire::time::{
    DAY_US, EPOCH_DAYS, EPOCH_US, date_text, interval_text, time_text, timestamp_text, timetz_text,
};

/// 0001-01-01 and 9999-12-31, in days since 2000-01-01.
const FIRST_DAY: i32 = -719_162 - EPOCH_DAYS;
const LAST_DAY: i32 = 2_932_896 - EPOCH_DAYS;
/// The first and last microseconds of these days, since 2000-01-01.
const FIRST_US: i64 = -719_162 * DAY_US - EPOCH_US;
const LAST_US: i64 = 2_932_897 * DAY_US - EPOCH_US - 1;

/// A codec with a policy for the values that Python's type cannot hold.
pub(super) struct PolicyCodec {
    pub codec: Codec,
    beyond: FindBeyond,
    policy: OutOfRange,
}

/// A value that Python's type cannot hold.
struct Beyond {
    text: String,
    /// The nearest value that it can hold, in wire format.
    nearest: Vec<u8>,
}

/// Returns what Python's type cannot hold; `None` if it can hold the cell.
type FindBeyond = fn(&[u8]) -> Result<Option<Beyond>>;

/// Adds a policy to the codec of a type that has values beyond Python's type.
pub(super) fn with_policy(codec: Codec, policy: OutOfRange) -> Codec {
    let beyond: FindBeyond = match codec {
        _ if policy == OutOfRange::Error => return codec,
        Codec::Date => date,
        Codec::Time => time,
        Codec::Timetz => timetz,
        Codec::Timestamp => |cell| timestamp(cell, ""),
        Codec::Timestamptz => |cell| timestamp(cell, "+00"),
        Codec::Interval => interval,
        codec => return codec,
    };
    Codec::WithPolicy(Box::new(PolicyCodec { codec, beyond, policy }))
}

impl PolicyCodec {
    /// Adds the user's functions for the type. They get the nearest value; None and text are not values of theirs.
    pub fn converted(self, converter: Arc<Converter>) -> Self {
        Self { codec: Codec::Registered(Box::new(self.codec), converter), ..self }
    }

    /// Whether a value may be read as None.
    pub fn may_be_none(&self) -> bool {
        self.policy == OutOfRange::Null
    }

    /// Decodes a cell that is not NULL.
    pub fn decode<'py>(&self, py: Python<'py>, cell: &[u8]) -> Result<Bound<'py, PyAny>> {
        let Some(beyond) = (self.beyond)(cell)? else { return self.codec.decode(py, cell) };
        match self.policy {
            OutOfRange::Error => self.codec.decode(py, cell),
            OutOfRange::Null => Ok(py.None().into_bound(py)),
            OutOfRange::Clamp => self.codec.decode(py, &beyond.nearest),
            OutOfRange::Text => to_object(py, beyond.text),
        }
    }
}

/// A value with the text that a function appends.
#[cold]
fn beyond(write_text: impl FnOnce(&mut String), nearest: Vec<u8>) -> Beyond {
    let mut text = String::new();
    write_text(&mut text);
    Beyond { text, nearest }
}

fn date(cell: &[u8]) -> Result<Option<Beyond>> {
    let days = i32::from_be_bytes(fixed_bytes(cell)?);
    let nearest = days.clamp(FIRST_DAY, LAST_DAY);
    Ok((nearest != days)
        .then(|| beyond(|out| date_text(days, out), nearest.to_be_bytes().to_vec())))
}

fn time(cell: &[u8]) -> Result<Option<Beyond>> {
    let us = i64::from_be_bytes(fixed_bytes(cell)?);
    let nearest = us.clamp(0, DAY_US - 1);
    Ok((nearest != us).then(|| beyond(|out| time_text(us, out), nearest.to_be_bytes().to_vec())))
}

fn timetz(cell: &[u8]) -> Result<Option<Beyond>> {
    let (us, offset) = timetz::read(cell).map_err(malformed)?;
    let nearest = us.clamp(0, DAY_US - 1);
    if nearest == us {
        return Ok(None);
    }
    // The wire's offsets are those of POSIX, positive to the west.
    let nearest = [&nearest.to_be_bytes()[..], &(-offset).to_be_bytes()[..]].concat();
    Ok(Some(beyond(|out| timetz_text(us, offset, out), nearest)))
}

fn timestamp(cell: &[u8], zone: &str) -> Result<Option<Beyond>> {
    let us = i64::from_be_bytes(fixed_bytes(cell)?);
    let nearest = us.clamp(FIRST_US, LAST_US);
    Ok((nearest != us)
        .then(|| beyond(|out| timestamp_text(us, zone, out), nearest.to_be_bytes().to_vec())))
}

fn interval(cell: &[u8]) -> Result<Option<Beyond>> {
    let mut rest = &fixed_bytes::<16>(cell)?[..];
    let us = i64::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let days = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    let months = i32::from_be_bytes(take(&mut rest).map_err(malformed)?);
    if !is_infinite(months, days, us) {
        return Ok(None);
    }
    // The finite interval next to it is a microsecond shorter.
    let mut nearest = (us - us.signum()).to_be_bytes().to_vec();
    nearest.extend(days.to_be_bytes());
    nearest.extend(months.to_be_bytes());
    Ok(Some(beyond(|out| interval_text(months, days, us, out), nearest)))
}
